"""One source, listened to in a thread of its own, for good: what ends is opened again, what stalls is noticed.

The source's pieces go to its `Hearing`. What was lost between two pieces is counted and told; a live source that fails
or ends is opened again with longer and longer pauses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from aed.audio.resample import Resampler
from aed.detect.health import Complaint, HealthEvent
from aed.errors import AedError
from aed.monitor.hearing.clock import LiveClock, RecordingClock, StreamClock
from aed.monitor.hearing.deaf_watch import DeafWatch
from aed.monitor.hearing.hearing import Hearing, HearingParts
from aed.monitor.messages import HealthMessage, SourceMessage, SourceState
from aed.monitor.sources.source import Piece, Source
from aed.timebase import seconds_from_samples

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
"""Between two attempts to open a source; doubled each time, back to the first once something comes."""
STALL_SECONDS = 6.0
"""A live source that brings nothing for so long is lost, whatever it says; ffmpeg itself gives up after 5."""
REOPEN_SECONDS = 30.0
"""One that still brings nothing is closed and opened again."""
LEAST_LOST_SECONDS = 0.05
"""Less than that between two connections is no loss but how pieces come."""
LOST, DEAF = "lost", "deaf"
ENDED = "the source ended"
_CLOSE_SECONDS = 10.0

OpenSource = Callable[[], Source]


class Listener:
    """Listens to one source.

    Args:
        parts: What all streams share.
        name: Name of the source.
        open_source: Opens it, again and again; None where it is over for good once it ends.
        first: The source, where it is open already.
        started_at: When a recording began, UTC; now where None.
        on_end: Called, in its thread, when it has ended.
    """

    def __init__(
        self,
        parts: HearingParts,
        name: str,
        open_source: OpenSource | None,
        first: Source | None = None,
        started_at: datetime | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self._parts, self._open_source, self._source = name, parts, open_source, first
        self._started_at, self._on_end = started_at, on_end
        self._hearing: Hearing | None = None
        self._clock: StreamClock | None = None
        self._resampler: Resampler | None = None
        self._rate_hz = 0
        self._deaf = DeafWatch()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"listen {name}", daemon=True)
        self._began_at = self._heard_at = self._opened_at = time.monotonic()
        self._is_lost = False
        self._is_reopened = False
        self.lost_seconds = 0.0
        self.state = SourceState.STARTING
        self.message = ""
        self.has_ended = False
        self.defect: BaseException | None = None

    @property
    def seconds_seen(self) -> float:
        """Length of the stream so far, gaps included."""
        hearing = self._hearing
        return 0.0 if hearing is None else hearing.seconds_seen

    @property
    def status(self) -> SourceMessage:
        """How the source fares."""
        return SourceMessage(self.name, datetime.now(UTC), self.state, round(self.lost_seconds, 3), self.message)

    def start(self) -> None:
        """Begin to listen."""
        self._say(SourceState.STARTING)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns once what lasted is written down."""
        self.begin_to_close()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)

    def begin_to_close(self) -> None:
        """Ask it to stop, without waiting."""
        self._closing.set()
        source = self._source
        if source is not None:
            source.close()

    def check(self, now: float) -> None:
        """Look whether anything still comes; to be called every second by another thread, with the monotonic clock."""
        source = self._source
        if self.has_ended or (source is not None and not source.is_live):
            return
        silent_seconds = now - max(self._heard_at, self._began_at)
        if silent_seconds > STALL_SECONDS:
            self._lose(f"nothing came for {silent_seconds:.0f} s")
        if source is not None and now - max(self._heard_at, self._opened_at) > REOPEN_SECONDS:
            self._opened_at = now
            threading.Thread(target=source.close, name=f"close {self.name}", daemon=True).start()

    def _run(self) -> None:
        try:
            self._listen_for_good()
            if self._hearing is not None:
                self._hearing.finish()
        except BaseException as error:  # a defect of ours: `Monitor.wait` raises it, and one source ends not in silence
            self.defect = error
        finally:
            self.has_ended = True
            self._say(SourceState.ENDED, self.message)
            self._on_end()

    def _listen_for_good(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            self._source = self._source or self._open()
            source, heard_at = self._source, self._heard_at
            if source is not None:
                self._listen(source)
                if not source.is_live or self._open_source is None:
                    return
                self._source, self._is_reopened = None, True
            pause = FIRST_PAUSE_SECONDS if self._heard_at != heard_at else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._closing.wait(pause)

    def _open(self) -> Source | None:
        self._opened_at = time.monotonic()
        assert self._open_source is not None
        try:
            return self._open_source()
        except AedError as error:
            self._lose(str(error))
            return None

    def _listen(self, source: Source) -> None:
        self._opened_at = time.monotonic()
        why = ENDED
        try:
            for piece in source.pieces():
                if self._closing.is_set():
                    break
                self._hear(source, piece)
        except (AedError, OSError) as error:
            why = str(error)
        finally:
            source.close()
        if not self._closing.is_set():
            self.message = why
            if self._open_source is not None and (source.is_live or why != ENDED):
                self._lose(why)

    def _hear(self, source: Source, piece: Piece) -> None:
        now = time.monotonic()
        hearing = self._hearing or self._begin(source)
        lost_seconds = piece.lost_seconds + self._lost_between(source, piece, now)
        if lost_seconds > LEAST_LOST_SECONDS:
            self.lost_seconds += lost_seconds
            hearing.gap(lost_seconds)
            self._deaf.reconnected()
        self._heard_at = now
        if self._is_lost or self.state is SourceState.STARTING:
            self._find(lost_seconds)
        samples = piece.samples if self._resampler is None else self._resampler.push(piece.samples)
        for level_dbfs in hearing.push(samples):
            self._watch_level(level_dbfs)
        if source.is_live:
            hearing.compare_clock(now - self._began_at)
        self._parts.keeper.retry()

    def _begin(self, source: Source) -> Hearing:
        started_at = self._started_at or datetime.now(UTC)
        clock: StreamClock = LiveClock() if source.is_live else RecordingClock(started_at)
        self._began_at, self._clock, self._rate_hz = time.monotonic(), clock, source.rate_hz
        self._parts.rules.forget(self.name)
        self._hearing = Hearing(
            self._parts, self.name, source.rate_hz, is_live=source.is_live, clock=clock, on_health=self._on_health
        )
        return self._hearing

    def _lost_between(self, source: Source, piece: Piece, now: float) -> float:
        """What was lost while the source was closed; one that comes back at another rate is resampled."""
        if not self._is_reopened:
            return 0.0
        self._is_reopened = False
        self._resampler = None if source.rate_hz == self._rate_hz else Resampler(source.rate_hz, self._rate_hz)
        return max(0.0, now - seconds_from_samples(len(piece.samples), source.rate_hz) - self._heard_at)

    def _on_health(self, event: HealthEvent) -> None:
        assert self._clock is not None
        is_over = event.offset_seconds is not None
        seconds = event.onset_seconds if event.offset_seconds is None else event.offset_seconds
        self._complain(str(event.complaint), event.message, is_over=is_over, time=self._clock.utc(seconds))
        if event.complaint is Complaint.DEAD:
            self._say(SourceState.LISTENING if is_over else SourceState.DEAF, "" if is_over else event.message)

    def _watch_level(self, level_dbfs: float) -> None:
        words = self._deaf.push(level_dbfs)
        if words is not None:
            self._complain(DEAF, words, is_over=not self._deaf.is_deaf)
            self._say(SourceState.DEAF if self._deaf.is_deaf else SourceState.LISTENING, words)

    def _lose(self, why: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._complain(LOST, why, is_over=False)
            self._say(SourceState.LOST, why)

    def _find(self, lost_seconds: float) -> None:
        if self._is_lost:
            self._is_lost = False
            self._complain(LOST, f"it is back; {lost_seconds:.1f} s were lost", is_over=True)
        self._say(SourceState.LISTENING)

    def _complain(self, complaint: str, message: str, *, is_over: bool, time: datetime | None = None) -> None:
        when = time or datetime.now(UTC)
        self._parts.keeper.note_health(HealthMessage(self.name, when, complaint, is_over, message))

    def _say(self, state: SourceState, message: str = "") -> None:
        self.state, self.message = state, message
        self._parts.keeper.bus.publish(self.status)
