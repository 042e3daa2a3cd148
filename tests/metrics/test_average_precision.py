from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from aed.metrics.average_precision import (
    NodeAveragePrecision,
    average_precision,
    chance_average_precision,
    macro_average_precision,
    node_average_precisions,
)

rankings = st.lists(
    st.tuples(st.sampled_from([-np.inf, -2.0, -1.0, -0.5, 0.0]), st.booleans()), min_size=1, max_size=30
)


def unzip(ranking: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in ranking]), np.array([present for _, present in ranking])


def slow_average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = [bool(p) for s, p in zip(scores, present, strict=True) if s >= threshold]
        recall = sum(taken) / present.sum()
        total += (recall - recall_before) * sum(taken) / len(taken)
        recall_before = recall
    return total


@given(rankings.filter(lambda ranking: any(present for _, present in ranking)))
def test_average_precision_equals_the_slow_way_and_scikit_learn(ranking: list[tuple[float, bool]]) -> None:
    scores, present = unzip(ranking)
    found = average_precision(scores, present)
    assert found == pytest.approx(slow_average_precision(scores, present))
    finite = np.where(np.isneginf(scores), -1e9, scores)
    assert found == pytest.approx(average_precision_score(present, finite))


def test_nothing_present_has_no_average_precision() -> None:
    assert math.isnan(average_precision(np.array([0.1, 0.2]), np.array([False, False])))


def test_unknown_clips_are_left_out_or_counted_as_absent() -> None:
    log_p = np.array([[-0.1], [-0.2], [-0.3], [-0.4]])
    targets = np.array([[-1], [1], [0], [1]], dtype=np.int8)
    nodes = np.array([0])
    (ignored,) = node_average_precisions(log_p, targets, nodes, unknown_as_absent=False)
    (counted,) = node_average_precisions(log_p, targets, nodes, unknown_as_absent=True)
    assert (ignored.known, ignored.present, ignored.prior) == (3, 2, pytest.approx(2 / 3))
    assert ignored.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert (counted.known, counted.present, counted.prior) == (4, 2, 0.5)
    assert counted.average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)


@pytest.mark.parametrize("target", [0, 1, -1])
def test_a_node_without_both_kinds_of_clips_is_not_averaged(target: int) -> None:
    targets = np.full((3, 1), target, dtype=np.int8)
    per_node = node_average_precisions(np.zeros((3, 1)), targets, np.array([0]), unknown_as_absent=False)
    assert math.isnan(per_node[0].average_precision)
    assert macro_average_precision(per_node).nodes == 0


def test_macro_mean_and_times_prior() -> None:
    per_node = (
        NodeAveragePrecision(0, 0.9, 0.2, 0.3, 2, 10),
        NodeAveragePrecision(1, 0.3, 0.1, 0.2, 1, 10),
        NodeAveragePrecision(2, math.nan, math.nan, math.nan, 0, 10),
    )
    macro = macro_average_precision(per_node)
    assert (macro.mean, macro.prior, macro.nodes) == (pytest.approx(0.6), pytest.approx(0.15), 2)
    assert macro.times_prior == pytest.approx(4.0)
    assert macro.times_chance == pytest.approx(0.6 / 0.25)


@pytest.mark.parametrize(("num_present", "num_known"), [(1, 2), (1, 6), (3, 6), (5, 6)])
def test_chance_is_the_mean_over_all_rankings(num_present: int, num_known: int) -> None:
    scores = np.arange(num_known)[::-1].astype(float)
    found = [
        average_precision(scores, np.isin(np.arange(num_known), chosen))
        for chosen in itertools.combinations(range(num_known), num_present)
    ]
    assert chance_average_precision(num_present, num_known) == pytest.approx(np.mean(found))


def test_with_many_clips_chance_reaches_the_prior() -> None:
    generator = np.random.default_rng(0)
    present = generator.random(20_000) < 0.1
    assert average_precision(generator.random(20_000), present) == pytest.approx(present.mean(), rel=0.1)
