"""Levels of narrow bands over time, on a fixed grid of frames: the same numbers at any chunking of the samples.

Frames of 48 ms every 8 ms: a pulse of 0.1 s and the gap after it each hold frames of their own. A row is the mean of
two frames in decibels, 16 ms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aed.detect.samples import finite_channel
from aed.errors import ConfigError
from aed.timebase import samples_from_seconds, seconds_from_samples

Rows = npt.NDArray[np.float32]
"""Levels in dB, `(row, band)`."""

FRAME_SECONDS = 0.048
HOP_SECONDS = 0.008
FRAMES_PER_ROW = 2
ROW_SECONDS = FRAMES_PER_ROW * HOP_SECONDS
BLOCK_ROWS = 64
"""Rows come in blocks of about a second: long enough that numpy's cost per call is small."""
PIECE_FRAMES = 32
"""Frames that are transformed at once: what a processor's cache holds."""
_KEPT_PER_SPARE = 4
"""A history moves its rows to the front once in so many; more room than that costs memory and saves no time."""
LOWEST_TONE_HZ = 400.0
HIGHEST_TONE_HZ = 4500.0
LOWEST_RATE_HZ = 8_000
QUIETEST_DB = -120.0
"""Added as power to every band, so that digital silence has a level: far under the noise of any microphone."""


class ToneRows:
    """Cuts a stream of samples into frames and gives the level of every band between 400 Hz and 4.5 kHz.

    Args:
        rate_hz: Sampling rate.

    Attributes:
        rate_hz: The same.
        block_samples: From the start of a block of rows to that of the next.

    Raises:
        ConfigError: The rate is too low for the tones of alarms.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz < LOWEST_RATE_HZ:
            raise ConfigError(f"alarm beats need a rate of at least {LOWEST_RATE_HZ} Hz, got {rate_hz}. Record faster")
        self.rate_hz = rate_hz
        self._frame_samples = samples_from_seconds(FRAME_SECONDS, rate_hz)
        self._hop_samples = samples_from_seconds(HOP_SECONDS, rate_hz)
        window = np.hanning(self._frame_samples + 1)[:-1]
        self._window = (2.0 / window.sum() * window).astype(np.float32)
        highest_hz = min(HIGHEST_TONE_HZ, 0.45 * rate_hz)
        self._first_bin = int(np.ceil(LOWEST_TONE_HZ * self._frame_samples / rate_hz))
        self._stop_bin = int(highest_hz * self._frame_samples / rate_hz) + 1
        self.block_samples = BLOCK_ROWS * FRAMES_PER_ROW * self._hop_samples
        self._pending = np.zeros(0, dtype=np.float32)
        self._num_samples = 0
        self._finished = False

    @property
    def num_bands(self) -> int:
        """Bands of a row."""
        return self._stop_bin - self._first_bin

    @property
    def num_samples(self) -> int:
        """Samples pushed so far."""
        return self._num_samples

    @property
    def row_seconds(self) -> float:
        """Time from row to row: 16 ms, rounded to whole samples."""
        return seconds_from_samples(FRAMES_PER_ROW * self._hop_samples, self.rate_hz)

    def band_hz(self, band: float) -> float:
        """Frequency of a band's centre; between two bands also of what lies between."""
        return (self._first_bin + band) * self.rate_hz / self._frame_samples

    def push(self, samples: np.ndarray) -> list[Rows]:
        """Add `(samples,)`, any length; returns the blocks that became complete, each `(BLOCK_ROWS, band)`.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
            RuntimeError: The stream was flushed before.
        """
        if self._finished:
            raise RuntimeError("this stream was flushed: start a new decoder for another one")
        self._pending = np.concatenate([self._pending, finite_channel(samples, self._num_samples, self.rate_hz)])
        self._num_samples += len(samples)
        blocks, start = [], 0
        needed = self.block_samples - self._hop_samples + self._frame_samples
        while len(self._pending) - start >= needed:
            blocks.append(self._rows(self._pending[start : start + needed]))
            start += self.block_samples
        self._pending = self._pending[start:].copy()
        return blocks

    def flush(self) -> Rows:
        """End the stream: the rows of the rest, `(row, band)`, without those that would reach beyond the end."""
        if self._finished:
            raise RuntimeError("this stream was flushed before: start a new decoder for another one")
        self._finished = True
        return self._rows(self._pending)

    def _rows(self, samples: npt.NDArray[np.float32]) -> Rows:
        num_frames = max(0, (len(samples) - self._frame_samples) // self._hop_samples + 1)
        num_frames -= num_frames % FRAMES_PER_ROW
        if num_frames == 0:
            return np.zeros((0, self.num_bands), dtype=np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._frame_samples)[:: self._hop_samples]
        pieces = [
            self._levels(frames[start : min(start + PIECE_FRAMES, num_frames)])
            for start in range(0, num_frames, PIECE_FRAMES)
        ]
        return np.concatenate(pieces)

    def _levels(self, frames: npt.NDArray[np.float32]) -> Rows:
        spectrum = np.fft.rfft(frames * self._window, axis=1)[:, self._first_bin : self._stop_bin]
        power = spectrum.real**2 + spectrum.imag**2
        power += 10.0 ** (QUIETEST_DB / 10.0)
        # mean of logarithms of two frames = logarithm of their product, halved
        product = power[0::2].astype(np.float32) * power[1::2].astype(np.float32)
        levels: Rows = np.log(product)
        levels *= np.float32(10.0 / np.log(10.0) / FRAMES_PER_ROW)
        return levels


class RowHistory:
    """The newest rows of a stream, found by their number from its start; older ones are forgotten.

    Args:
        num_bands: Width of a row.
        keep_rows: How many rows to keep at least.
    """

    def __init__(self, num_bands: int, keep_rows: int) -> None:
        self._keep_rows = keep_rows
        spare_rows = max(keep_rows // _KEPT_PER_SPARE, 2 * BLOCK_ROWS)
        self._buffer = np.zeros((keep_rows + spare_rows, num_bands), dtype=np.float32)
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
        """Add rows, at most `2 * BLOCK_ROWS` at a time."""
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
