"""Thresholds on other material: a fold's own scenes have no say, and the budget is kept where it was set."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from aed.errors import ConfigError
from aed.metrics.event_truth import EventScene
from aed.metrics.spans import union
from aed.study.event_thresholds import cross_fitted_thresholds
from tests.fake_scorer import LAYOUT, small_taxonomy

ROW_SECONDS = LAYOUT.row_seconds
ROWS = 2_000
NODE = 1
PEAK_ROWS, PEAK_EVERY = 20, 100


def heard(peaks: list[float], event: tuple[float, float] | None = None) -> EventScene:
    """A scene in which the node peaks this high, one peak after the other; all but the event is silent."""
    taxonomy, seconds = small_taxonomy(), ROWS * ROW_SECONDS
    probabilities = np.full((ROWS, taxonomy.num_nodes), 0.01, dtype=np.float32)
    for place, height in enumerate(peaks):
        probabilities[PEAK_EVERY * (place + 1) : PEAK_EVERY * (place + 1) + PEAK_ROWS, NODE] = height
    nothing = tuple(union([]) for _ in taxonomy.nodes)
    truth = list(nothing)
    truth[NODE] = union([event] if event else [])
    return EventScene("scene", seconds, tuple(truth), nothing, nothing, probabilities, ROW_SECONDS)


def thresholds(*folds: list[EventScene], per_hour: float = 0.0) -> list[float]:
    taxonomy = small_taxonomy()
    found = cross_fitted_thresholds(folds, taxonomy, LAYOUT, per_hour)
    return [of_fold[taxonomy.nodes[NODE].id] for of_fold in found]


def test_a_folds_threshold_lies_above_the_false_alarms_of_the_others_alone() -> None:
    first, second, third = thresholds([heard([0.9])], [heard([0.3])], [heard([0.6])])
    assert 0.6 < first < 0.7
    assert second > 0.9
    assert third > 0.9


def test_what_peaks_in_an_event_is_no_false_alarm() -> None:
    event = (PEAK_EVERY * ROW_SECONDS, (PEAK_EVERY + PEAK_ROWS) * ROW_SECONDS)
    with_event, _ = thresholds([heard([])], [heard([0.9], event)])
    without, _ = thresholds([heard([])], [heard([0.9])])
    assert with_event < 0.1
    assert without > 0.9


def test_a_larger_budget_allows_a_lower_threshold() -> None:
    noisy = [heard([0.9, 0.7, 0.5, 0.3])]
    per_hour = 3600.0 / (ROWS * ROW_SECONDS)
    found = [thresholds([heard([])], noisy, per_hour=budget * per_hour * 1.1)[0] for budget in range(5)]
    assert all(low < high for high, low in pairwise(found))
    assert found[2] > 0.5 > found[3] > 0.3 > found[4]


def test_one_fold_has_no_others() -> None:
    with pytest.raises(ConfigError, match="several folds"):
        cross_fitted_thresholds([[heard([])]], small_taxonomy(), LAYOUT, 1.0)
