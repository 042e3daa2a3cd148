"""Figures over the folds of one recipe: mean, spread, and the same figure on the pooled out-of-fold predictions.

The mean over folds is the number that the literature quotes. The spread is the standard deviation over folds (n - 1),
which says how much folds differ and not how sure the mean is. Pooled figures put all folds' clips in one heap, each
answered by the model that never saw it; a pooled average precision compares scores of different models and is therefore
usually the lower one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

from aed.study.score import Figures


@dataclass(frozen=True)
class FoldSummary:
    """One figure over the folds.

    Attributes:
        name: Name of the figure.
        per_fold: Its value in each fold; nan where a fold has none.
        mean: Mean over the folds that have a value; nan without any.
        spread: Standard deviation over them; nan with fewer than two.
        pooled: Value on the pooled predictions.
    """

    name: str
    per_fold: tuple[float, ...]
    mean: float
    spread: float
    pooled: float


def summarise_folds(per_fold: Sequence[Figures], pooled: Figures) -> tuple[FoldSummary, ...]:
    """Return mean and spread of every figure, in the order of the pooled figures."""
    return tuple(
        _summary(name, tuple(figures.get(name, nan) for figures in per_fold), value) for name, value in pooled.items()
    )


def _summary(name: str, values: tuple[float, ...], pooled: float) -> FoldSummary:
    defined = [value for value in values if not isnan(value)]
    mean = statistics.fmean(defined) if defined else nan
    spread = statistics.stdev(defined) if len(defined) > 1 else nan
    return FoldSummary(name, values, mean, spread, pooled)
