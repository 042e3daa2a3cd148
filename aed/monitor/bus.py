"""From those who hear to those who tell: every subscriber has a bounded queue of its own, so none can block listening.

A full queue loses its oldest message, and says how many it lost. What must not be lost is not entrusted to the bus but
to the store, where every sink finds what it has still to tell; the bus only wakes it.

To wake a thread costs more than most of what it then does. So a subscriber may ask for some kinds quietly: they wait
with the others and wake nobody. Levels come many times a second, and are published only where somebody wants them; the
newest of each source is always there to be asked for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from aed.monitor.messages import Message

LONGEST_QUEUE = 1000
"""Messages: about four sources' levels of a minute."""


class Subscription:
    """A subscriber's queue; made by `Bus.subscribe`.

    Args:
        kinds: Which messages it wants.
        longest: Most messages that wait.
        quietly: Those among the kinds that do not wake a `take` that waits.
    """

    def __init__(self, kinds: tuple[type[Message], ...], longest: int, quietly: tuple[type[Message], ...] = ()) -> None:
        self.kinds, self._quietly, self._waiting = kinds, quietly, deque[Message](maxlen=longest)
        self._ready = threading.Condition()
        self._is_closed = False
        self.num_dropped = 0

    def offer(self, message: Message) -> None:
        """Add a message, if it is wanted, in place of the oldest where the queue is full."""
        if not isinstance(message, self.kinds):
            return
        with self._ready:
            self.num_dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(message)
            if not isinstance(message, self._quietly):
                self._ready.notify()

    def take(self, timeout_seconds: float | None = None) -> Message | None:
        """Return the oldest message, waiting for one; None when the time is over or the subscription closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._waiting or self._is_closed, timeout_seconds)
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """End every `take` that waits."""
        with self._ready:
            self._is_closed = True
            self._ready.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether nothing new will come."""
        return self._is_closed


class Bus:
    """Hands every message to every subscriber that wants it."""

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()
        self._levels_dbfs: dict[str, float] = {}

    @property
    def levels_dbfs(self) -> dict[str, float]:
        """Newest level of each source that was ever heard, in dBFS."""
        return self._levels_dbfs.copy()

    def note_level(self, source: str, level_dbfs: float) -> None:
        """Say how loud a source is just now."""
        self._levels_dbfs[source] = level_dbfs

    def is_wanted(self, kind: type[Message]) -> bool:
        """Return whether anybody would get a message of that kind."""
        return any(kind in subscription.kinds for subscription in self._subscriptions)

    def publish(self, message: Message) -> None:
        """Hand on a message; never waits."""
        for subscription in self._subscriptions:
            subscription.offer(message)

    @contextmanager
    def subscribe(
        self, *kinds: type[Message], quietly: tuple[type[Message], ...] = (), longest: int = LONGEST_QUEUE
    ) -> Iterator[Subscription]:
        """Yield a queue of the messages of some kinds from now on, all by default; see `Subscription`."""
        subscription = Subscription(kinds or Message.__args__, longest, quietly)
        with self._lock:
            self._subscriptions += (subscription,)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
            subscription.close()
