"""The pretrained encoder of a run: made once for all runs that need the same, whichever process comes first.

A linear probe, a fine-tuning and all label budgets of a fold share one pretraining, since labels have no say in it. It
lies in the cache, which may be deleted at any time: the same settings and clips make it again. A killed one goes on
from its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from torch import Tensor

from aed.data.frames import FrameStore
from aed.data.records import Clip
from aed.data.waveforms import Progress, cache_folder, file_version
from aed.encoder.base import Encoder
from aed.encoder.registry import build_encoder
from aed.errors import ModelError
from aed.pretrain.config import PretrainConfig
from aed.pretrain.learner import Learner
from aed.pretrain.registry import build_learner
from aed.pretrain.segments import SegmentPairs
from aed.storage import write_atomic
from aed.train.checkpoint import FILE_NAME as CHECKPOINT
from aed.train.pretraining import pretrain
from aed.train.recipe import Recipe

WEIGHTS_FILE, SETTINGS_FILE = "encoder.safetensors", "settings.json"
_LOCK = "lock"
_FORMAT = 1
"""Part of the key: raise it when the same settings pretrain otherwise."""
_KEY_DIGITS = 20
_SEGMENTS_PER_CLIP = 2
_WAITING_TOLD_SECONDS = 2.0


@dataclass(frozen=True)
class Pretrained:
    """What pretraining left.

    Attributes:
        weights: The encoder's, batch norm's statistics included.
        record: How it was made, for `run.json`: method, steps, clips, clips through the network (segments counted by
            their share of `data.clip_seconds`), seconds.
    """

    weights: dict[str, Tensor]
    record: dict[str, Any]


def pretrained_encoder(
    recipe: Recipe,
    config: PretrainConfig,
    store: FrameStore,
    training: Sequence[Clip],
    fabric: Fabric,
    progress: Progress | None = None,
) -> Pretrained:
    """Read the pretrained encoder of a recipe, pretraining it first where nobody did so before.

    A second process that needs the same waits for the first one. The result depends on the recipe's seed and the
    clips, not on restarts.

    Args:
        recipe: Encoder, front end, seed.
        config: How to pretrain.
        store: Frames of the clips.
        training: Training clips; those that the store skipped are left out.
        fabric: Decides device and precision; one process does all the work.
        progress: Told of some steps.

    Raises:
        DataError: There are fewer than two clips.
        ModelError: What lies in the cache is damaged.
        StorageError: The cache cannot be written.
    """
    place = {clip.clip_id: index for index, clip in enumerate(store.clips)}
    clips = [clip for clip in training if clip.clip_id in place]
    learner = _fresh_learner(recipe, config)
    segments = SegmentPairs(
        store,
        np.asarray([place[clip.clip_id] for clip in clips], dtype=np.int64),
        num_frames=_segment_frames(recipe, config, learner.encoder),
        batch_size=config.batch_size,
        views=config.views,
        seed=recipe.seed,
        device=fabric.device,
    )
    settings = _settings(recipe, config, clips, fabric, learner.encoder)
    folder = cache_folder() / "pretrained" / hashlib.sha256(settings.encode()).hexdigest()[:_KEY_DIGITS]
    write_atomic(folder / SETTINGS_FILE, settings)
    with _locked(folder / _LOCK, config.steps, progress):
        if not (folder / WEIGHTS_FILE).exists():
            seconds = pretrain(learner, segments, config, fabric, folder, progress)
            _write(folder / WEIGHTS_FILE, learner.encoder, seconds)
            (folder / CHECKPOINT).unlink(missing_ok=True)
    weights, seconds = _read(folder / WEIGHTS_FILE)
    forward_seconds = config.steps * segments.batch_size * _SEGMENTS_PER_CLIP * config.segment_seconds
    record = {
        "method": config.method,
        "steps": config.steps,
        "clips": len(clips),
        "forward_clips": round(forward_seconds / recipe.data.clip_seconds),
        "seconds": seconds,
    }
    return Pretrained(weights, record)


def _settings(recipe: Recipe, config: PretrainConfig, clips: Sequence[Clip], fabric: Fabric, encoder: Encoder) -> str:
    """All that has a say in the weights, as JSON; device and precision do, since they round differently."""
    parts = {
        "format": _FORMAT,
        "seed": recipe.seed,
        "device": fabric.device.type,
        "precision": fabric.strategy.precision.precision,
        "encoder": recipe.model.encoder.model_dump(mode="json"),
        "weights": {name: list(tensor.shape) for name, tensor in encoder.state_dict().items()},
        "features": recipe.model.features.model_dump(mode="json"),
        "pretrain": config.model_dump(mode="json"),
        "clips": {clip.clip_id: file_version(clip.path) for clip in clips},
    }
    return json.dumps(parts, indent=1) + "\n"


def _segment_frames(recipe: Recipe, config: PretrainConfig, encoder: Encoder) -> int:
    """Frames of a segment, whole embeddings."""
    embedding_seconds = recipe.model.features.hop_samples * encoder.stride_frames / recipe.model.features.rate_hz
    return max(1, round(config.segment_seconds / embedding_seconds)) * encoder.stride_frames


def _fresh_learner(recipe: Recipe, config: PretrainConfig) -> Learner:
    """Learner with initial weights drawn from the recipe's seed; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return build_learner(config, build_encoder(recipe.model.encoder))


@contextmanager
def _locked(path: Path, steps: int, progress: Progress | None) -> Iterator[None]:
    """Hold a lock, which the operating system frees however its holder ends; say so while another process has it."""
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_WAITING_TOLD_SECONDS)
        except Timeout:
            if progress:
                progress("another run pretrains, waiting", 0, steps)
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, encoder: Encoder, seconds: float) -> None:
    weights = {name: tensor.cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    write_atomic(path, safetensors.torch.save(weights, {"seconds": f"{seconds:.3f}"}))


def _read(path: Path) -> tuple[dict[str, Tensor], float]:
    """Weights, and the seconds that they took."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, float(file.metadata()["seconds"])  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, TypeError, LookupError, ValueError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"{path}: damaged ({why}); delete it to pretrain again") from error
