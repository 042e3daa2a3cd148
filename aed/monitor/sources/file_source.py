"""A recording as if it were live: at its own speed, faster, or as fast as the machine can."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aed.audio.read import inspect, stream_at_own_rate
from aed.errors import ConfigError
from aed.monitor.sources.source import PIECE_SECONDS, Piece
from aed.timebase import samples_from_seconds, seconds_from_samples

READ_SECONDS = 2.0
"""A call of the decoder costs more than what it decodes of a tenth of a second."""


class FileSource:
    """A recording.

    Args:
        path: The file.
        speed: 1 as it was recorded; None as fast as the machine can.

    Raises:
        AudioError: The file cannot be read.
        ConfigError: The speed is not positive.
    """

    is_live = False

    def __init__(self, path: Path, speed: float | None) -> None:
        if speed is not None and speed <= 0:
            raise ConfigError(f"a recording cannot be played at the speed {speed:g}: expected a number above 0, or max")
        self._info, self._speed = inspect(path), speed
        self._closed = threading.Event()
        self.name, self.rate_hz = path.name, self._info.rate_hz

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces of the recording when it is their time; see `Source.pieces`."""
        started, played_samples = time.monotonic(), 0
        for samples in self._cut():
            played_samples += len(samples)
            if self._speed is not None:
                due = started + seconds_from_samples(played_samples, self.rate_hz) / self._speed
                self._closed.wait(max(0.0, due - time.monotonic()))
            if self._closed.is_set():
                return
            yield Piece(samples)

    def _cut(self) -> Iterator[np.ndarray]:
        step = max(1, samples_from_seconds(PIECE_SECONDS, self.rate_hz))
        for block in stream_at_own_rate(self._info, READ_SECONDS):
            for start in range(0, len(block), step):
                yield block[start : start + step]

    def close(self) -> None:
        """End the playing."""
        self._closed.set()
