"""A bounded queue between who hears (a callback that must not wait) and who listens."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import numpy as np

from aed.monitor.sources.source import Piece

LONGEST_QUEUE_SECONDS = 10.0
"""A detector that falls this far behind does not catch up; the newest sound is then dropped until it does."""
_POLL_SECONDS = 0.5


class PieceQueue:
    """Pieces on their way.

    Args:
        piece_seconds: About how long each is; bounds the queue.
    """

    def __init__(self, piece_seconds: float) -> None:
        self._queue: queue.Queue[Piece] = queue.Queue(maxsize=max(1, round(LONGEST_QUEUE_SECONDS / piece_seconds)))
        self._lost_seconds = 0.0
        self._is_closed = False

    def put(self, samples: np.ndarray, seconds: float, lost_seconds: float = 0.0) -> None:
        """Add samples, `(samples,)` float32, without ever waiting: where there is no room they are lost and counted."""
        lost = self._lost_seconds + lost_seconds
        try:
            self._queue.put_nowait(Piece(samples, lost))
            self._lost_seconds = 0.0
        except queue.Full:
            self._lost_seconds = lost + seconds

    def close(self) -> None:
        """End the pieces: those that are still there come, then no more."""
        self._is_closed = True

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces as they come, until the queue is closed and empty."""
        while True:
            try:
                yield self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._is_closed:
                    return
