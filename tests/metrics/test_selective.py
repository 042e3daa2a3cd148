from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.metrics.selective import risk_coverage

answers = st.lists(st.tuples(st.sampled_from([-np.inf, -2.0, -1.0, -0.5]), st.booleans()), min_size=1, max_size=6)


def slow_risks(confidences: list[float], right: list[bool]) -> np.ndarray:
    """Mean risk over all orders in which no clip comes before a surer one."""
    orders = [
        order
        for order in itertools.permutations(range(len(right)))
        if all(confidences[a] >= confidences[b] for a, b in itertools.pairwise(order))
    ]
    risks = [[np.mean([not right[clip] for clip in order[:n]]) for n in range(1, len(right) + 1)] for order in orders]
    return np.asarray(np.mean(risks, axis=0))


@given(answers)
def test_equals_the_mean_over_all_orders(clips: list[tuple[float, bool]]) -> None:
    confidences, right = [c for c, _ in clips], [r for _, r in clips]
    found = risk_coverage(np.array(confidences), np.array(right))
    slow = slow_risks(confidences, right)
    np.testing.assert_allclose(found.risk, slow)
    assert found.aurc == pytest.approx(slow.mean())
    best = slow_risks([float(r) for r in right], right).mean()
    assert found.excess_aurc == pytest.approx(slow.mean() - best)
    assert found.excess_aurc >= -1e-12
    assert found.coverage[-1] == 1.0
    assert found.risk[-1] == pytest.approx(1 - np.mean(right))


def test_a_constant_confidence_says_nothing() -> None:
    found = risk_coverage(np.zeros(4), np.array([True, True, False, True]))
    np.testing.assert_allclose(found.risk, 0.25)
    assert found.aurc == pytest.approx(0.25)


def test_the_best_order_has_no_excess_and_the_worst_has_most() -> None:
    right = np.array([True, True, False, True])
    assert risk_coverage(right.astype(float), right).excess_aurc == pytest.approx(0.0)
    worst = risk_coverage(-right.astype(float), right)
    assert worst.aurc == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_without_clips_there_is_no_area() -> None:
    found = risk_coverage(np.zeros(0), np.zeros(0, bool))
    assert math.isnan(found.aurc)
    assert math.isnan(found.excess_aurc)
    assert len(found.risk) == 0
