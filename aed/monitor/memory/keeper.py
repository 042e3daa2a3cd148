"""Between those who hear and the store: what is heard is written first and told then, also when the disk is full.

What cannot be written waits in memory, in order, and is tried again; a complaint says so as long as it lasts. Nobody
is told of what is not written: after a kill it would be told twice, or never be over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aed.errors import StorageError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import EventMessage, EventStage, HealthMessage, HeardEvent

MOST_WAITING = 2000
"""Writes that wait for room on the disk, some megabytes; the oldest are lost on top of that, and counted."""
RETRY_SECONDS = 1.0
DISK = "disk"
_EVERYWHERE = "all sources"


class Keeper:
    """Writes events and complaints into the store, and publishes them on the bus; for many threads at once.

    Args:
        store: The monitor's memory.
        bus: Where it is told.
    """

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store, self.bus = store, bus
        self._lock = threading.RLock()
        self._waiting: deque[tuple[Callable[[], None], EventMessage | HealthMessage]] = deque(maxlen=MOST_WAITING)
        self._tried_at = 0.0
        self._is_full = False
        self.num_lost = 0

    def save(
        self, heard: HeardEvent, shown: EventStage, stage: EventStage | None = None, sinks: Sequence[str] = ()
    ) -> None:
        """Write an event, then show it.

        Args:
            heard: The event.
            shown: As what it is published.
            stage: What the sinks are to tell; None where nothing is.
            sinks: Who is to tell it.
        """
        self._do(lambda: self._store.save(heard, stage, sinks), EventMessage(shown, heard))

    def note_health(self, message: HealthMessage) -> None:
        """Write what is wrong, or right again, then show it."""
        self._do(lambda: self._store.note_health(message), message)

    def retry(self) -> None:
        """Try again to write what is waiting, now and then; to be called often."""
        if not self._waiting:
            return
        with self._lock:
            if self._waiting and time.monotonic() - self._tried_at >= RETRY_SECONDS:
                self._write_waiting()

    def complain_of_disk(self, message: str) -> None:
        """Say that something else could not be written."""
        with self._lock:
            self._complain(True, message)

    @property
    def num_waiting(self) -> int:
        """How many writes wait for room on the disk."""
        return len(self._waiting)

    def _do(self, write: Callable[[], None], message: EventMessage | HealthMessage) -> None:
        with self._lock:
            self.num_lost += len(self._waiting) == MOST_WAITING
            self._waiting.append((write, message))
            if len(self._waiting) == 1 or time.monotonic() - self._tried_at >= RETRY_SECONDS:
                self._write_waiting()

    def _write_waiting(self) -> None:
        self._tried_at = time.monotonic()
        while self._waiting:
            write, message = self._waiting[0]
            try:
                write()
            except StorageError as error:
                return self._complain(True, f"{error}; {len(self._waiting)} entries wait in memory for room")
            self._waiting.popleft()
            self.bus.publish(message)
        return self._complain(False, f"is over; {self.num_lost} entries were lost")

    def _complain(self, is_full: bool, message: str) -> None:
        if is_full != self._is_full:
            self._is_full = is_full
            complaint = HealthMessage(_EVERYWHERE, datetime.now(UTC), DISK, not is_full, message)
            self.bus.publish(complaint)
            if not is_full:
                self._store.note_health(complaint)
