"""What known onsets and offsets cost: a node must be heard within the time of its event, and nowhere outside.

A clip's label is known of its event as a whole, not of each of its moments: so presence is taught through the decision
that the model pools over the time in which the event is heard, as a clip's label is over the clip. Outside, absence is
known of every moment; pooled over all of them, the surest false alarm costs most.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from aed.tree.head import NodeScores
from aed.tree.time_pooling import TimePoolingConfig, pool_decisions


class StrongTargets(NamedTuple):
    """What is known over time about scenes, or pieces of strongly labelled recordings; the rest is unknown.

    Attributes:
        heard: (scene, source, time) bool, when each source, or event of a table, is heard.
        present: (scene, source, node) bool: the node is present at some time at which the source is heard; False where
            it never is heard.
        absent: (scene, time, node) bool: the node is absent.
    """

    heard: Tensor
    present: Tensor
    absent: Tensor


def joined_targets(one: StrongTargets, other: StrongTargets) -> StrongTargets:
    """Put the rows of two batches in one, the ones with fewer sources with some that are never heard."""
    sources = max(one.heard.shape[1], other.heard.shape[1])
    padded = [
        StrongTargets(
            nn.functional.pad(part.heard, (0, 0, 0, sources - part.heard.shape[1])),
            nn.functional.pad(part.present, (0, 0, 0, sources - part.present.shape[1])),
            part.absent,
        )
        for part in (one, other)
    ]
    return StrongTargets(*(torch.cat(parts) for parts in zip(*padded, strict=True)))


def strong_loss(scores: NodeScores, targets: StrongTargets, pooling: TimePoolingConfig) -> Tensor:
    """Mean of -log P of each node within each of its events, and of -log(1 - P) outside of all of them.

    Args:
        scores: (scene, time, node).
        targets: Of the same scenes.
        pooling: How decisions over time are pooled.

    Returns:
        Scalar, nats per known decision: one for each source and node that is present in it, one for each scene and node
        that is absent at some time.
    """
    within = pool_decisions(NodeScores(*(score[:, None] for score in scores)), pooling, _some(targets.heard))
    absent = targets.absent.transpose(1, 2)
    over_time = NodeScores(*(score.transpose(1, 2)[..., None] for score in scores))
    outside = pool_decisions(over_time, pooling, _some(absent)).log_not_p[..., 0]
    somewhere = absent.any(dim=-1)
    total = -(torch.where(targets.present, within.log_p, 0.0).sum() + torch.where(somewhere, outside, 0.0).sum())
    return total / (targets.present.sum() + somewhere.sum()).clamp_min(1)


def _some(times: Tensor) -> Tensor:
    """Times to pool over, (..., time) bool: all where there is none, and what is pooled does not count."""
    return times | ~times.any(dim=-1, keepdim=True)
