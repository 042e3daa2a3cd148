"""How fast events are told over MQTT, with a real broker: one at a time, and a backlog at once.

    mosquitto -p 18830 &  python benchmarks/telling.py --port 18830 [--events 200] [--json]

Latency is from before an event is saved until a client of the broker has its "ON". The window is the time between the
broker's acknowledgement and the end of the commit that strikes the errand off: a kill in it makes the next start tell
the message again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from aed.detect.event import Event
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventMessage, EventStage, HeardEvent, Outcome
from aed.monitor.telling.home_assistant import TellableNode
from aed.monitor.telling.mqtt import MqttConfig, mqtt_sink

PREFIX = "aed-benchmark"
WAIT_SECONDS = 60.0


def event(number: int) -> HeardEvent:
    """Return an event that lasts."""
    heard = Event(number, number + 1, 1, "/m/0bt9lr", "Dog", ("Animal", "Dog"), 0.9)
    onset = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return HeardEvent(f"{number:06d}", "kitchen", heard, onset, None, -20.0, Outcome.REPORTED, None, "")


class TimedStore(Store):
    """A store that notes how long striking off takes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.window_seconds: list[float] = []

    def strike_off(self, errand: Errand) -> None:
        """Strike off."""
        began = time.perf_counter()
        super().strike_off(errand)
        self.window_seconds.append(time.perf_counter() - began)


def wait(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("telling: the broker did not answer in time")
        time.sleep(0.001)


def measure(host: str, port: int, num_events: int, folder: Path) -> dict[str, float]:
    """Return the figures."""
    heard, arrived = threading.Semaphore(0), Client(CallbackAPIVersion.VERSION2)
    arrived.on_message = lambda _client, _data, message: heard.release() if message.payload == b"ON" else None
    arrived.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/kitchen/audio/dog", 1)
    arrived.connect(host, port)
    arrived.loop_start()
    store, bus = TimedStore(folder), Bus()
    config = MqttConfig(host=host, port=port, prefix=PREFIX)
    sink = mqtt_sink(config, store, bus, ["kitchen"], [TellableNode("Dog", ("Animal", "Dog"))])
    sink.start()
    wait(lambda: not sink.status.trouble)

    def tell(one: HeardEvent, stage: EventStage) -> None:
        store.save(one, stage, [config.name])
        bus.publish(EventMessage(stage, one))

    def over(one: HeardEvent) -> HeardEvent:
        return replace(one, offset=one.onset + timedelta(seconds=1))

    latency_seconds = []
    for number in range(num_events):
        began = time.perf_counter()
        tell(event(number), EventStage.BEGUN)
        if not heard.acquire(timeout=WAIT_SECONDS):
            raise SystemExit("telling: an event did not arrive")
        latency_seconds.append(time.perf_counter() - began)
        tell(over(event(number)), EventStage.OVER)
        wait(lambda: not store.num_errands())
    sink.close()
    for number in range(num_events, 2 * num_events):
        tell(event(number), EventStage.BEGUN)
        tell(over(event(number)), EventStage.OVER)
    sink = mqtt_sink(config, store, bus, ["kitchen"], [TellableNode("Dog", ("Animal", "Dog"))])
    cpu, began = time.process_time(), time.perf_counter()
    sink.start()
    wait(lambda: not store.num_errands())
    took_seconds = time.perf_counter() - began
    cpu_seconds = time.process_time() - cpu
    sink.close()
    arrived.disconnect()
    store.close()
    window = np.array(store.window_seconds)
    return {
        "latency_median_ms": 1000 * float(np.median(latency_seconds)),
        "latency_95_percent_ms": 1000 * float(np.quantile(latency_seconds, 0.95)),
        "window_median_ms": 1000 * float(np.median(window)),
        "window_longest_ms": 1000 * float(window.max()),
        "backlog_errands_per_second": 2 * num_events / took_seconds,
        "cpu_ms_per_errand": 1000 * cpu_seconds / (2 * num_events),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments.host, arguments.port, arguments.events, Path(folder))
    if arguments.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:28} {figure:10.2f}" for name, figure in figures.items()))


if __name__ == "__main__":
    main()
