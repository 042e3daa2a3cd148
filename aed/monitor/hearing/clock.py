"""When something in a stream was, in UTC.

Of a live stream it is computed from its age: the monotonic clock says how long ago it was, the wall clock what time it
is now. A jump of the wall clock moves what is heard after it and nothing else. Of a recording it is the time at which
the recording began, and the place in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class StreamClock(Protocol):
    """Turns seconds of a stream into UTC."""

    def mark(self, seconds_seen: float) -> None:
        """Say how far the stream has come just now."""
        ...

    def utc(self, stream_seconds: float) -> datetime:
        """Return when that was."""
        ...


class LiveClock:
    """The clock of a stream that goes on with the world.

    Args:
        now: The wall clock, UTC.
        monotonic: A clock that never jumps, in seconds.
    """

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now, self._monotonic = now, monotonic
        self._marked_at, self._marked_seconds = monotonic(), 0.0

    def mark(self, seconds_seen: float) -> None:
        """Say how far the stream has come just now."""
        self._marked_at, self._marked_seconds = self._monotonic(), seconds_seen

    def utc(self, stream_seconds: float) -> datetime:
        """Return when that was."""
        age_seconds = self._monotonic() - self._marked_at + self._marked_seconds - stream_seconds
        return self._now() - timedelta(seconds=age_seconds)


class RecordingClock:
    """The clock of a recording.

    Args:
        started_at: When it began, UTC.
    """

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at

    def mark(self, seconds_seen: float) -> None:
        """A recording's time does not depend on when it is played."""

    def utc(self, stream_seconds: float) -> datetime:
        """Return when that was."""
        return self._started_at + timedelta(seconds=stream_seconds)
