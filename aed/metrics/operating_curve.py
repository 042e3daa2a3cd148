"""Information against correctness: what a classifier gains in truth by answering less precisely (Valmadre 2022).

Valmadre, *Hierarchical classification at multiple operating points* (NeurIPS 2022, arXiv 2210.10929), answers for each
confidence threshold t with the most specific node that is at least that likely, the root if none. With L leaves in the
tree and L(v) of them at or below the node v, all equally likely beforehand,

    I(v)        = -log(L(v) / L) / log(L)                 0 at the root, 1 at a leaf                                 (1)
    answer(t)   = argmax of I(v) over the nodes with P(v) >= t; of equally specific nodes the likeliest              (2)
    correctness = 1 where the answer is the truth or stands above it, else 0                                         (3)
    recall      = I(lowest common ancestor of answer and truth) / I(truth)                                           (4)
    precision   = I(lowest common ancestor of answer and truth) / I(answer), 1 at the root                           (5)

Each is a mean over clips at one t, and t runs over all values at which any answer changes. From the curve come

    area                = integral of correctness over the information of the answer, from 0 to 1                    (6)
    average correctness = integral of correctness over recall, AC(info) of the paper                                 (7)
    average precision   = integral of precision over recall, AP(info) of the paper                                   (8)

(6) is linear between operating points: tossing a coin between two thresholds reaches every point between them. Recall
need not rise at every step (a guess below P = 0.5 may leave the right branch), so (7) and (8) are stairs under the
best that any operating point of at least that recall reaches, and end at the highest recall.

Departures: equation numbers are ours, and how the paper joins points before integrating is too: its text was not at
hand, the definitions follow the published code (github.com/jvlmdr/hiercls, `metrics.py`, `infer.py`). "None of these"
is no answer and no leaf here. A label on an inner node says nothing about what is below: an answer below it is judged
as if it were the label itself, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed.metrics.clip import class_leaves
from aed.metrics.hierarchy import common_ancestors
from aed.ontology.taxonomy import Taxonomy

FloatArray = npt.NDArray[np.floating]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """Means over the clips at every threshold, highest first: at first every answer is the root, at last a leaf.

    Attributes:
        log_thresholds: Log of the threshold t; infinite for the first point, shape (point,).
        information: Mean I of the answers (1), shape (point,). It rises from 0 to 1 where all labels are leaves.
        correctness: Share of correct answers (3), shape (point,).
        recall: Mean of (4), shape (point,).
        precision: Mean of (5), shape (point,).
    """

    log_thresholds: Float64Array
    information: Float64Array
    correctness: Float64Array
    recall: Float64Array
    precision: Float64Array

    @property
    def area(self) -> float:
        """Area under correctness over information (6), 0 to 1; nan without clips."""
        if not len(self.information):
            return float("nan")
        return float(np.trapezoid(self.correctness, self.information))

    @property
    def average_correctness(self) -> float:
        """Area under correctness over recall (7), 0 to 1; nan without clips."""
        return _area_under_stairs(self.recall, self.correctness)

    @property
    def average_precision(self) -> float:
        """Area under precision over recall (8), 0 to 1; nan without clips."""
        return _area_under_stairs(self.recall, self.precision)

    def information_at(self, correctness: float) -> float:
        """Return the most information with at least this share of correct answers, 0 to 1; nan without clips."""
        enough = self.correctness >= correctness
        return float(self.information[enough].max()) if enough.any() else float("nan")


def node_information(taxonomy: Taxonomy) -> Float64Array:
    """Return what naming each node tells (1), shape (node,); nan for "none of these", 0 if there is but one class."""
    leaves = class_leaves(taxonomy)
    leaves_below = taxonomy.ancestor_matrix[leaves].sum(axis=0)
    share_below = np.maximum(leaves_below, 1) / len(leaves)
    information = -np.log(share_below) / np.log(max(len(leaves), 2))
    return np.where(leaves_below > 0, information, np.nan)


def operating_curve(log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy) -> OperatingCurve:
    """Return the curve over all thresholds.

    Args:
        log_p: Log P(node), shape (clip, node); a parent is no less likely than its children.
        target_nodes: The node that each clip is labelled with, never "none of these", shape (clip,).
        taxonomy: The tree whose nodes these are.
    """
    if not len(log_p):
        nothing = np.zeros(0)
        return OperatingCurve(nothing, nothing, nothing, nothing, nothing)
    steps = _steps(log_p, target_nodes, taxonomy)
    curve = np.cumsum(steps.changes / len(log_p), axis=1)
    information, correctness, recall, precision = np.clip(curve[:, steps.ends], 0.0, 1.0)
    return OperatingCurve(steps.log_thresholds[steps.ends], information, correctness, recall, precision)


def weighted_areas(
    log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy, weights: Float64Array
) -> Float64Array:
    """Return the area (6) for many weightings of the same clips, such as those of a bootstrap.

    Args:
        log_p: Log P(node), shape (clip, node).
        target_nodes: As for `operating_curve`, shape (clip,).
        taxonomy: The tree.
        weights: How much each clip counts in each weighting, not negative, shape (weighting, clip).

    Returns:
        Shape (weighting,), 0 to 1.
    """
    steps = _steps(log_p, target_nodes, taxonomy)
    changes = steps.changes[:2]  # of information and of correctness
    areas = np.empty(len(weights))
    for place, weight in enumerate(weights / weights.sum(axis=1, keepdims=True)):
        information, correctness = np.cumsum(changes * weight[steps.clips], axis=1)[:, steps.ends]
        areas[place] = np.trapezoid(correctness, information)
    return areas


class _Steps(NamedTuple):
    """What changes from each answer of a clip to its next one, highest threshold first.

    Attributes:
        clips: Whose answer it is, (answer,).
        changes: Of information, correctness, recall and precision, (4, answer).
        log_thresholds: (answer,).
        ends: The last answer of each threshold, (point,).
    """

    clips: IntArray
    changes: Float64Array
    log_thresholds: Float64Array
    ends: IntArray


def _steps(log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy) -> _Steps:
    clips, nodes, log_thresholds = _answers(log_p, node_information(taxonomy))
    values = _judged(nodes, target_nodes[clips], taxonomy)
    is_first = np.append(True, clips[1:] != clips[:-1])
    changes = np.where(is_first, values, np.diff(values, prepend=0.0))
    order = np.argsort(-log_thresholds, kind="stable")
    log_thresholds = log_thresholds[order]
    ends = np.append(np.flatnonzero(log_thresholds[1:] != log_thresholds[:-1]), len(log_thresholds) - 1)
    return _Steps(clips[order], changes[:, order], log_thresholds, ends)


def _answers(log_p: FloatArray, information: Float64Array) -> tuple[IntArray, IntArray, Float64Array]:
    """Return every answer that a clip gives at some threshold, clip by clip, highest threshold first.

    Returns:
        Clip, node and log threshold of each; the root comes first with an infinite threshold. All of shape (answer,).
    """
    confidences = np.where(np.isnan(information), -np.inf, log_p.astype(np.float64))
    confidences[:, 0] = np.inf
    specificity = np.where(np.isnan(information), -1.0, information)
    order = np.lexsort((np.broadcast_to(-specificity, log_p.shape), -confidences))  # sorts along the last axis
    sorted_specificity = specificity[order]
    most_so_far = np.maximum.accumulate(sorted_specificity, axis=1)
    chosen = np.ones(log_p.shape, dtype=np.bool_)
    chosen[:, 1:] = sorted_specificity[:, 1:] > most_so_far[:, :-1]
    clips, places = np.nonzero(chosen)
    nodes = order[clips, places]
    return clips, nodes, confidences[clips, nodes]


def _judged(nodes: IntArray, targets: IntArray, taxonomy: Taxonomy) -> Float64Array:
    """Return information, correctness, recall and precision of answers, shape (4, answer)."""
    information, common = node_information(taxonomy), common_ancestors(taxonomy)[nodes, targets]
    nodes = np.where(common == targets, targets, nodes)  # below the label nothing is known
    shared = information[common]
    recall = np.divide(shared, information[targets], out=np.ones(len(nodes)), where=information[targets] > 0)
    precision = np.divide(shared, information[nodes], out=np.ones(len(nodes)), where=information[nodes] > 0)
    return np.stack([information[nodes], common == nodes, recall, precision])


def _area_under_stairs(recall: Float64Array, heights: Float64Array) -> float:
    """Integrate the best height at each recall or more, from 0 to the highest recall; nan without points."""
    if not len(recall):
        return float("nan")
    order = np.lexsort((-heights, recall))
    best = np.maximum.accumulate(heights[order][::-1])[::-1]
    return float(np.diff(recall[order], prepend=0.0) @ best)
