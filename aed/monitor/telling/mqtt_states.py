"""The states of the sources over MQTT: whether each listens, what is wrong with it, how loud it is.

Only the newest counts, so nothing here is written down: what happens while the broker is away is told once it is back,
as it is then. Levels are the loudest since the last ones, so that a short bang is not missed between two.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from aed.errors import TellingError
from aed.monitor.bus import Bus
from aed.monitor.messages import HealthMessage, LevelMessage, Message, SourceMessage, SourceState
from aed.monitor.telling.message_json import to_json
from aed.monitor.telling.mqtt_link import OFFLINE, ONLINE, MqttLink, Publication
from aed.monitor.telling.mqtt_topics import Topics

LOWEST_DBFS = -120.0
"""What is told of no sound at all; a 16-bit recording ends above it."""
_FULL_SCALE_16_BITS = 32768.0
_SINE_RMS = 2.0**-0.5
"""Levels are relative to a sine at full scale, whose root mean square is that of its peak."""
_WAIT_SECONDS = 0.5
"""So long a level may wait to be looked at."""
_JOIN_SECONDS = 2.0


@dataclass
class _SourceNow:
    """A source as it is now."""

    state: SourceState = SourceState.STARTING
    lost_seconds: float = 0.0
    message: str = ""
    complaints: dict[str, str] = field(default_factory=dict)
    loudest_dbfs: float | None = None
    level_due: float = 0.0

    @property
    def is_hearing(self) -> bool:
        return self.state == SourceState.LISTENING


class MqttStates:
    """A thread that tells the states.

    Args:
        link: The connection.
        topics: What the topics are called.
        sources: Names of the sources.
        level_every_seconds: How often to tell how loud it is; None for never.
        bus: Where the states come from.
    """

    def __init__(
        self, link: MqttLink, topics: Topics, sources: Sequence[str], level_every_seconds: float | None, bus: Bus
    ) -> None:
        self._link, self._topics, self._level_every_seconds = link, topics, level_every_seconds
        self._now = {source: _SourceNow() for source in sources}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._stack = ExitStack()
        self._wait_seconds = min(_WAIT_SECONDS, level_every_seconds or _WAIT_SECONDS)
        self._subscription = self._stack.enter_context(
            bus.subscribe(LevelMessage, HealthMessage, SourceMessage, quietly=(LevelMessage,))
        )
        self._thread = threading.Thread(target=self._run, name="mqtt states", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._stack.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def publish_all(self) -> dict[str, str]:
        """Tell the state of every source; return what the broker refused, as `MqttLink.publish` does.

        Raises:
            TellingError: We are to stop, and there is no connection.
        """
        with self._lock:
            return self._link.publish([each for source in list(self._now) for each in self._publications(source)])

    def _run(self) -> None:
        while not self._closing.is_set():
            message = self._subscription.take(self._wait_seconds)
            while message is not None:
                self._hear(message)
                message = self._subscription.take(0)
            self._tell_levels()

    def _hear(self, message: Message) -> None:
        if isinstance(message, LevelMessage):
            self._hear_level(message)
        elif isinstance(message, HealthMessage | SourceMessage):
            self._hear_state(message)

    def _hear_level(self, message: LevelMessage) -> None:
        now = self._of(message.source)
        if now.state == SourceState.STARTING:  # its own message was lost: who yields levels listens
            self._hear_state(SourceMessage(message.source, message.time, SourceState.LISTENING, now.lost_seconds, ""))
        now.loudest_dbfs = max(LOWEST_DBFS if now.loudest_dbfs is None else now.loudest_dbfs, message.level_dbfs)

    def _tell_levels(self) -> None:
        if self._level_every_seconds is None:
            return
        for source, now in list(self._now.items()):
            if now.loudest_dbfs is not None and time.monotonic() >= now.level_due:
                for publication in self._levels(source, now.loudest_dbfs):
                    self._link.publish_if_connected(publication)
                now.level_due = time.monotonic() + self._level_every_seconds
                now.loudest_dbfs = None

    def _hear_state(self, message: HealthMessage | SourceMessage) -> None:
        with self._lock:
            _apply(message, self._of(message.source))
            if self._link.is_connected:
                self._publish_state(message.source)

    def _publish_state(self, source: str) -> None:
        try:
            self._link.publish(self._publications(source))
        except TellingError:  # told with the next connection, and the sink shows what is wrong with this one
            return

    def _of(self, source: str) -> _SourceNow:
        return self._now.setdefault(source, _SourceNow())

    def _publications(self, source: str) -> list[Publication]:
        now = self._of(source)
        values = {
            "available": ONLINE if now.is_hearing else OFFLINE,
            "state": str(now.state),
            "problem": "ON" if now.complaints or now.state in (SourceState.LOST, SourceState.DEAF) else "OFF",
            "health": to_json(
                {
                    "state": str(now.state),
                    "lost_seconds": round(now.lost_seconds, 3),
                    "message": now.message,
                    "complaints": now.complaints,
                }
            ),
        }
        return [Publication(self._topics.of_source(source, what), value, True) for what, value in values.items()]

    def _levels(self, source: str, level_dbfs: float) -> Iterable[Publication]:
        rms = _FULL_SCALE_16_BITS * _SINE_RMS * 10.0 ** (level_dbfs / 20.0)
        yield Publication(self._topics.of_source(source, "audio/dBFS"), f"{level_dbfs:.1f}")
        yield Publication(self._topics.of_source(source, "audio/rms"), f"{rms:.1f}")


def _apply(message: HealthMessage | SourceMessage, now: _SourceNow) -> None:
    if isinstance(message, SourceMessage):
        now.state, now.lost_seconds, now.message = message.state, message.lost_seconds, message.message
    elif message.is_over:
        now.complaints.pop(message.complaint, None)
    else:
        now.complaints[message.complaint] = message.message
