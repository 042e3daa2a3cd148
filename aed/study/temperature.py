"""Fit the temperatures of `aed.scorer.tempered` to clips that the model never heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from aed.ontology.taxonomy import Taxonomy
from aed.scorer.tempered import step_log_p

_WIDTH = 0.5
"""Standard deviation of log T before any clip is seen: a depth with few clips stays near T = 1."""
_LARGEST_LOG = float(np.log(10.0))
"""Temperatures between a tenth and ten: beyond, a decision is certain or blind."""


def fit_temperatures(
    log_p: npt.NDArray[np.float32], target_nodes: npt.NDArray[np.int64], taxonomy: Taxonomy
) -> tuple[float, ...]:
    """Find, for each depth, the temperature under which the decisions towards the labels are likeliest.

    Minimises -sum over clips of log P'(step towards the label | parent) + (log T)^2 / (2 * 0.5^2) over T.

    Args:
        log_p: Log P(node), (clip, node).
        target_nodes: Label of each clip, (clip,); it teaches the decisions above it.
        taxonomy: A single-label tree.

    Returns:
        One temperature per depth; 1 where no clip has a decision.
    """
    steps = step_log_p(log_p, taxonomy).astype(np.float64)
    return tuple(_fit_depth(steps, target_nodes, taxonomy, depth) for depth in range(1, taxonomy.max_depth + 1))


def _fit_depth(
    steps: npt.NDArray[np.float64], target_nodes: npt.NDArray[np.int64], taxonomy: Taxonomy, depth: int
) -> float:
    decisions = _decisions(steps, target_nodes, taxonomy, depth)

    def cost(log_t: float) -> float:
        scale = np.exp(-log_t)
        nats = sum(
            float(np.logaddexp.reduce(scale * siblings, axis=1).sum() - scale * chosen.sum())
            for siblings, chosen in decisions
        )
        return nats + log_t**2 / (2 * _WIDTH**2)

    best = minimize_scalar(cost, bounds=(-_LARGEST_LOG, _LARGEST_LOG), method="bounded")
    return float(np.exp(best.x))


def _decisions(
    steps: npt.NDArray[np.float64], target_nodes: npt.NDArray[np.int64], taxonomy: Taxonomy, depth: int
) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Per parent of this depth's nodes: log P(child | parent), (clip, child), and that of the label's way, (clip,)."""
    way = np.array([taxonomy.at_depth(int(node), depth) for node in target_nodes])
    found = []
    for parent in range(taxonomy.num_nodes):
        of_depth = taxonomy.depths[parent] == depth - 1
        siblings = np.array(taxonomy.children(parent) if of_depth else (), dtype=np.int64)
        clips = np.flatnonzero(np.isin(way, siblings))
        if len(clips):
            found.append((steps[np.ix_(clips, siblings)], steps[clips, way[clips]]))
    return found
