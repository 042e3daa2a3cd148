"""The moving average of a model's weights: the model that is kept, and the teacher of consistency training."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor

from aed.model import TreeModel

_WARMUP_STEPS = 10
"""The average forgets faster at first: decay = min(decay, (1 + steps) / (this + steps)), as in TensorFlow's EMA."""


def start_average(model: TreeModel) -> TreeModel:
    """Copy a model, in evaluation mode."""
    return copy.deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def update_average(average: TreeModel, model: TreeModel, steps: int, decay: float) -> None:
    """Let the average follow the model: weights and running statistics by a share of the way, counters at once.

    Args:
        average: Changed in place.
        model: After the newest step.
        steps: Steps made before the newest one; after the first step the average is the model.
        decay: Share of the average that stays.
    """
    share = 1 - min(decay, (1 + steps) / (_WARMUP_STEPS + steps)) if steps else 1.0
    targets, sources = list(_tensors(average)), list(_tensors(model))
    moving = [target.is_floating_point() for target in targets]
    torch._foreach_lerp_(_chosen(targets, moving), _chosen(sources, moving), share)
    for target, source, is_moving in zip(targets, sources, moving, strict=True):
        if not is_moving:
            target.copy_(source)


def _tensors(model: TreeModel) -> Iterator[Tensor]:
    return chain(model.parameters(), model.buffers())


def _chosen(tensors: list[Tensor], chosen: list[bool]) -> list[Tensor]:
    return [tensor for tensor, is_chosen in zip(tensors, chosen, strict=True) if is_chosen]
