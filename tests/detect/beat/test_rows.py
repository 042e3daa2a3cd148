"""Levels over time: against a frame by frame computation, at any chunking, in bounded memory."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.beat.rows import COARSE, FINE, QUIETEST_DB, Blocks, RowGrid, RowHistory, ToneRows
from aed.errors import AudioError, ConfigError

RATE_HZ = 16_000
HOP, FRAME = {FINE: 256, COARSE: 512}, {FINE: 768, COARSE: 1024}
GRIDS = [FINE, COARSE]


def rows_of_the_definition(samples: np.ndarray, grid: RowGrid) -> np.ndarray:
    """The slow twin: every frame by itself, levels of the bands from 400 Hz to 4.5 kHz."""
    frame = FRAME[grid]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    first, stop = math.ceil(400 * frame / RATE_HZ), 4500 * frame // RATE_HZ + 1
    levels = []
    for start in range(0, len(samples) - frame + 1, HOP[grid]):
        amplitude = 2 * np.abs(np.fft.rfft(samples[start : start + frame] * window)) / window.sum()
        levels.append(10 * np.log10(amplitude[first:stop] ** 2 + 10 ** (QUIETEST_DB / 10)))
    return np.array(levels)


def all_rows(samples: np.ndarray, cuts: list[int], grid: RowGrid) -> np.ndarray:
    blocks, tones = Blocks(RATE_HZ), ToneRows(RATE_HZ, grid)
    rows = [tones.rows(block) for chunk in np.split(samples, cuts) for block in blocks.push(chunk)]
    assert all(len(block) == blocks.block_samples // HOP[grid] for block in rows)
    return np.concatenate([*rows, tones.rows(blocks.flush())])


SAMPLES = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, len(SAMPLES)), max_size=6))
def test_any_chunking_gives_the_same_bits(grid: RowGrid, cuts: list[int]) -> None:
    np.testing.assert_array_equal(all_rows(SAMPLES, sorted(cuts), grid), all_rows(SAMPLES, [], grid))


@pytest.mark.parametrize("grid", GRIDS)
def test_rows_are_those_of_the_definition(grid: RowGrid) -> None:
    np.testing.assert_allclose(all_rows(SAMPLES, [], grid), rows_of_the_definition(SAMPLES, grid), atol=0.01)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_full_scale_tone_has_zero_db_in_its_band_and_silence_has_the_quietest_level(grid: RowGrid) -> None:
    band = 120
    tone = np.sin(2 * np.pi * ToneRows(RATE_HZ, grid).band_hz(band) * np.arange(RATE_HZ) / RATE_HZ)
    np.testing.assert_allclose(all_rows(tone, [], grid)[:, band], 0.0, atol=0.01)
    np.testing.assert_allclose(all_rows(np.zeros(RATE_HZ), [], grid), QUIETEST_DB, atol=0.01)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("length", [0, 1, 767])
def test_what_is_too_short_for_a_row_gives_none(grid: RowGrid, length: int) -> None:
    assert all_rows(np.ones(length), [], grid).shape == (0, ToneRows(RATE_HZ, grid).num_bands)


def test_refuses_what_is_no_sound() -> None:
    rows = Blocks(RATE_HZ)
    rows.push(np.zeros(8000))
    bad = np.zeros(100)
    bad[16] = np.nan
    with pytest.raises(AudioError, match=r"the sample at 0\.501 s is NaN or infinite"):
        rows.push(bad)
    with pytest.raises(AudioError, match=r"shape \(samples,\), got \(10, 2\)"):
        rows.push(np.zeros((10, 2)))
    with pytest.raises(ConfigError, match="at least 8000 Hz, got 4000"):
        Blocks(4000)


def test_history_finds_rows_by_their_number_and_forgets_the_oldest() -> None:
    history, keep = RowHistory(2, 100), 100
    for start in range(0, 2000, 50):
        history.append(np.repeat(np.arange(start, start + 50, dtype=np.float32)[:, None], 2, axis=1))
        oldest = max(0, history.stop - keep)
        np.testing.assert_array_equal(history.rows(oldest, history.stop)[:, 1], np.arange(oldest, history.stop))
    rows = np.array([history.stop - 1, history.stop, -1, history.start - 1])
    np.testing.assert_array_equal(history.at(rows, 0), np.array([history.stop - 1, np.nan, np.nan, np.nan]))


def test_memory_does_not_grow_with_the_stream() -> None:
    rows, chunk = Blocks(RATE_HZ), np.ones(5000, dtype=np.float32)
    for _ in range(5):
        rows.push(chunk)
    tracemalloc.start()
    for _ in range(100):
        rows.push(chunk)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4 * 20_000
