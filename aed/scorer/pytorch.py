"""The scorer's torch backend: a `TreeModel` behind the protocol. The only file between detection and torch.

A network gives other bits at another batch size. So every call of the network here has one fixed batch size, filled
up with silence: a block's scores do not depend on how many blocks were ready, and a stream equals its file bit for
bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from aed.errors import ConfigError
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.checks import clip_samples, numbers
from aed.scorer.protocol import BlockLayout

DEFAULT_BATCH_BLOCKS = 1
"""One block is about ten seconds of sound: more in a batch gains nothing on a processor and would be wasted live."""


class PyTorchScorer:
    """Scores blocks and clips with a trained model.

    Args:
        model: The model; it is moved to the device and set to evaluation.
        device: Where to compute: "cpu", "cuda", "cuda:1", ...
        batch_blocks: Blocks in every call of the network, on a GPU better 16 than 1.

    Raises:
        ConfigError: The device is unknown or not there.
    """

    def __init__(self, model: TreeModel, device: str = "cpu", batch_blocks: int = DEFAULT_BATCH_BLOCKS) -> None:
        if batch_blocks < 1:
            raise ConfigError(f"batch_blocks must be at least 1, got {batch_blocks}")
        self._device = _usable_device(device)
        self._model = model.to(self._device).eval()
        self._batch_blocks = batch_blocks
        self.taxonomy: Taxonomy = model.taxonomy
        self.layout: BlockLayout = model.layout
        self.embedding_dim: int = model.encoder.dim

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks: `(batch, block_samples)` float32 -> `(batch, rows_per_block, node)` float32 log P.

        Raises:
            ModelError: The model gives no number.
        """
        scores = np.empty((len(blocks), self.layout.rows_per_block, self.taxonomy.num_nodes), dtype=np.float32)
        for places, batch in self._batches(blocks):
            with torch.inference_mode():
                scores[places] = _numpy(self._model.score_windows(batch), places)
        return numbers(scores)

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score blocks and embed their rows; see `EmbeddingScorer.score_and_embed`.

        Raises:
            ModelError: The model gives no number.
        """
        rows = self.layout.rows_per_block
        scores = np.empty((len(blocks), rows, self.taxonomy.num_nodes), dtype=np.float32)
        embedded = np.empty((len(blocks), rows, self.embedding_dim), dtype=np.float32)
        for places, batch in self._batches(blocks):
            with torch.inference_mode():
                embeddings = self._model.embed(batch)
                scores[places] = _numpy(self._model.decide_windows(embeddings), places)
                embedded[places] = _numpy(self._model.mean_windows(embeddings), places)
        return numbers(scores), numbers(embedded)

    def _batches(self, blocks: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        """Cut blocks into batches of the one size, filled up with silence; yields which blocks each holds."""
        for start in range(0, len(blocks), self._batch_blocks):
            batch = blocks[start : start + self._batch_blocks]
            full = np.zeros((self._batch_blocks, self.layout.block_samples), dtype=np.float32)
            full[: len(batch)] = batch
            yield slice(start, start + len(batch)), torch.from_numpy(full).to(self._device)

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        """Score a clip as a whole; one shorter than a window is filled up with silence.

        Args:
            samples: `(samples,)` at the layout's rate.

        Returns:
            `(node,)` float32 log P.

        Raises:
            AudioError: There is no sample, or more than one channel.
            ModelError: The model gives no number.
        """
        clip = clip_samples(samples, self.layout.window_samples)
        with torch.inference_mode():
            log_p = self._model.score_clips(torch.from_numpy(clip[None]).to(self._device)).log_p
        return numbers(log_p[0].float().cpu().numpy())


def _numpy(batch: torch.Tensor, places: slice) -> np.ndarray:
    """The part of a batch that is not filling, as float32."""
    whole: np.ndarray = batch[: places.stop - places.start].float().cpu().numpy()
    return whole


def load_scorer(folder: Path | str, device: str = "cpu") -> PyTorchScorer:
    """Load a model folder as a scorer.

    Raises:
        ModelError: The folder holds no whole model.
        ConfigError: The device is unknown or not there.
    """
    return PyTorchScorer(TreeModel.load(folder), device)


def _usable_device(name: str) -> torch.device:
    """Find the device by putting a number on it: names parse that no machine has."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
    ) as error:  # torch uses all three for a device that is not there
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device '{name}' cannot be used here ({reason}); expected 'cpu', or 'cuda' with a GPU"
        ) from error
    if device.type == "meta":
        raise ConfigError("device 'meta' computes nothing; expected 'cpu', or 'cuda' with a GPU")
    return device
