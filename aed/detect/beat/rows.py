"""Levels of narrow bands over time, on fixed grids of frames: the same numbers at any chunking of the samples.

Two grids. Coarse rows, frames of 64 ms every 32 ms, are always there: they hold pulses of half a second, single beeps,
and whether there is a tone at all. Fine rows, frames of 48 ms every 16 ms, cost twice as much and are for the pulses of
0.1 s alone: such a pulse and the gap after it each hold frames of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from aed.errors import AudioError, ConfigError
from aed.timebase import samples_from_seconds, seconds_from_samples

Rows = npt.NDArray[np.float32]
"""Levels in dB, `(row, band)`."""

ROW_SECONDS = 0.016
"""From one fine row to the next."""
ROWS_PER_COARSE = 2
COARSE_SECONDS = ROWS_PER_COARSE * ROW_SECONDS
BLOCK_ROWS = 64
"""Fine rows of a block, about a second: long enough that numpy's cost per call is small."""
BLOCK_COARSE_ROWS = BLOCK_ROWS // ROWS_PER_COARSE
PIECE_FRAMES = 16
"""Frames that are transformed at once. From 128 KiB on, numpy's transform takes fresh memory from the system for every
piece, and takes four times as long."""
LOWEST_TONE_HZ = 400.0
HIGHEST_TONE_HZ = 4500.0
LOWEST_RATE_HZ = 8_000
QUIETEST_DB = -120.0
"""Added as power to every band, so that digital silence has a level: far under the noise of any microphone."""
SLACK_BLOCKS = 4
"""A history moves its rows to the front once in so many blocks."""


@dataclass(frozen=True)
class RowGrid:
    """Where rows lie.

    Attributes:
        frame_seconds: What a row looks at.
        fine_rows: From row to row, in fine rows.
    """

    frame_seconds: float
    fine_rows: int


FINE = RowGrid(frame_seconds=0.048, fine_rows=1)
COARSE = RowGrid(frame_seconds=0.064, fine_rows=ROWS_PER_COARSE)


def row_samples(rate_hz: int) -> int:
    """From one fine row to the next: 16 ms, rounded to whole samples."""
    return samples_from_seconds(ROW_SECONDS, rate_hz)


class Blocks:
    """Cuts a stream of samples into blocks that hold all frames that begin in a second of it.

    Args:
        rate_hz: Sampling rate.

    Attributes:
        rate_hz: The same.
        block_samples: From the start of a block to that of the next.

    Raises:
        ConfigError: The rate is too low for the tones of alarms.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz < LOWEST_RATE_HZ:
            raise ConfigError(f"alarm beats need a rate of at least {LOWEST_RATE_HZ} Hz, got {rate_hz}. Record faster")
        self.rate_hz = rate_hz
        self.block_samples = BLOCK_ROWS * row_samples(rate_hz)
        self._needed = self.block_samples + max(
            samples_from_seconds(grid.frame_seconds, rate_hz) - grid.fine_rows * row_samples(rate_hz)
            for grid in (FINE, COARSE)
        )
        self._pending = np.empty(self._needed, dtype=np.float32)
        self._num_pending = self._num_samples = 0
        self._finished = False

    def push(self, samples: np.ndarray) -> list[npt.NDArray[np.float32]]:
        """Add `(samples,)`, any length; returns the blocks that became complete, each a little longer than its step.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
            RuntimeError: The stream was flushed before.
        """
        if self._finished:
            raise RuntimeError("this stream was flushed: start a new decoder for another one")
        samples = self._checked(samples)
        self._num_samples += len(samples)
        blocks, start = [], 0
        while start < len(samples):
            taken = samples[start : start + self._needed - self._num_pending]
            self._pending[self._num_pending : self._num_pending + len(taken)] = taken
            self._num_pending += len(taken)
            start += len(taken)
            if self._num_pending == self._needed:
                blocks.append(self._pending.copy())
                self._num_pending -= self.block_samples
                self._pending[: self._num_pending] = self._pending[self.block_samples :]
        return blocks

    def flush(self) -> npt.NDArray[np.float32]:
        """End the stream: the samples of the rest."""
        if self._finished:
            raise RuntimeError("this stream was flushed before: start a new decoder for another one")
        self._finished = True
        return self._pending[: self._num_pending]

    def _checked(self, samples: np.ndarray) -> npt.NDArray[np.float32]:
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1:
            raise AudioError(
                f"expected samples of one channel, shape (samples,), got {samples.shape}; average the channels"
            )
        finite = np.isfinite(samples)
        if not finite.all():
            at = seconds_from_samples(self._num_samples + int(np.argmin(finite)), self.rate_hz)
            raise AudioError(f"the sample at {at:.3f} s is NaN or infinite: expected numbers; repair the recording")
        return samples


class ToneRows:
    """Gives the level of every band between 400 Hz and 4.5 kHz in the frames of a block.

    Args:
        rate_hz: Sampling rate.
        grid: Where the rows lie.
    """

    def __init__(self, rate_hz: int, grid: RowGrid) -> None:
        self._rate_hz = rate_hz
        self._frame_samples = samples_from_seconds(grid.frame_seconds, rate_hz)
        self._hop_samples = grid.fine_rows * row_samples(rate_hz)
        self._rows_per_block = BLOCK_ROWS // grid.fine_rows
        window = np.hanning(self._frame_samples + 1)[:-1]
        self._window = (2.0 / window.sum() * window).astype(np.float32)
        highest_hz = min(HIGHEST_TONE_HZ, 0.45 * rate_hz)
        self._first_bin = int(np.ceil(LOWEST_TONE_HZ * self._frame_samples / rate_hz))
        self._stop_bin = int(highest_hz * self._frame_samples / rate_hz) + 1
        self._frames = np.empty((PIECE_FRAMES, self._frame_samples), dtype=np.float32)
        self._spectrum = np.empty((PIECE_FRAMES, self._frame_samples // 2 + 1), dtype=np.complex64)

    @property
    def num_bands(self) -> int:
        """Bands of a row."""
        return self._stop_bin - self._first_bin

    @property
    def row_seconds(self) -> float:
        """Time from row to row, rounded to whole samples."""
        return seconds_from_samples(self._hop_samples, self._rate_hz)

    def band_hz(self, band: float) -> float:
        """Frequency of a band's centre; between two bands also of what lies between."""
        return (self._first_bin + band) * self._rate_hz / self._frame_samples

    def rows(self, samples: npt.NDArray[np.float32]) -> Rows:
        """Rows of a block of samples, or of the rest of a stream: those whose frames lie inside, `(row, band)`."""
        num_rows = max(0, (len(samples) - self._frame_samples) // self._hop_samples + 1)
        rows = np.empty((min(num_rows, self._rows_per_block), self.num_bands), dtype=np.float32)
        steps = (self._hop_samples * samples.itemsize, samples.itemsize)
        frames = np.lib.stride_tricks.as_strided(samples, (len(rows), self._frame_samples), steps, writeable=False)
        for start in range(0, len(rows), PIECE_FRAMES):
            self._levels(frames[start : start + PIECE_FRAMES], rows[start : start + PIECE_FRAMES])
        return rows

    def _levels(self, samples: npt.NDArray[np.float32], levels: Rows) -> None:
        """Fill `(row, band)` with the levels of frames, `(row, samples)`."""
        frames, spectrum = self._frames[: len(levels)], self._spectrum[: len(levels)]
        np.multiply(samples, self._window, out=frames)
        np.fft.rfft(frames, axis=1, out=cast("npt.NDArray[np.complex128]", spectrum))  # numpy's types know no other
        bands = spectrum[:, self._first_bin : self._stop_bin]
        np.multiply(bands.real, bands.real, out=levels)
        levels += bands.imag**2
        levels += np.float32(10.0 ** (QUIETEST_DB / 10.0))
        np.log(levels, out=levels)
        levels *= np.float32(10.0 / np.log(10.0))


class RowHistory:
    """The newest rows of a stream, found by their number from its start; older ones are forgotten.

    Args:
        num_bands: Width of a row.
        keep_rows: How many rows to keep at least.
        block_rows: How many rows come at a time at most.
    """

    def __init__(self, num_bands: int, keep_rows: int, block_rows: int = BLOCK_ROWS) -> None:
        self._keep_rows = keep_rows
        self._buffer = np.zeros((keep_rows + SLACK_BLOCKS * block_rows, num_bands), dtype=np.float32)
        self._first = 0
        self._used = 0

    @property
    def start(self) -> int:
        """Number of the oldest row that is still there."""
        return self._first

    @property
    def stop(self) -> int:
        """Rows so far."""
        return self._first + self._used

    def append(self, rows: Rows) -> None:
        """Add rows, at most as many as `SLACK_BLOCKS` blocks have."""
        if self._used + len(rows) > len(self._buffer):
            dropped = self._used - self._keep_rows
            self._buffer[: self._keep_rows] = self._buffer[dropped : self._used]
            self._first += dropped
            self._used = self._keep_rows
        self._buffer[self._used : self._used + len(rows)] = rows
        self._used += len(rows)

    def rows(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`, a view that the next `append` may overwrite."""
        return self._buffer[start - self._first : stop - self._first]

    def at(self, rows: npt.NDArray[np.int64], band: int | npt.NDArray[np.int64]) -> Rows:
        """Levels at some rows of a band, or of one for each, shaped as the rows; NaN where a row is not there."""
        known = (rows >= self.start) & (rows < self.stop)
        levels = self._buffer[np.where(known, rows - self._first, 0), band]
        return np.where(known, levels, np.float32(np.nan))
