"""Thresholds that are set on other material: those of a fold on the scenes of all other folds.

Each node's is the lowest candidate at which, and above which, it alone makes no more false alarms in the other folds'
scenes than a budget per hour allows in their length. That is the rate that was counted, not an upper bound of it: some
hours of scenes cannot promise one false alarm an hour. What the budget becomes on scenes that set no threshold is what
the evaluation tells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aed.detect.hedge import reportable_nodes
from aed.errors import ConfigError
from aed.metrics.event_truth import EventScene
from aed.metrics.false_alarms import silent_spans
from aed.metrics.spans import covers, total_seconds
from aed.ontology.structure import Taxonomy
from aed.scorer.protocol import BlockLayout
from aed.study.alarm_thresholds import CANDIDATES, IntArray, count_events

_SECONDS_AN_HOUR = 3600.0


def cross_fitted_thresholds(
    scenes: Sequence[Sequence[EventScene]], taxonomy: Taxonomy, layout: BlockLayout, per_hour: float
) -> list[dict[str, float]]:
    """Set the thresholds of each fold on the scenes of the others.

    Args:
        scenes: Of each fold, heard by a model that was not taught with them.
        taxonomy: The models' tree.
        layout: Of the models.
        per_hour: False alarms an hour that each node may make.

    Returns:
        Of each fold: node id -> probability from which it is believed in. A node that is nowhere known to be silent has
        none.

    Raises:
        ConfigError: There is one fold.
    """
    if len(scenes) < 2:
        raise ConfigError("thresholds on other material need scenes of several folds: make them with --all-folds")
    nodes = np.flatnonzero(reportable_nodes(taxonomy)).tolist()
    counts = np.array([_counts(of_fold, nodes, layout) for of_fold in scenes])
    seconds = np.array([_silent_seconds(of_fold, nodes) for of_fold in scenes])
    found = []
    for fold in range(len(scenes)):
        others = np.arange(len(scenes)) != fold
        allowed = np.floor(per_hour * seconds[others].sum(axis=0) / _SECONDS_AN_HOUR)
        places = [_lowest(of_node, limit) for of_node, limit in zip(counts[others].sum(axis=0), allowed, strict=True)]
        known = seconds[others].sum(axis=0) > 0
        found.append(
            {
                taxonomy.nodes[node].id: float(CANDIDATES[place])
                for node, place, is_known in zip(nodes, places, known, strict=True)
                if is_known
            }
        )
    return found


def _counts(scenes: Sequence[EventScene], nodes: Sequence[int], layout: BlockLayout) -> IntArray:
    """False alarms of each node at each candidate, (node, threshold)."""
    total = np.zeros((len(nodes), len(CANDIDATES)), dtype=np.int64)
    for scene in scenes:
        middles = (np.arange(len(scene.probabilities)) + 0.5) * scene.row_seconds
        for place, node in enumerate(nodes):
            is_silent = covers(silent_spans(scene, node), middles)
            total[place] += count_events(np.where(is_silent, scene.probabilities[:, node], 0.0), layout)
    return total


def _silent_seconds(scenes: Sequence[EventScene], nodes: Sequence[int]) -> np.ndarray:
    """How long each node is known to be silent, (node,)."""
    return np.array([sum(total_seconds(silent_spans(scene, node)) for scene in scenes) for node in nodes])


def _lowest(counts: IntArray, allowed: float) -> int:
    """Place of the lowest candidate that keeps to what is allowed, as all higher ones do; else the first."""
    too_many = np.flatnonzero(counts > allowed)
    return max(0, int(too_many[0]) - 1) if len(too_many) else len(counts) - 1
