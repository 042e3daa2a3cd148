"""A browser's microphone as a source: samples come over a WebSocket at the browser's own rate.

The page sends binary frames of little-endian samples, one channel, and where it had to leave some out, a text frame
with the number of seconds. Nothing here resamples: a detector takes any rate.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import numpy as np

from aed.errors import AudioError
from aed.monitor.sources.piece_queue import PieceQueue
from aed.monitor.sources.source import Piece
from aed.timebase import seconds_from_samples

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
FRAME_SECONDS = 0.1
"""What the page sends at a time."""
LONGEST_FRAME_BYTES = 64 * 1024
"""A third of a second of 32 bits at 48 kHz."""
MOST_SECONDS_AHEAD = 5.0
"""Of the clock: what a connection that stalled may catch up with. Whoever sends more is no microphone."""
MOST_LOST_SECONDS = 24.0 * 3600.0


class SampleFormat(StrEnum):
    """How samples are written, little-endian."""

    FLOAT = "float32"
    INTEGER = "int16"


_DTYPES: dict[SampleFormat, np.dtype[Any]] = {
    SampleFormat.FLOAT: np.dtype("<f4"),
    SampleFormat.INTEGER: np.dtype("<i2"),
}
_FULL_SCALE = {SampleFormat.FLOAT: 1.0, SampleFormat.INTEGER: 32768.0}


class BrowserSource:
    """A browser that sends what its microphone hears; see `aed.monitor.sources.source.Source`.

    Args:
        name: What it is called.
        rate_hz: Its rate.
        sample_format: How it writes samples.
    """

    is_live = True

    def __init__(self, name: str, rate_hz: int, sample_format: SampleFormat) -> None:
        self.name, self.rate_hz, self._format = name, rate_hz, sample_format
        self._queue = PieceQueue(FRAME_SECONDS)
        self._started = time.monotonic()
        self._received_seconds, self._lost_seconds = 0.0, 0.0
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is wanted of it."""
        return self._is_closed

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces as they come, until closed."""
        return self._queue.pieces()

    def close(self) -> None:
        """End the pieces."""
        self._is_closed = True
        self._queue.close()

    def push(self, frame: bytes) -> None:
        """Add a frame; never waits.

        Raises:
            AudioError: It is longer than a frame may be, ends within a sample, or comes faster than sound does.
        """
        dtype = _DTYPES[self._format]
        if not frame or len(frame) > LONGEST_FRAME_BYTES or len(frame) % dtype.itemsize:
            raise AudioError(
                f"expected frames of 1 to {LONGEST_FRAME_BYTES} bytes and whole {self._format} samples, got one of "
                f"{len(frame)} bytes"
            )
        samples = np.frombuffer(frame, dtype=dtype).astype(np.float32) / np.float32(_FULL_SCALE[self._format])
        seconds = seconds_from_samples(len(samples), self.rate_hz)
        self._count(seconds)
        lost, self._lost_seconds = self._lost_seconds, 0.0
        self._queue.put(np.clip(samples, -1.0, 1.0), seconds, lost)

    def lose(self, text: str) -> None:
        """Note that seconds were left out before the next frame.

        Raises:
            AudioError: It is no such number.
        """
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= MOST_LOST_SECONDS:
            raise AudioError(f"expected the seconds that were left out, 0 to {MOST_LOST_SECONDS:g}, got {text[:20]!a}")
        self._lost_seconds += seconds

    def _count(self, seconds: float) -> None:
        self._received_seconds += seconds
        ahead = self._received_seconds - (time.monotonic() - self._started)
        if ahead > MOST_SECONDS_AHEAD:
            raise AudioError(f"{ahead:.1f} s ahead of the clock: a microphone at {self.rate_hz} Hz sends in real time")
