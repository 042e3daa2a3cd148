"""Promises about recordings that nobody heard yet: the formulas, and that they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.errors import DataError
from aed.metrics.risk_control import (
    bound_on_average,
    bound_with_confidence,
    least_recordings,
    smallest_threshold,
)


def losses_of(thresholds_of_errors: np.ndarray) -> object:
    """Recording i is answered wrongly up to a threshold of its own."""
    return lambda threshold: (thresholds_of_errors >= threshold).astype(float)


@pytest.mark.parametrize(("accuracy", "confidence", "least"), [(0.95, None, 19), (0.9, None, 9), (0.95, 0.9, 45)])
def test_it_takes_so_many_recordings(accuracy: float, confidence: float | None, least: int) -> None:
    assert least_recordings(accuracy, confidence) == least
    never_wrong = losses_of(np.full(least, -1.0))
    assert smallest_threshold(never_wrong, np.array([0.1, 2.0]), accuracy, confidence) == 0.1  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"from {least - 1} recordings: it takes {least} even if"):
        smallest_threshold(losses_of(np.full(least - 1, -1.0)), np.array([0.1, 2.0]), accuracy, confidence)  # type: ignore[arg-type]


def test_the_bounds_by_hand() -> None:
    losses = np.array([0.5, 0.0, 0.0, 1.0])
    assert bound_on_average(losses) == pytest.approx(2.5 / 5)
    at = bound_with_confidence(losses, 0.9)
    # two of four or fewer are seen with probability 1 - 0.9 where the true share is the bound
    seen = sum(math.comb(4, k) * at**k * (1 - at) ** (4 - k) for k in range(3))
    assert seen == pytest.approx(0.1)
    assert bound_with_confidence(np.ones(4), 0.9) == 1.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.8]))
def test_the_smallest_threshold_against_trying_all(seed: int, confidence: float | None) -> None:
    generator = np.random.default_rng(seed)
    wrong_up_to = np.where(generator.random(60) < 0.5, generator.random(60), -1.0)
    candidates = np.append(np.unique(generator.random(40)), 2.0)
    losses_at = losses_of(wrong_up_to)

    def holds(threshold: float) -> bool:
        losses = losses_at(threshold)  # type: ignore[operator]
        bound = bound_on_average(losses) if confidence is None else bound_with_confidence(losses, confidence)
        return bound <= 0.1

    expected = min(threshold for threshold in candidates if holds(threshold))
    assert smallest_threshold(losses_at, candidates, 0.9, confidence) == expected  # type: ignore[arg-type]


def test_the_promise_on_average_holds_for_new_recordings() -> None:
    """Over many calibrations of 60 recordings, a new recording is answered wrongly at most so often."""
    generator, wrong = np.random.default_rng(0), []
    for _ in range(2000):
        sureness_of_errors = np.where(generator.random(61) < 0.4, generator.random(61), -1.0)
        candidates = np.append(np.sort(sureness_of_errors[:60]) + 1e-9, 2.0)
        threshold = smallest_threshold(losses_of(sureness_of_errors[:60]), candidates, 0.9)  # type: ignore[arg-type]
        wrong.append(sureness_of_errors[60] >= threshold)
    assert 0.07 < np.mean(wrong) <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 2000)
