"""Telling every event once, in order, however long the other side is away: the errands of one sink.

An errand stays in the store until the other side has said that it got the message; then it is struck off, in a
transaction of its own. A kill between the two (the time of one commit) makes the next start tell it again: the id of
the event is in every message, by which a receiver knows it. No other fault tells anything twice: an errand that was
told but could not be struck off (disk full) is remembered for as long as the process lives.

The sink's thread is woken by the bus and waits for nobody but the other side; listening never waits for it.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace

from aed.errors import RefusedError, StorageError, TellingError
from aed.monitor.bus import Bus, Subscription
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventMessage
from aed.monitor.telling.sink import SinkStatus

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Between two attempts at something that failed; doubled each time."""
IDLE_SECONDS = 0.5
"""How often a sink that has nothing to tell looks after its connection."""
DRAIN_SECONDS = 3.0
"""What a sink may take to tell the rest when the monitor ends; then the rest waits for the next start."""
NUM_ATTEMPTS_AT_REFUSED = 5
"""A message that was refused for itself is given up after so many attempts: it must not hold up all later ones."""


class Teller:
    """How one kind of sink tells; all but `stop` and `trouble` is called in the sink's thread."""

    @property
    def trouble(self) -> str:
        """What is wrong although telling has not failed (yet), for people; empty where nothing is."""
        return ""

    def open(self) -> None:
        """Get ready, once."""

    def prepare(self) -> None:
        """See that something can be told; called before each errand, and about twice a second while there is none.

        Raises:
            TellingError: It cannot.
        """

    def tell(self, errand: Errand) -> None:
        """Tell an event, and return when the other side has it.

        Raises:
            TellingError: It could not be told now; to be tried again.
            RefusedError: The other side will not have this message.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Let `prepare` and `tell` wait no longer for somebody who is away; called from another thread."""

    def close(self) -> None:
        """Let go of everything, once."""


class ErrandSink:
    """A thread that tells a sink's errands.

    Args:
        name: Name of the sink, as it stands in the errands.
        teller: How it tells.
        store: Where the errands are.
        bus: Who wakes it.
    """

    takes_errands = True

    def __init__(self, name: str, teller: Teller, store: Store, bus: Bus) -> None:
        self._name, self._teller, self._store, self._bus = name, teller, store, bus
        self._stack = ExitStack()
        self._subscription: Subscription | None = None
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._status = SinkStatus()
        self._told_keys: set[int] = set()
        self._failures_in_a_row = 0
        self._refused = (0, 0)

    @property
    def name(self) -> str:
        """Name of the sink."""
        return self._name

    @property
    def status(self) -> SinkStatus:
        """How it fares."""
        trouble = self._status.trouble or self._teller.trouble
        return replace(self._status, is_running=self._thread.is_alive(), trouble=trouble)

    def start(self) -> None:
        """Start the thread; see `Sink.start`."""
        self._subscription = self._stack.enter_context(self._bus.subscribe(EventMessage))
        self._thread.start()

    def close(self) -> None:
        """End the thread; see `Sink.close`."""
        self._deadline = time.monotonic() + DRAIN_SECONDS
        self._closing.set()
        self._stack.close()
        self._teller.stop()
        if self._thread.is_alive():
            self._thread.join(DRAIN_SECONDS + 1.0)

    def _run(self) -> None:
        self._teller.open()
        try:
            while not self._closing.is_set():
                self._wait(self._attempt())
            if not self._status.trouble:
                self._attempt()
        finally:
            self._teller.close()

    def _wait(self, pause_seconds: float | None) -> None:
        """Wait for news, or for a pause to be over."""
        if pause_seconds is not None:
            self._closing.wait(pause_seconds)
        elif self._subscription is not None:
            self._subscription.take(IDLE_SECONDS)

    def _attempt(self) -> float | None:
        """Tell everything that waits; return how long to pause where that failed."""
        try:
            self._teller.prepare()
            self._tell_waiting()
        except (TellingError, StorageError) as error:
            return self._note_failure(error)
        self._status, self._failures_in_a_row = replace(self._status, trouble=""), 0
        return None

    def _tell_waiting(self) -> None:
        while errands := self._store.errands(self._name):
            for errand in errands:
                if time.monotonic() > self._deadline:
                    return
                self._teller.prepare()
                self._do(errand)

    def _do(self, errand: Errand) -> None:
        if errand.key not in self._told_keys:
            self._tell(errand)
            self._told_keys.add(errand.key)
        self._store.strike_off(errand)
        self._told_keys.discard(errand.key)
        self._status, self._failures_in_a_row = replace(self._status, trouble=""), 0

    def _tell(self, errand: Errand) -> None:
        try:
            self._teller.tell(errand)
        except RefusedError:
            if self._num_refusals(errand) < NUM_ATTEMPTS_AT_REFUSED:
                raise
            self._status = replace(self._status, num_given_up=self._status.num_given_up + 1)
        else:
            self._status = replace(self._status, num_told=self._status.num_told + 1)

    def _num_refusals(self, errand: Errand) -> int:
        """Count a refusal, and return how often this errand was refused."""
        key, times = self._refused
        self._refused = (errand.key, times + 1 if key == errand.key else 1)
        return self._refused[1]

    def _note_failure(self, error: TellingError | StorageError) -> float:
        """Remember what is wrong; return how long to pause before the next attempt."""
        self._status = replace(self._status, trouble=str(error), num_failed=self._status.num_failed + 1)
        self._failures_in_a_row += 1
        if isinstance(error, TellingError) and error.pause_seconds is not None:
            return error.pause_seconds
        doublings = min(self._failures_in_a_row - 1, 16)  # far beyond the longest pause
        return min(FIRST_PAUSE_SECONDS * 2.0**doublings, LONGEST_PAUSE_SECONDS)
