from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.timeline import FFT_SAMPLES, MOST_COLUMNS, PeakColumns, Timeline
from aed.scorer.protocol import BlockLayout
from tests.fake_scorer import small_taxonomy

LAYOUT = BlockLayout(16_000, 16_000, 16_000, 0, 10, 1_600, 1_600)


@given(num_rows=st.integers(0, 200), cuts=st.lists(st.integers(0, 200), max_size=8), most_columns=st.integers(1, 9))
def test_columns_are_the_peaks_of_equal_parts_at_any_chunking(
    num_rows: int, cuts: list[int], most_columns: int
) -> None:
    rows = np.random.default_rng(num_rows).random((num_rows, 2))
    columns = PeakColumns(most_columns)
    for chunk in np.split(rows, sorted(min(cut, num_rows) for cut in cuts)):
        columns.add(chunk)
    size = columns.rows_per_column
    expected = [rows[start : start + size].max(axis=0) for start in range(0, num_rows, size)]
    np.testing.assert_array_equal(columns.columns(), np.array(expected).reshape(-1, 2))
    assert len(expected) <= most_columns + 1
    assert size == 1 or num_rows // (size // 2) > most_columns, "no coarser than needed"


def test_a_tone_stands_in_its_band_at_its_level_and_time() -> None:
    timeline = Timeline(small_taxonomy(), LAYOUT)
    seconds = np.arange(2 * 16_000) / 16_000
    tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
    timeline.add_samples(np.concatenate([np.zeros(16_000, dtype=np.float32), tone]))
    decibels, column_seconds = timeline.spectrogram_db()
    assert column_seconds == FFT_SAMPLES / 16_000
    assert len(decibels) == -(-48_000 // FFT_SAMPLES)
    band = int(np.searchsorted(timeline.band_edges_hz, 1000, side="right")) - 1
    assert decibels[-5].argmax() == band
    assert -12 < decibels[-5].max() < 1
    assert decibels[: round(0.9 / column_seconds)].max() == pytest.approx(-100, abs=0.1)
    assert timeline.seconds == 3.0


def test_an_hour_takes_no_more_memory_than_a_few_minutes() -> None:
    timeline = Timeline(small_taxonomy(), LAYOUT)
    ten_seconds, rows = np.zeros(160_000, dtype=np.float32), np.zeros((100, 6), dtype=np.float32)
    tracemalloc.start()
    for _ in range(360):
        timeline.add_samples(ten_seconds)
        timeline.add_rows(rows)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_500_000
    assert len(timeline.spectrogram_db()[0]) <= MOST_COLUMNS + 1
    probabilities, column_seconds = timeline.probabilities()
    assert len(probabilities) <= MOST_COLUMNS + 1
    assert len(probabilities) * column_seconds == pytest.approx(3600, abs=column_seconds)
