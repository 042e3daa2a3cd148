"""The loop of pretraining: one process, resumable at any step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from aed.data.waveforms import Progress
from aed.pretrain.config import PretrainConfig
from aed.pretrain.learner import Learner
from aed.pretrain.segments import SegmentPairs
from aed.train.checkpoint import damaged_checkpoint, load_checkpoint, save_checkpoint
from aed.train.loop import finite_numbers, parameter_groups, set_learning_rate

_CHECKPOINT_SECONDS = 30.0
_TOLD_EVERY_STEPS = 10


def pretrain(
    learner: Learner,
    segments: SegmentPairs,
    config: PretrainConfig,
    fabric: Fabric,
    folder: Path,
    progress: Progress | None = None,
) -> float:
    """Train a learner's encoder, going on from the folder's checkpoint where there is one.

    Args:
        learner: Trained in place, and left in training mode.
        segments: Pair of views of each step.
        config: Steps, learning rate.
        fabric: Decides device and precision.
        folder: For checkpoints; nothing else may write there.
        progress: Told of some steps, and of the last one.

    Returns:
        Seconds that it took, those before an interruption included.

    Raises:
        ConfigError: The loss is no finite number.
        ModelError: The checkpoint is damaged.
        StorageError: A checkpoint cannot be written.
    """
    learner.to(fabric.device).train()
    optimizer = torch.optim.AdamW(parameter_groups(learner, config.weight_decay), lr=config.lr)
    first_step, seconds_before = _restore(folder, learner, optimizer)
    started = last_saved = time.monotonic()
    for step in range(first_step, config.steps):
        set_learning_rate(optimizer, config, step)
        with fabric.autocast():
            losses = learner(*segments[step])
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        optimizer.step()
        numbers = finite_numbers(losses, step)
        if progress and (step % _TOLD_EVERY_STEPS == 0 or step + 1 == config.steps):
            told = ", ".join(f"{name} {value:.2f}" for name, value in numbers.items())
            progress(f"pretraining ({told})", step + 1, config.steps)
        if time.monotonic() - last_saved > _CHECKPOINT_SECONDS:
            last_saved = time.monotonic()
            save_checkpoint(folder, _state(step + 1, seconds_before + last_saved - started, learner, optimizer))
    return seconds_before + time.monotonic() - started


def _restore(folder: Path, learner: Learner, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Steps done and the seconds that they took."""
    state = load_checkpoint(folder, {})
    if state is None:
        return 0, 0.0
    try:
        learner.load_state_dict(state["learner"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"]), float(state["seconds"])
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged_checkpoint(folder, error) from error


def _state(step: int, seconds: float, learner: Learner, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {"step": step, "seconds": seconds, "learner": learner.state_dict(), "optimizer": optimizer.state_dict()}
