"""Whom a message wakes, who gets it, and what is not even made."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import numpy as np

from aed.monitor.bus import Bus
from aed.monitor.messages import HealthMessage, LevelMessage

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LEVEL = LevelMessage("kitchen", NOW, -30.0, np.zeros(3, np.float32), None)
HEALTH = HealthMessage("kitchen", NOW, "dead", False, "no sound")


def test_a_quiet_message_waits_until_a_loud_one_wakes_its_reader() -> None:
    bus, taken = Bus(), []
    with bus.subscribe(LevelMessage, HealthMessage, quietly=(LevelMessage,)) as subscription:
        reader = threading.Thread(target=lambda: taken.append(subscription.take(20.0)))
        reader.start()
        time.sleep(0.1)
        bus.publish(LEVEL)
        reader.join(0.2)
        assert reader.is_alive()
        bus.publish(HEALTH)
        reader.join(20.0)
        assert taken == [LEVEL]
        assert subscription.take(0) == HEALTH


def test_a_bus_knows_what_is_wanted() -> None:
    bus = Bus()
    with bus.subscribe(HealthMessage):
        assert bus.is_wanted(HealthMessage)
        assert not bus.is_wanted(LevelMessage)
        with bus.subscribe():
            assert bus.is_wanted(LevelMessage)
    assert not bus.is_wanted(HealthMessage)


def test_the_newest_level_can_be_asked_for() -> None:
    bus = Bus()
    for dbfs in (-30.0, -20.0):
        bus.note_level("kitchen", dbfs)
    assert bus.levels_dbfs == {"kitchen": -20.0}
