"""Consistency: the decision on a distorted unlabelled clip must be that on the clean clip, as deep as that is sure.

FixMatch (Sohn et al., NeurIPS 2020, eq. 4) with confidence judged per node: an unlabelled clip that is surely an
*animal* but not surely a *dog* still teaches the upper part of the tree.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from aed.loss.path import multi_label_loss
from aed.tree.head import NodeScores


class ConsistencyConfig(BaseModel):
    """How unlabelled clips teach.

    Attributes:
        weight: Factor on the consistency loss.
        threshold: Probability from which a node counts as sure.
        batch_size: Unlabelled clips per step.
        ramp_fraction: Share of training over which the weight grows from 0, while the teacher still knows little.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight: float = Field(1.0, gt=0)
    threshold: float = Field(0.9, gt=0.5, lt=1)
    batch_size: int = Field(32, gt=0)
    ramp_fraction: float = Field(0.1, ge=0, le=1)


def deepest_sure_node(log_p: Tensor, depths: Tensor, threshold: float) -> Tensor:
    """Deepest node that is at least as likely as the threshold; the root, which is certain, where no other is.

    Args:
        log_p: (batch, node) of a single-label tree.
        depths: (node,) depth of each node, 0 for the root.
        threshold: Above 0.5, so that at most one node of each depth qualifies.

    Returns:
        (batch,) int64 node index.
    """
    sure = log_p >= math.log(threshold)
    return torch.where(sure, depths, -1).argmax(dim=-1)


def single_label_consistency(
    teacher_log_p: Tensor, student: NodeScores, depths: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """-log P of the student at the teacher's deepest sure node.

    Args:
        teacher_log_p: (batch, node), no gradient, of the clean clips.
        student: (batch, node), of the distorted clips.
        depths: (node,).
        threshold: Probability from which a node counts as sure.

    Returns:
        The mean loss over the batch (unsure clips count as 0) and the share of clips that taught something.
    """
    node = deepest_sure_node(teacher_log_p, depths, threshold)
    loss = -student.log_p.gather(1, node[:, None])[:, 0]
    return loss.mean(), (node > 0).float().mean()


def multi_label_consistency(teacher: NodeScores, student: NodeScores, threshold: float) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of the student at every node that the teacher is sure of, either way.

    Args:
        teacher: (batch, node), no gradient, of the clean clips.
        student: (batch, node), of the distorted clips.
        threshold: Probability from which presence, or absence, counts as sure.

    Returns:
        The mean loss over the sure nodes and their share.
    """
    present = (teacher.log_p >= math.log(threshold)).float()
    absent = (teacher.log_not_p >= math.log(threshold)).float()
    return multi_label_loss(student, present, absent), (present + absent).mean()
