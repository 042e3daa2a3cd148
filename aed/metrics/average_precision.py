"""Average precision per node of clips that carry several labels, its macro mean, and what chance would reach.

Average precision is the area under the stairs of precision over recall, sum over k of (R_k - R_{k-1}) P_k, with one
step k per distinct score (scikit-learn's `average_precision_score`; no interpolation).

The label prior, the share of present among known clips, is what a random ranking tends to as clips grow many. Of N
known clips with R present, its exact expectation over all rankings is

    chance = (H_N + (R - 1) / (N - 1) * (N - H_N)) / N,    H_N = 1 + 1/2 + ... + 1/N,

which is well above the prior where R is small: 8.9 % against 3.9 % for 3 of 77. "Times the prior" flatters small test
sets, "times chance" does not.

A clip's node is present (1), absent (0) or unknown (-1). Unknown is left out, unless `unknown_as_absent` asks for the
convention of the AudioSet literature, which counts all unlisted labels as negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.ontology.labels import PRESENT, UNKNOWN

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NodeAveragePrecision:
    """How well the clips are ranked by one node.

    Attributes:
        node: Index of the node in its taxonomy.
        average_precision: 0 to 1; nan where not at least one clip is present and one absent.
        prior: Share of present among known clips; nan likewise.
        chance: Expected average precision of a random ranking; nan likewise.
        present: Number of clips in which the node is present.
        known: Number of clips in which it is present or absent.
    """

    node: int
    average_precision: float
    prior: float
    chance: float
    present: int
    known: int


@dataclass(frozen=True)
class MacroAveragePrecision:
    """Mean over the nodes whose average precision is defined.

    Attributes:
        mean: Mean average precision, 0 to 1; nan without nodes.
        prior: Mean of the nodes' priors.
        chance: Mean of the nodes' expected average precisions under a random ranking.
        nodes: How many nodes were averaged.
    """

    mean: float
    prior: float
    chance: float
    nodes: int

    @property
    def times_prior(self) -> float:
        """How many times the mean prior; nan without nodes."""
        return self.mean / self.prior

    @property
    def times_chance(self) -> float:
        """How many times better than a random ranking; nan without nodes."""
        return self.mean / self.chance


def average_precision(scores: FloatArray, present: BoolArray) -> float:
    """Return the average precision of one ranking.

    Args:
        scores: Any numbers that rise with the belief, shape (clip,). Equal scores share one step.
        present: The truth, shape (clip,).

    Returns:
        0 to 1; nan if nothing is present.
    """
    if not present.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(present[order])
    step_ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    precision = hits[step_ends] / (step_ends + 1)
    recall_gains = np.diff(hits[step_ends], prepend=0) / hits[-1]
    return float(precision @ recall_gains)


def chance_average_precision(num_present: int, num_known: int) -> float:
    """Return the expected average precision over all rankings of the known clips (equation above).

    Args:
        num_present: R, at least 1.
        num_known: N, at least 2.
    """
    harmonic = float((1 / np.arange(1, num_known + 1)).sum())
    return (harmonic + (num_present - 1) / (num_known - 1) * (num_known - harmonic)) / num_known


def node_average_precisions(
    log_p: FloatArray, node_targets: npt.NDArray[np.int8], nodes: IntArray, *, unknown_as_absent: bool
) -> tuple[NodeAveragePrecision, ...]:
    """Return the average precision of each of the given nodes.

    Args:
        log_p: Log P(node), shape (clip, node).
        node_targets: 1 present, 0 absent, -1 unknown, shape (clip, node).
        nodes: The nodes that are asked about, shape (asked,).
        unknown_as_absent: Count an unknown node as absent instead of leaving the clip out.
    """
    return tuple(_one_node(log_p[:, n], node_targets[:, n], int(n), unknown_as_absent) for n in nodes)


def macro_average_precision(per_node: tuple[NodeAveragePrecision, ...]) -> MacroAveragePrecision:
    """Return the mean over the nodes whose average precision is defined."""
    defined = [one for one in per_node if not np.isnan(one.average_precision)]
    if not defined:
        return MacroAveragePrecision(float("nan"), float("nan"), float("nan"), 0)
    means = np.mean([(one.average_precision, one.prior, one.chance) for one in defined], axis=0)
    return MacroAveragePrecision(float(means[0]), float(means[1]), float(means[2]), len(defined))


def _one_node(
    scores: FloatArray, targets: npt.NDArray[np.int8], node: int, unknown_as_absent: bool
) -> NodeAveragePrecision:
    known = np.ones(len(targets), dtype=np.bool_) if unknown_as_absent else targets != UNKNOWN
    present = targets[known] == PRESENT
    num_present, num_known = int(present.sum()), int(known.sum())
    if num_present in (0, num_known):
        return NodeAveragePrecision(node, float("nan"), float("nan"), float("nan"), num_present, num_known)
    return NodeAveragePrecision(
        node=node,
        average_precision=average_precision(scores[known], np.asarray(present)),
        prior=num_present / num_known,
        chance=chance_average_precision(num_present, num_known),
        present=num_present,
        known=num_known,
    )
