"""Beliefs: the whole at once against the obvious row by row, and any cut of the rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.belief import Belief

THRESHOLDS = np.array([0.5, 0.3, 1.0], dtype=np.float32)
RELEASE_RATIO = 0.7


def row_by_row(rows: np.ndarray) -> np.ndarray:
    """The slow twin: what a row says of each node, and else what was believed before."""
    believed, found = [False] * len(THRESHOLDS), []
    for row in rows:
        for node, (value, threshold) in enumerate(zip(row, THRESHOLDS, strict=True)):
            if value >= threshold:
                believed[node] = True
            elif value < np.float32(RELEASE_RATIO) * threshold:
                believed[node] = False
        found.append(list(believed))
    return np.array(found, dtype=bool).reshape(len(rows), len(THRESHOLDS))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 40), cut=st.integers(0, 40))
def test_believes_what_the_slow_twin_believes_wherever_the_rows_are_cut(seed: int, count: int, cut: int) -> None:
    rows = np.random.default_rng(seed).random((count, len(THRESHOLDS)), dtype=np.float32)
    belief = Belief(THRESHOLDS, RELEASE_RATIO)
    found = np.concatenate([belief.push(rows[:cut]), belief.push(rows[cut:])])
    assert np.array_equal(found, row_by_row(rows))


def test_holds_on_between_both_thresholds() -> None:
    rows = np.array([[0.4], [0.5], [0.36], [0.34], [0.4]], dtype=np.float32)
    assert Belief(THRESHOLDS[:1], RELEASE_RATIO).push(rows)[:, 0].tolist() == [False, True, True, False, False]
