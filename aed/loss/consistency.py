"""Consistency: the decision on a distorted unlabelled clip must be that on the clean clip, as deep as that is sure.

FixMatch (Sohn et al., NeurIPS 2020, eq. 4) with confidence judged per node: an unlabelled clip that is surely an
*animal* but not surely a *dog* still teaches the upper part of the tree. What is sure of a leaf can adapt to how far
training is; see `leaf_thresholds`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from aed.features.spectrogram_augment import SpectrogramAugmentConfig
from aed.loss.alignment import Alignment
from aed.loss.leaf_thresholds import LeafThresholds
from aed.loss.path import multi_label_loss
from aed.ontology.taxonomy import Taxonomy
from aed.settings import Settings
from aed.tree.head import NodeScores


class ConsistencyConfig(Settings):
    """How unlabelled clips teach.

    Attributes:
        weight: Factor on the consistency loss.
        threshold: Probability from which a node counts as sure.
        leaf_threshold: `fixed`: the same for leaves; `adaptive`: each leaf has its own, as in FreeMatch (single label
            only).
        nodes: `all`: a clip teaches its deepest sure node; `leaves`: only leaves are taught, as a flat classifier's
            consistency does.
        align: Correct the teacher's answers so that it names each leaf as often as labels do (single label only).
        batch_size: Unlabelled clips per step.
        further_share: Share of these that are of `data.unlabelled_sources`; by default as large as their share of the
            clips. Most may be none of the classes: they teach from the fixed threshold on, and no mean counts them.
        pool: Which clips teach: `all` training clips, as in FixMatch, or only the `unlabelled`: a teacher's guess is no
            better than a leaf's label. With all labels in use nothing is left to learn from then.
        ramp_fraction: Share of training over which the weight grows from 0, while the teacher still knows little.
        frames: How the student's view of an unlabelled clip is distorted, more than the labelled clips are.
    """

    weight: float = Field(1.0, gt=0)
    threshold: float = Field(0.95, gt=0.5, lt=1)
    leaf_threshold: Literal["fixed", "adaptive"] = "fixed"
    nodes: Literal["all", "leaves"] = "all"
    align: bool | None = None
    batch_size: int = Field(32, gt=0)
    further_share: float | None = Field(None, gt=0, lt=1)
    pool: Literal["all", "unlabelled"] = "all"
    ramp_fraction: float = Field(0.4, ge=0, le=1)
    frames: SpectrogramAugmentConfig = SpectrogramAugmentConfig(probability=0.9, mask_share=0.3)


def taught_depths(taxonomy: Taxonomy, config: ConsistencyConfig) -> Tensor:
    """Depth of each node that consistency teaches, 0 for the others and the root: (node,) int64."""
    depths = torch.tensor(taxonomy.depths)
    if config.nodes == "all":
        return depths
    is_leaf = torch.zeros(taxonomy.num_nodes, dtype=torch.bool)
    is_leaf[list(taxonomy.leaves)] = True
    return torch.where(is_leaf, depths, 0)


def deepest_sure_node(log_p: Tensor, depths: Tensor, threshold: float) -> Tensor:
    """Deepest node that is at least as likely as the threshold; the root, which is certain, where no other is.

    Args:
        log_p: (batch, node) of a single-label tree.
        depths: (node,) depth of each node, 0 for the root and for nodes that are not asked for.
        threshold: Above 0.5, so that at most one node of each depth qualifies.

    Returns:
        (batch,) int64 node index.
    """
    sure = log_p >= math.log(threshold)
    return torch.where(sure, depths, 0).argmax(dim=-1)


def sure_leaf(log_p: Tensor, thresholds: LeafThresholds) -> Tensor:
    """Likeliest leaf where it reaches its own threshold, else the root.

    Args:
        log_p: (batch, node) of a single-label tree.
        thresholds: Of the leaves.

    Returns:
        (batch,) int64 node index.
    """
    best, leaf = log_p[:, thresholds.leaves].max(dim=-1)
    sure = best.exp() >= thresholds()[leaf]
    return torch.where(sure, thresholds.leaves[leaf], 0)


def pseudo_labels(
    teacher_log_p: Tensor,
    depths: Tensor,
    threshold: float,
    thresholds: LeafThresholds | None = None,
    foreign: Tensor | None = None,
) -> Tensor:
    """The node that each unlabelled clip teaches; the root, which teaches nothing, where none is sure.

    Args:
        teacher_log_p: (batch, node) of a single-label tree, on the clean clips.
        depths: (node,), see `taught_depths`.
        threshold: Probability from which a node counts as sure.
        thresholds: Of the leaves, where they adapt: a leaf that reaches its own goes before every other node.
        foreign: (batch,) bool, clips that the thresholds of the leaves do not hold for; none by default.

    Returns:
        (batch,) int64 node index.
    """
    node = deepest_sure_node(teacher_log_p, depths, threshold)
    if thresholds is None:
        return node
    leaf = sure_leaf(teacher_log_p, thresholds)
    adapts = leaf > 0 if foreign is None else (leaf > 0) & ~foreign
    return torch.where(adapts, leaf, node)


def single_label_consistency(student: NodeScores, node: Tensor) -> tuple[Tensor, Tensor]:
    """-log P of the student at the pseudo-labels.

    Args:
        student: (batch, node), of the distorted clips.
        node: (batch,) from `pseudo_labels`.

    Returns:
        The mean loss over the batch (unsure clips count as 0) and the share of clips that taught something.
    """
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


class Consistency(nn.Module):
    """The loss of a step's unlabelled clips; keeps the running means that adaptive thresholds follow from.

    Args:
        config: Thresholds and weight.
        taxonomy: The tree.
    """

    depths: Tensor

    def __init__(self, config: ConsistencyConfig, taxonomy: Taxonomy) -> None:
        super().__init__()
        self._config, self._single = config, taxonomy.task == "single"
        self.register_buffer("depths", taught_depths(taxonomy, config), persistent=False)
        self.thresholds = LeafThresholds(taxonomy) if config.leaf_threshold == "adaptive" else None
        self.alignment = Alignment(taxonomy) if config.align else None

    def observe_labels(self, targets: Tensor) -> None:
        """See the labels of a step, (batch, node), which say how often each leaf is to be expected."""
        if self.alignment is not None:
            self.alignment.observe_labels(targets)

    def forward(self, teacher: NodeScores, student: NodeScores, foreign: Tensor) -> tuple[Tensor, Tensor]:
        """Compare the student with the teacher.

        Args:
            teacher: (batch, node), no gradient, of the clean clips.
            student: (batch, node), of the distorted clips.
            foreign: (batch,) bool, clips of further sources: see `ConsistencyConfig.further_share`.

        Returns:
            The mean loss and the share of decisions that were sure.
        """
        if not self._single:
            return multi_label_consistency(teacher, student, self._config.threshold)
        log_p = teacher.log_p
        if self.alignment is not None:
            log_p = log_p.index_put((~foreign,), self.alignment(log_p[~foreign]))
        if self.thresholds is not None:
            self.thresholds.update(log_p[~foreign])
        node = pseudo_labels(log_p, self.depths, self._config.threshold, self.thresholds, foreign)
        return single_label_consistency(student, node)

    def weight(self, step: int, steps: int) -> float:
        """Weight of the loss at a step of a training of so many steps: it grows in a line, then stays."""
        ramp_steps = self._config.ramp_fraction * steps
        return self._config.weight * (min(1.0, (step + 1) / ramp_steps) if ramp_steps else 1.0)
