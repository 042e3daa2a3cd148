"""What a scene's sources say about each node at each time: present where it is heard, absent where it cannot be.

- A source is *active* where it is loud enough, by itself, to be something: near enough to its own loudest moment, and
  above the floor of hearing.
- It is *heard* where it is active and not drowned: in some bands at least as loud as all the rest of the scene.
- A node is *present* in a source that is labelled with it, somewhere within the time for which the source is heard: the
  label does not say that each moment of it is the event.
- It is *absent* at a time when each source either is known not to hold it or is not active, nor was or will be soon.
- All else is unknown and teaches nothing: a drowned event, the pause between two barks, the edges of an event.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.features.logmel import AUDIBLE_LEVEL, logmel_from_power
from aed.loss.strong import StrongTargets
from aed.ontology.taxonomy import Taxonomy
from aed.train.scene_mix import is_active

NEAR_SECONDS = 0.25
"""So near to an active time a node is unknown; so pauses of half a second are, which the detector closes too."""
CLEAR_BANDS = 2
"""Bands in which a source that is heard is at least as loud as the rest: a pure tone fills two or three."""


def can_be_event(targets: Tensor, taxonomy: Taxonomy) -> Tensor:
    """Which clips hold one thing alone, so that a piece of them is that thing: (batch, node) -> (batch,) bool.

    A piece of a clip that holds speech and a dog may be either.
    """
    present = targets == 1
    parents = torch.tensor(taxonomy.parents[1:], device=targets.device)
    children = torch.zeros_like(targets).index_add_(1, parents, present[:, 1:].to(targets.dtype))
    deepest = present & (children == 0)
    deepest[:, 0] = False
    return deepest.sum(dim=1) == 1


def scene_targets(sources: Tensor, targets: Tensor, stride_frames: int, near_embeddings: int) -> StrongTargets:
    """Tell what is heard when.

    Args:
        sources: (scene, source, frames, mel) mel power in units of the floor, as they are mixed; 0 where silent.
        targets: (scene, source, node), of the clips that the sources come from: 1 present, 0 absent, -1 unknown.
        stride_frames: Frames of an embedding.
        near_embeddings: Embeddings on either side of an active one at which nothing is known.
    """
    power = _per_embedding(sources, stride_frames)
    active = is_active(power.sum(dim=-1)) & (logmel_from_power(power).mean(dim=-1) > AUDIBLE_LEVEL)
    heard = active & _is_clear(power)
    near = _widened(active, near_embeddings)
    present = (targets == 1) & heard.any(dim=2)[..., None]
    present[..., 0] = False  # the root is certain: it teaches nothing
    absent = ~_any_source(near, targets != 0)
    absent[..., 0] = False
    return StrongTargets(heard, present, absent)


def _per_embedding(sources: Tensor, stride_frames: int) -> Tensor:
    """Mean power over the frames of each embedding: (scene, source, frames, mel) -> (scene, source, time, mel)."""
    scenes, count, num_frames, mel = sources.shape
    time = num_frames // stride_frames
    return sources[:, :, : time * stride_frames].reshape(scenes, count, time, stride_frames, mel).mean(dim=3)


def _is_clear(power: Tensor) -> Tensor:
    """Where a source stands out of the rest of its scene: (scene, source, time, mel) -> (scene, source, time) bool."""
    rest = power.sum(dim=1, keepdim=True) - power
    return ((power >= rest) & (power > 0)).sum(dim=-1) >= CLEAR_BANDS


def _widened(active: Tensor, embeddings: int) -> Tensor:
    """Where something active is at most so far away: (..., time) bool -> bool."""
    return nn.functional.max_pool1d(active.float(), 2 * embeddings + 1, stride=1, padding=embeddings) > 0


def _any_source(near: Tensor, possible: Tensor) -> Tensor:
    """Where a near source may hold a node: (scene, source, time), (scene, source, node) -> (scene, time, node) bool."""
    return torch.einsum("ist,isn->itn", near.float(), possible.float()) > 0
