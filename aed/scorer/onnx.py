"""The scorer's onnxruntime backend: an exported model behind the protocol. No torch here.

Blocks by themselves go through the graph one by one, on one thread: the same block gives the same bits, however many
were ready. What the graph's layers need of the past is an input and an output (`aed.export.graph`): zeros around a clip
or block by itself, and what the last call kept in a stream (`aed.scorer.onnx_stream`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,  # onnxruntime's own error of that name
    RuntimeException,
)

from aed.errors import ConfigError, ModelError
from aed.ontology.structure import Taxonomy
from aed.scorer.checks import clip_samples, numbers
from aed.scorer.onnx_card import EMBEDDINGS, INPUT, ROWS, SCORES, OnnxCard
from aed.scorer.onnx_inputs import block_rows, clip_rows, decisions, inputs_alone
from aed.scorer.onnx_stream import BLOCKS_AT_ONCE, OnnxStream, gives_same_bits_at_once, kept_of_silence
from aed.scorer.protocol import BlockLayout

_UNREADABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
"""What onnxruntime raises for what is no model, or not one that it can run; they have no common base."""
_ONLY_FATAL = 4
"""onnxruntime's log level: what goes wrong reaches us as an exception."""


class OnnxScorer:
    """Scores blocks and clips with an exported model.

    Args:
        content: Of the `.onnx` file.
        name: Of the file, for messages.
        threads: Threads of one call; a block is too small to gain from a second.

    Attributes:
        card: What the file says of itself.

    Raises:
        ModelError: The content is not a whole model that 'aed export' wrote.
    """

    def __init__(self, content: bytes, name: str, threads: int = 1) -> None:
        self._session, self._name = _session(content, name, threads), name
        self.card = OnnxCard.from_metadata(self._session.get_modelmeta().custom_metadata_map, name)
        self.taxonomy: Taxonomy = self.card.taxonomy
        self.layout: BlockLayout = self.card.layout
        _check_graph(self._session, self.card, name)
        self._silence: dict[str, np.ndarray] | None = None
        self._at_once = 1

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks: `(batch, block_samples)` float32 -> `(batch, rows_per_block, node)` float32 log P.

        Raises:
            ModelError: The model gives no number.
        """
        scores = np.empty((len(blocks), self.layout.rows_per_block, self.taxonomy.num_nodes), dtype=np.float32)
        rows = block_rows(self.card)
        for block, of_block in zip(blocks, scores, strict=True):
            (found,) = self._run([SCORES], block, rows)
            of_block[:] = decisions(self.card, found, rows)
        return numbers(scores)

    @property
    def embedding_dim(self) -> int:
        """Size of an embedding."""
        return int(next(value.shape[-1] for value in self._session.get_outputs() if value.name == EMBEDDINGS))

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score blocks and embed their rows; see `EmbeddingScorer.score_and_embed`.

        Raises:
            ModelError: The model gives no number.
        """
        shape = len(blocks), self.layout.rows_per_block
        scores = np.empty((*shape, self.taxonomy.num_nodes), dtype=np.float32)
        embedded = np.empty((*shape, self.embedding_dim), dtype=np.float32)
        rows = block_rows(self.card)
        for place, block in enumerate(blocks):
            found, embeddings = self._run([SCORES, EMBEDDINGS], block, rows)
            scores[place] = decisions(self.card, found, rows)
            embedded[place] = embeddings[rows].mean(axis=1)
        return numbers(scores), numbers(embedded)

    def open_stream(self) -> OnnxStream:
        """Begin a stream; see `StreamingScorer.open_stream`."""
        if self._silence is None:
            self._silence = kept_of_silence(self._session, self.card)
            self._at_once = BLOCKS_AT_ONCE if gives_same_bits_at_once(self._session, self.card) else 1
        return OnnxStream(self._session, self.card, self._silence, self._at_once)

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
        rows = clip_rows(self.card, len(clip))
        (found,) = self._run([SCORES], clip, rows)
        return numbers(decisions(self.card, found, rows)[0])

    def _run(self, outputs: list[str], samples: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        """Run the graph over samples by themselves: the named outputs of its one batch."""
        try:
            found: list[np.ndarray] = self._session.run(outputs, inputs_alone(self.card, samples, rows))
        except _UNREADABLE as error:
            why = " ".join(str(error).split())
            raise ModelError(f"{self._name}: the graph fails on {samples.size} samples ({why})") from error
        return [values[0] for values in found]


def load_scorer(path: Path | str, device: str = "cpu") -> OnnxScorer:
    """Load an exported model as a scorer.

    Raises:
        ModelError: There is no such file, or it is not a whole model that 'aed export' wrote.
        ConfigError: The device is not the processor.
    """
    if device != "cpu":
        raise ConfigError(f"device '{device}': an exported model runs on 'cpu'; load the model's folder for others")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); export a model with 'aed export'") from error
    return OnnxScorer(content, str(path))


def _session(content: bytes, name: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ONLY_FATAL
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _UNREADABLE as error:
        why = " ".join(str(error).split())
        raise ModelError(f"{name}: not an ONNX model, damaged or cut short ({why}); export the model anew") from error


def _check_graph(session: onnxruntime.InferenceSession, card: OnnxCard, name: str) -> None:
    """The graph must be the one that its metadata tell of."""
    found = {value.name for value in (*session.get_inputs(), *session.get_outputs())}
    around = {name for layer in card.kept for name in (*layer.around_clip(), layer.output)}
    expected = {INPUT, SCORES, EMBEDDINGS, *around} | ({ROWS} if card.pooling_exponent is None else set())
    nodes = [value.shape[-1] for value in session.get_outputs() if value.name == SCORES]
    if found != expected or nodes != [card.taxonomy.num_nodes]:
        differing = ", ".join(sorted(found ^ expected)) or f"{SCORES} of {nodes} nodes"
        raise ModelError(
            f"{name}: the graph and its metadata tell of different inputs and outputs ({differing}); export the model "
            "anew"
        )
