"""Events as the listener would tell of them, for the tests of those who tell them on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aed.detect.event import Event
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import EventMessage, EventStage, HeardEvent, Outcome

START = datetime(2026, 11, 27, 17, 5, 12, 345000, tzinfo=UTC)
PATHS = {
    "Smoke detector, smoke alarm": ("Sounds of things", "Alarm", "Safety alarm", "Smoke detector, smoke alarm"),
    "Safety alarm": ("Sounds of things", "Alarm", "Safety alarm"),
    "Shatter": ("Sounds of things", "Glass", "Shatter"),
    "Bark": ("Animal", "Domestic animals, pets", "Dog", "Bark"),
}


def heard_event(number: int, name: str = "Bark", source: str = "kitchen", *, is_over: bool = False) -> HeardEvent:
    event = Event(float(number), number + 1.5, 7, f"/m/{name}", name, PATHS.get(name, (name,)), 0.9)
    onset = START + timedelta(seconds=number)
    offset = onset + timedelta(seconds=1.5) if is_over else None
    id_ = f"20261127T170512-{number:05d}"
    return HeardEvent(id_, source, event, onset, offset, -23.4, Outcome.REPORTED, "animals", "0.90 is above 0.80")


class Listener:
    """Does what the monitor's listener does: save with errands, then wake the bus."""

    def __init__(self, store: Store, bus: Bus, *sinks: str) -> None:
        self._store, self._bus, self._sinks = store, bus, sinks

    def begin(self, number: int, name: str = "Bark", source: str = "kitchen") -> HeardEvent:
        return self._save(heard_event(number, name, source), EventStage.BEGUN)

    def end(self, heard: HeardEvent, name: str | None = None) -> HeardEvent:
        event = heard.event if name is None else heard_event(0, name).event
        return self._save(replace(heard, event=event, offset=heard.onset + timedelta(seconds=1.5)), EventStage.OVER)

    def _save(self, heard: HeardEvent, stage: EventStage) -> HeardEvent:
        self._store.save(heard, stage, self._sinks)
        self._bus.publish(EventMessage(stage, heard))
        return heard


def wait_until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.01)
