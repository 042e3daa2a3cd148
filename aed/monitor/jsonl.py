"""Telling on a stream, such as standard output: one line of JSON per message.

What is told here is for a program that reads along; it is not written down for later. Should the reader be so slow
that messages are lost, a line says how many.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TextIO

from aed.monitor.bus import Bus, Subscription
from aed.monitor.message_json import message_to_dict, to_json
from aed.monitor.messages import EventMessage, HealthMessage, LevelMessage, Message, SourceMessage
from aed.monitor.sink import SinkStatus
from aed.settings import Settings

_JOIN_SECONDS = 2.0


class JsonlConfig(Settings):
    """What is written.

    Attributes:
        name: Name of the sink.
        levels: Whether levels are written too, several a second.
    """

    name: str = "jsonl"
    levels: bool = False


class JsonlSink:
    """Writes lines.

    Args:
        config: What is written.
        stream: Where to.
        bus: Where the messages come from.
    """

    takes_errands = False

    def __init__(self, config: JsonlConfig, stream: TextIO, bus: Bus) -> None:
        self._config, self._stream, self._bus = config, stream, bus
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._run, name=f"sink {config.name}", daemon=True)
        self._subscription: Subscription | None = None
        self._status = SinkStatus()

    @property
    def name(self) -> str:
        """Name of the sink."""
        return self._config.name

    @property
    def status(self) -> SinkStatus:
        """How it fares."""
        return replace(self._status, is_running=self._thread.is_alive())

    def start(self) -> None:
        """Start the thread; see `Sink.start`."""
        kinds: tuple[type[Message], ...] = (EventMessage, HealthMessage, SourceMessage)
        kinds += (LevelMessage,) * self._config.levels
        self._subscription = self._stack.enter_context(self._bus.subscribe(*kinds))
        self._thread.start()

    def close(self) -> None:
        """Write what still waits, and end; see `Sink.close`."""
        self._stack.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        subscription = self._subscription
        if subscription is None:
            return
        try:
            while (message := subscription.take()) is not None:
                self._tell_lost(subscription.num_dropped)
                self._write(to_json(message_to_dict(message)))
        except (OSError, ValueError) as error:  # the reader has gone, or the stream is closed
            self._status = replace(self._status, trouble=f"{self.name}: cannot write any more: {error}")

    def _tell_lost(self, num_dropped: int) -> None:
        if num_dropped > self._status.num_given_up:
            lost = num_dropped - self._status.num_given_up
            self._status = replace(self._status, num_given_up=num_dropped)
            self._write(to_json({"kind": "lost", "num_messages": lost}))

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()
        self._status = replace(self._status, num_told=self._status.num_told + 1)
