from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.study.holm import holm


def slow_is_found(p_values: list[float], place: int, level: float) -> bool:
    """Holm's procedure as he wrote it: reject from the smallest on until the first that fails."""
    for rank, (p_value, index) in enumerate(sorted((p, i) for i, p in enumerate(p_values))):
        if p_value * (len(p_values) - rank) > level:
            return False
        if index == place:
            return True
    raise AssertionError


@given(st.lists(st.sampled_from([0.0001, 0.004, 0.01, 0.02, 0.03, 0.2, 1.0]), min_size=1, max_size=8))
def test_a_corrected_value_below_the_level_is_what_the_procedure_finds(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for level in (0.0101, 0.0501, 0.1001):
        for place, value in enumerate(corrected):
            assert (value <= level) == slow_is_found(p_values, place, level)


def test_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
