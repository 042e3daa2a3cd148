"""One line on the console for each event that is told, for people or as JSON.

It takes its errands from the store, as everybody does who tells: what a kill kept it from telling it tells at the next
start, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from aed.errors import StorageError
from aed.monitor.bus import Bus, Subscription
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventMessage, EventStage, HealthMessage, SourceMessage
from aed.monitor.telling.message_json import event_to_dict, to_json

CONSOLE = "console"
_LOOK_EVERY_SECONDS = 10.0
"""What could not be struck off is tried again; for all else the bus wakes it."""
_CLOSE_SECONDS = 10.0


class Console:
    """Tells on the console.

    Args:
        store: Where its errands are.
        bus: Wakes it.
        is_json: JSON, a line when an event begins and one when it is over, else one for people, when it begins.
        out: Writes a line of what was heard.
        err: Writes a line about how the sources fare.
    """

    name = CONSOLE
    takes_errands = True

    def __init__(
        self, store: Store, bus: Bus, *, is_json: bool, out: Callable[[str], None], err: Callable[[str], None]
    ) -> None:
        self._store, self._bus, self._is_json, self._out, self._err = store, bus, is_json, out, err
        self._closing = threading.Event()
        self._stack = ExitStack()
        self._news: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name=CONSOLE, daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._news = self._stack.enter_context(self._bus.subscribe(EventMessage, HealthMessage, SourceMessage))
        self._thread.start()

    def close(self) -> None:
        """Tell what is left, and end."""
        self._closing.set()
        self._stack.close()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        assert self._news is not None
        while not self._closing.is_set():
            self._tell_all()
            message = self._news.take(_LOOK_EVERY_SECONDS)
            while message is not None:
                self._say(message)
                message = self._news.take(0)
        self._tell_all()

    def _tell_all(self) -> None:
        while errands := self._store.errands(CONSOLE):
            for errand in errands:
                self._tell(errand)
                try:
                    self._store.strike_off(errand)
                except StorageError as error:  # it is told once more when there is room again
                    self._err(f"! {error}")
                    return

    def _tell(self, errand: Errand) -> None:
        heard = errand.heard
        if self._is_json:
            self._out(to_json(event_to_dict(errand.stage, heard)))
        elif errand.stage is EventStage.BEGUN:
            path = " > ".join(heard.event.path)
            when = f"{heard.onset.astimezone():%Y-%m-%d %H:%M:%S}"
            self._out(f"{when}  {heard.source}  {path}  {heard.event.score:.2f}  {heard.reason}")

    def _say(self, message: object) -> None:
        if isinstance(message, HealthMessage):
            self._err(f"! {message.source}: {message.complaint}: {message.message}")
        elif isinstance(message, SourceMessage):
            self._err(f"{message.source} is {message.state}" + (f": {message.message}" if message.message else ""))
