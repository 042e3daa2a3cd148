"""A process of its own that hears and tells over MQTT: what a test can kill. Its own name is no module of the tests.

Arguments: folder of the store, port of the broker, first number, number of events, seconds between two. Prints "ready",
then the number of each event once it is saved.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aed.detect.event import Event
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import EventMessage, EventStage, HeardEvent, Outcome, SourceMessage, SourceState
from aed.monitor.telling.home_assistant import TellableNode
from aed.monitor.telling.mqtt import MqttConfig, mqtt_sink

folder, port, first, count, pause = sys.argv[1:]
store, bus = Store(Path(folder)), Bus()


def tell(heard: HeardEvent, stage: EventStage) -> None:
    store.save(heard, stage, ["mqtt"])
    bus.publish(EventMessage(stage, heard))


for lasting in store.unfinished():  # as the service does: what lasted when it was killed is over
    tell(replace(lasting, offset=lasting.onset + timedelta(seconds=1)), EventStage.OVER)
config = MqttConfig(host="127.0.0.1", port=int(port))
sink = mqtt_sink(config, store, bus, ["kitchen"], [TellableNode("Bark", ("Animal", "Bark"))])
sink.start()
bus.publish(SourceMessage("kitchen", datetime.now(UTC), SourceState.LISTENING, 0.0, ""))
print("ready", flush=True)
for number in range(int(first), int(first) + int(count)):
    event = Event(number, number + 1, 7, "/m/Bark", "Bark", ("Animal", "Bark"), 0.9)
    onset = datetime(2026, 11, 27, 17, tzinfo=UTC) + timedelta(seconds=number)
    heard = HeardEvent(f"e-{number:05d}", "kitchen", event, onset, None, -20.0, Outcome.REPORTED, None, "")
    tell(heard, EventStage.BEGUN)
    print(number, flush=True)
    time.sleep(float(pause))
    tell(replace(heard, offset=onset + timedelta(seconds=1)), EventStage.OVER)
time.sleep(600)  # until it is killed
