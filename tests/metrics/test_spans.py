from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.metrics.spans import covers, intersect, subtract, total_seconds, union, union_of, widen
from tests.metrics.event_scenes import grid, random_spans

SECONDS = 6.0


def test_a_miniature() -> None:
    assert union([(3, 4), (0, 1), (1, 2), (1.5, 1.6), (5, 5)]).tolist() == [[0, 2], [3, 4]]
    assert union([]).shape == (0, 2)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_they_are_what_a_grid_says(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = (random_spans(generator, SECONDS, 5) for _ in range(2))
    on_one, on_other = grid(one, SECONDS), grid(other, SECONDS)
    for found, expected in (
        (union_of([one, other]), on_one | on_other),
        (subtract(one, other), on_one & ~on_other),
        (intersect(one, other), on_one & on_other),
    ):
        np.testing.assert_array_equal(grid(found, SECONDS), expected)
        assert total_seconds(found) == pytest.approx(0.1 * expected.sum())
        assert (found[:, 1] > found[:, 0]).all()
        assert (found[1:, 0] >= found[:-1, 1]).all()


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), steps=st.integers(0, 12))
def test_wider_is_what_lies_near(seed: int, steps: int) -> None:
    spans = random_spans(np.random.default_rng(seed), SECONDS, 4)
    inside = grid(spans, SECONDS)
    near = [inside[max(0, place - steps) : place + steps + 1].any() for place in range(len(inside))]
    np.testing.assert_array_equal(grid(widen(spans, 0.1 * steps, SECONDS), SECONDS), near)


def test_an_onset_is_covered_and_an_offset_not() -> None:
    assert covers(union([(1, 2), (3, 4)]), np.array([0.5, 1, 1.5, 2, 3, 4])).tolist() == [0, 1, 1, 0, 1, 0]
