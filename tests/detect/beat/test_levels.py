"""Averages of levels and what stands out in them: against obvious computations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.beat.levels import BeatLevels, best_places, exact_band, least, loudest_band, most, steady_share

ROWS = np.random.default_rng(0).standard_normal((150, 9)).astype(np.float32)


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(ROWS)), max_size=5))
def test_means_are_those_of_their_rows_however_they_arrive(cuts: list[int]) -> None:
    levels = BeatLevels(ROWS.shape[1])
    for rows in np.split(ROWS, sorted(cuts)):
        for start in range(0, len(rows), 64):
            levels.append(rows[start : start + 64])
    coarse = ROWS.reshape(-1, 2, ROWS.shape[1]).mean(axis=1)
    for history, source, length in [
        (levels.short, ROWS, 3),
        (levels.coarse, coarse, 1),
        (levels.pulse, coarse, 11),
        (levels.gap, coarse, 6),
    ]:
        expected = [source[start : start + length].mean(axis=0) for start in range(len(source) - length + 1)]
        np.testing.assert_allclose(history.rows(0, history.stop), expected, atol=1e-5)


def test_least_and_most_read_every_array() -> None:
    arrays = [ROWS[shift : shift + 20] for shift in range(5)]
    np.testing.assert_array_equal(least(arrays), np.min(arrays, axis=0))
    np.testing.assert_array_equal(most(arrays), np.max(arrays, axis=0))


def test_best_places_are_the_clearest_tones_and_one_for_each() -> None:
    margins = np.zeros((10, 40), dtype=np.float32)
    quiet = np.zeros_like(margins)
    margins[3, 10], margins[4, 12], margins[7, 30], margins[2, 20] = 9.0, 8.0, 10.0, 4.0
    found = [(place.row, place.band) for place in best_places(margins, quiet, 100, least_db=5.0, count=5)]
    assert found == [(107, 30), (103, 10)]
    assert len(best_places(margins, quiet, 0, least_db=5.0, count=1)) == 1
    assert best_places(margins, quiet, 0, least_db=11.0, count=5) == []


def test_of_bands_that_stand_out_alike_the_louder_is_the_tone() -> None:
    margins, levels = np.full((5, 40), 12.0, dtype=np.float32), np.full((5, 40), -80.0, dtype=np.float32)
    levels[2, 17] = -20.0
    assert best_places(margins, levels, 0, least_db=5.0, count=1)[0].band == 17


def test_the_top_of_a_tone_is_found_between_bands() -> None:
    bands = np.arange(30)
    pulses = np.stack([-((bands - 12.3) ** 2)] * 4).astype(np.float32)
    assert loudest_band(pulses, 14) == 12
    assert abs(exact_band(pulses, 12) - 12.3) < 0.01
    assert steady_share(pulses, 12) == 1.0
    moving = np.stack([-((bands - centre) ** 2) for centre in (12, 15, 9, 12)]).astype(np.float32)
    assert steady_share(moving, 12) == 0.5
