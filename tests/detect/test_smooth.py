from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.smooth import Smoother, SmoothingKind


def smoothed_by_definition(rows: np.ndarray, kind: SmoothingKind, length: int, causal: bool) -> np.ndarray:
    behind, ahead = (length - 1, 0) if causal else (length // 2, length // 2)
    if kind == "none":
        behind = ahead = 0
    reduce = np.median if kind == "median" else np.mean
    return np.array([reduce(rows[max(0, t - behind) : t + ahead + 1], axis=0) for t in range(len(rows))]).reshape(
        rows.shape
    )


@given(
    num_rows=st.integers(0, 30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    kind=st.sampled_from(["none", "mean", "median"]),
    half=st.integers(0, 4),
    causal=st.booleans(),
)
def test_any_chunking_gives_the_rows_of_the_definition(
    num_rows: int, cuts: list[int], kind: SmoothingKind, half: int, causal: bool
) -> None:
    rows = np.random.default_rng(num_rows).random((num_rows, 3), dtype=np.float32)
    smoother = Smoother(kind, 2 * half + 1, causal=causal)
    parts = [smoother.push(chunk) for chunk in np.split(rows, sorted(min(cut, num_rows) for cut in cuts))]
    got = np.concatenate([*parts, smoother.flush()])
    np.testing.assert_allclose(got, smoothed_by_definition(rows, kind, 2 * half + 1, causal), rtol=1e-6)
    whole = Smoother(kind, 2 * half + 1, causal=causal)
    np.testing.assert_array_equal(got, np.concatenate([whole.push(rows), whole.flush()]))


@pytest.mark.parametrize(("causal", "delay"), [(False, 2), (True, 0)])
def test_rows_come_after_the_stated_delay(causal: bool, delay: int) -> None:
    smoother = Smoother("median", 5, causal=causal)
    assert smoother.delay_rows == delay
    for number in range(6):
        assert len(smoother.push(np.ones((1, 2)))) == (0 if number < delay else 1)


def test_a_median_removes_a_lone_row() -> None:
    rows = np.zeros((7, 1))
    rows[3] = 1
    smoother = Smoother("median", 3)
    assert smoother.push(rows).max() == 0


def test_refuses_a_window_without_a_middle() -> None:
    with pytest.raises(ValueError, match="odd where centred, got 4"):
        Smoother("mean", 4)
