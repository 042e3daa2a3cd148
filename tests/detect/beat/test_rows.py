"""Levels over time: against a frame by frame computation, at any chunking, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.beat.rows import BLOCK_ROWS, QUIETEST_DB, RowHistory, ToneRows
from aed.errors import AudioError, ConfigError

RATE_HZ = 16_000
HOP, FRAME = 128, 768


def rows_of_the_definition(samples: np.ndarray) -> np.ndarray:
    """The slow twin: every frame by itself, levels of the bands from 400 Hz to 4.5 kHz, pairs averaged."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    levels = []
    for start in range(0, len(samples) - FRAME + 1, HOP):
        amplitude = 2 * np.abs(np.fft.rfft(samples[start : start + FRAME] * window)) / window.sum()
        levels.append(10 * np.log10(amplitude[20:217] ** 2 + 10 ** (QUIETEST_DB / 10)))
    return np.array([(first + second) / 2 for first, second in zip(levels[::2], levels[1::2], strict=False)])


def all_rows(samples: np.ndarray, cuts: list[int]) -> np.ndarray:
    rows = ToneRows(RATE_HZ)
    blocks = [block for chunk in np.split(samples, cuts) for block in rows.push(chunk)]
    assert all(len(block) == BLOCK_ROWS for block in blocks)
    return np.concatenate([*blocks, rows.flush()])


SAMPLES = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(SAMPLES)), max_size=6))
def test_any_chunking_gives_the_same_bits(cuts: list[int]) -> None:
    np.testing.assert_array_equal(all_rows(SAMPLES, sorted(cuts)), all_rows(SAMPLES, []))


def test_rows_are_those_of_the_definition() -> None:
    np.testing.assert_allclose(all_rows(SAMPLES, []), rows_of_the_definition(SAMPLES), atol=0.01)


def test_a_full_scale_tone_has_zero_db_in_its_band_and_silence_has_the_quietest_level() -> None:
    rows = ToneRows(RATE_HZ)
    band = 120
    tone = np.sin(2 * np.pi * rows.band_hz(band) * np.arange(RATE_HZ) / RATE_HZ)
    np.testing.assert_allclose(all_rows(tone, [])[:, band], 0.0, atol=0.01)
    np.testing.assert_allclose(all_rows(np.zeros(RATE_HZ), []), QUIETEST_DB, atol=0.01)


@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME, FRAME + HOP - 1])
def test_what_is_too_short_for_a_row_gives_none(length: int) -> None:
    assert all_rows(np.ones(length), []).shape == (0, 197)


def test_refuses_what_is_no_sound() -> None:
    rows = ToneRows(RATE_HZ)
    rows.push(np.zeros(8000))
    bad = np.zeros(100)
    bad[16] = np.nan
    with pytest.raises(AudioError, match=r"the sample at 0\.501 s is NaN or infinite"):
        rows.push(bad)
    with pytest.raises(AudioError, match=r"shape \(samples,\), got \(10, 2\)"):
        rows.push(np.zeros((10, 2)))
    with pytest.raises(ConfigError, match="at least 8000 Hz, got 4000"):
        ToneRows(4000)


def test_history_finds_rows_by_their_number_and_forgets_the_oldest() -> None:
    history, keep = RowHistory(2, 100), 100
    for start in range(0, 2000, 50):
        history.append(np.repeat(np.arange(start, start + 50, dtype=np.float32)[:, None], 2, axis=1))
        oldest = max(0, history.stop - keep)
        np.testing.assert_array_equal(history.rows(oldest, history.stop)[:, 1], np.arange(oldest, history.stop))
    rows = np.array([history.stop - 1, history.stop, -1, history.start - 1])
    np.testing.assert_array_equal(history.at(rows, 0), np.array([history.stop - 1, np.nan, np.nan, np.nan]))


def test_memory_does_not_grow_with_the_stream() -> None:
    rows, chunk = ToneRows(RATE_HZ), np.ones(5000, dtype=np.float32)
    for _ in range(5):
        rows.push(chunk)
    tracemalloc.start()
    for _ in range(100):
        rows.push(chunk)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4 * 20_000
