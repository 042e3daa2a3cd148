"""Telling over MQTT, with a real broker that goes away and comes back, and a monitor that is killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aed.errors import ConfigError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import HealthMessage, LevelMessage, SourceMessage, SourceState
from aed.monitor.telling.errand_sink import ErrandSink
from aed.monitor.telling.home_assistant import TellableNode
from aed.monitor.telling.mqtt import MqttConfig, mqtt_sink
from aed.monitor.telling.mqtt_broker import PASSWORD_VARIABLE, USER_VARIABLE
from tests.monitor.heard_events import PATHS, Listener, wait_until
from tests.monitor.telling.mosquitto import Client, Heard, Mosquitto, free_port, needs_mosquitto

pytestmark = needs_mosquitto
NODES = [TellableNode(name, path) for name, path in PATHS.items()]
SOURCES = ["kitchen", "Bed room"]
BARK, AVAILABLE = "aed/kitchen/audio/bark", "aed/available"
NOW = datetime(2026, 11, 27, 17, 5, 12, tzinfo=UTC)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    yield broker
    broker.stop()


class Monitor:
    """Store, bus and sink, and a listener that is played by the test."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.store, self.bus = Store(folder), Bus()
        config = MqttConfig(host="127.0.0.1", port=port, **settings)
        self.sink: ErrandSink = mqtt_sink(config, self.store, self.bus, SOURCES, NODES)
        self.listener = Listener(self.store, self.bus, "mqtt")
        self.sink.start()

    def say(self, source: str, state: SourceState) -> None:
        self.bus.publish(SourceMessage(source, NOW, state, 1.5, "some words"))

    def close(self) -> None:
        self.sink.close()
        self.store.close()


@contextmanager
def monitor_and_client(folder: Path, port: int, **settings: Any) -> Iterator[tuple[Monitor, Client]]:
    client = Client(port)
    monitor = Monitor(folder / "monitor", port, **settings)
    try:
        yield monitor, client
    finally:
        monitor.close()
        client.close()


def late_client(port: int) -> dict[str, Heard]:
    """Return what somebody hears who comes later: what is retained."""
    client = Client(port, name="late")
    time.sleep(0.3)
    client.close()
    return {each.topic: each for each in client.heard if each.is_retained}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_event_is_on_then_off_and_told_with_its_id_and_times(
    tmp_path: Path, broker: Mosquitto, protocol: str
) -> None:
    with monitor_and_client(tmp_path, broker.port, protocol=protocol) as (monitor, client):
        heard = monitor.listener.begin(1)
        wait_until(lambda: client.on(BARK)[-1:] == ["ON"] and client.events())
        monitor.listener.end(heard)
        wait_until(lambda: len(client.events()) == 2)
        assert client.on(BARK) == ["OFF", "ON", "OFF"]
        began, ended = (each.json for each in client.heard if each.topic == "aed/events")
        assert (began["id"], began["stage"], began["offset"]) == (heard.id, "begun", None)
        assert (ended["id"], ended["stage"], ended["name"]) == (heard.id, "over", "Bark")
        assert ended["onset"] == "2026-11-27T17:05:13.345+00:00"
        assert ended["offset"] == "2026-11-27T17:05:14.845+00:00"
        wait_until(lambda: monitor.store.errands("mqtt") == [])
        late = late_client(broker.port)
        assert (late[BARK].payload, late[AVAILABLE].payload) == ("OFF", "online")
        assert "aed/events" not in late
    assert client.on(AVAILABLE)[-1] == "offline"


def test_on_stays_until_the_last_of_several_events_is_over(tmp_path: Path, broker: Mosquitto) -> None:
    with monitor_and_client(tmp_path, broker.port) as (monitor, client):
        first, second = monitor.listener.begin(1), monitor.listener.begin(2)
        elsewhere = monitor.listener.begin(3, source="Bed room")
        monitor.listener.end(first)
        wait_until(lambda: len(client.events()) == 4)
        assert client.on(BARK) == ["OFF", "ON"]
        assert client.on("aed/bed_room/audio/bark") == ["OFF", "ON"]
        monitor.listener.end(second)
        monitor.listener.end(elsewhere)
        wait_until(lambda: len(client.events()) == 6)
        assert client.on(BARK) == ["OFF", "ON", "OFF"]
        assert client.on("aed/bed_room/audio/bark") == ["OFF", "ON", "OFF"]


def test_an_event_that_ends_as_another_node_leaves_nothing_on(tmp_path: Path, broker: Mosquitto) -> None:
    with monitor_and_client(tmp_path, broker.port) as (monitor, client):
        heard = monitor.listener.begin(1, "Safety alarm")
        wait_until(lambda: client.events())
        monitor.listener.end(heard, name="Smoke detector, smoke alarm")
        wait_until(lambda: len(client.events()) == 2)
        assert client.on("aed/kitchen/audio/safety_alarm") == ["OFF", "ON", "OFF"]
        assert client.on("aed/kitchen/audio/smoke_detector_smoke_alarm") == ["OFF"]


def test_supercategories_are_on_by_setting(tmp_path: Path, broker: Mosquitto) -> None:
    with monitor_and_client(tmp_path, broker.port, supercategories=True) as (monitor, client):
        bark = monitor.listener.begin(1)
        smoke = monitor.listener.begin(2, "Smoke detector, smoke alarm")
        monitor.listener.end(bark)
        wait_until(lambda: len(client.events()) == 3)
        assert client.on("aed/kitchen/audio/animal") == ["OFF", "ON", "OFF"]
        assert client.on("aed/kitchen/audio/safety_alarm") == ["OFF", "ON"]
        monitor.listener.end(smoke)
        wait_until(lambda: len(client.events()) == 4)
        assert client.on("aed/kitchen/audio/safety_alarm") == ["OFF", "ON", "OFF"]


def test_an_event_that_was_removed_from_the_store_does_not_stay_on(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aed.monitor.telling.mqtt._FORGOTTEN_EVERY_SECONDS", 0.2)
    with monitor_and_client(tmp_path, broker.port) as (monitor, client):
        heard = monitor.listener.begin(1)
        wait_until(lambda: client.on(BARK)[-1:] == ["ON"] and not monitor.store.errands("mqtt"))
        monitor.store.remove([heard.id])
        wait_until(lambda: client.on(BARK) == ["OFF", "ON", "OFF"])


def test_the_states_and_levels_of_a_source_are_told(tmp_path: Path, broker: Mosquitto) -> None:
    with monitor_and_client(tmp_path, broker.port, level_every_seconds=0.3) as (monitor, client):
        wait_until(lambda: client.on(AVAILABLE)[-1:] == ["online"])
        assert set(client.on("aed/kitchen/available")) == {"offline"}  # it has not said that it hears
        monitor.say("kitchen", SourceState.LISTENING)
        wait_until(lambda: client.on("aed/kitchen/available")[-1] == "online")
        monitor.bus.publish(HealthMessage("kitchen", NOW, "clipping", False, "turn the gain down"))
        wait_until(lambda: client.on("aed/kitchen/problem")[-1] == "ON")
        wait_until(lambda: "turn the gain down" in client.on("aed/kitchen/health")[-1])
        monitor.bus.publish(HealthMessage("kitchen", NOW, "clipping", True, "is over"))
        wait_until(lambda: client.on("aed/kitchen/problem")[-1] == "OFF")
        monitor.say("kitchen", SourceState.DEAF)
        wait_until(lambda: client.on("aed/kitchen/state")[-1] == "deaf")
        wait_until(lambda: client.on("aed/kitchen/problem")[-1] == "ON")
        assert client.on("aed/kitchen/available")[-1] == "offline"
        for dbfs in [-50.0] * 5 + [-3.0103] + [-50.0] * 5 + [float("-inf")] * 5:
            monitor.bus.publish(LevelMessage("Bed room", NOW, dbfs, np.zeros(4, np.float32), None))
            time.sleep(0.1)
        wait_until(lambda: client.on("aed/bed_room/available")[-1] == "online")  # who yields levels, listens
        wait_until(lambda: client.on("aed/bed_room/audio/dBFS")[-1:] == ["-120.0"])
        levels = client.on("aed/bed_room/audio/dBFS")
        assert 3 <= len(levels) <= 7
        assert "-3.0" in levels
        rms = client.on("aed/bed_room/audio/rms")
        assert float(rms[levels.index("-3.0")]) == pytest.approx(32768 / 2, rel=1e-3)
        assert "aed/kitchen/audio/dBFS" not in late_client(broker.port)


def outage(tmp_path: Path, broker: Mosquitto, seconds: float, num_events: int) -> None:
    with monitor_and_client(tmp_path, broker.port) as (monitor, client):
        lasting = monitor.listener.begin(0)
        wait_until(lambda: client.events() == [("begun", "00000")] and not monitor.store.errands("mqtt"))
        broker.stop()
        for number in range(1, num_events):
            began = time.monotonic()
            heard = monitor.listener.begin(number, ["Bark", "Shatter"][number % 2])
            assert time.monotonic() - began < 1.0
            time.sleep(seconds / num_events)
            monitor.listener.end(heard)
        monitor.listener.end(lasting)
        assert "not connected to the broker" in monitor.sink.status.trouble
        broker.start()
        wait_until(lambda: len(client.events()) >= 2 * num_events and client.on(AVAILABLE)[-1] == "online", 30)
        time.sleep(1.0)
        between = [(stage, f"{number:05d}") for number in range(1, num_events) for stage in ("begun", "over")]
        assert client.events() == [("begun", "00000"), *between, ("over", "00000")]
        late = next(
            each.json for each in client.heard if each.topic == "aed/events" and each.json["id"][-5:] == "00001"
        )
        assert (late["stage"], late["onset"]) == ("begun", "2026-11-27T17:05:13.345+00:00")
        assert late["offset"] == "2026-11-27T17:05:14.845+00:00"  # known by the time it could be told
        # Bark was on all the time, by the event that lasted; each Shatter goes on and off.
        assert client.on(BARK) == ["OFF", "ON", "OFF"]
        assert client.on("aed/kitchen/audio/shatter") == ["OFF"] + ["ON", "OFF"] * (num_events // 2)
        assert monitor.store.errands("mqtt") == []
        assert monitor.sink.status.trouble == ""


def test_a_broker_that_is_away_for_seconds_loses_nothing_and_hears_nothing_twice(
    tmp_path: Path, broker: Mosquitto
) -> None:
    outage(tmp_path, broker, seconds=3.0, num_events=10)


@pytest.mark.slow
def test_a_broker_that_is_away_for_a_minute_loses_nothing_and_hears_nothing_twice(
    tmp_path: Path, broker: Mosquitto
) -> None:
    outage(tmp_path, broker, seconds=60.0, num_events=60)


def test_a_broker_that_forgot_everything_is_told_how_things_stand(tmp_path: Path, broker: Mosquitto) -> None:
    with monitor_and_client(tmp_path, broker.port) as (monitor, client):
        monitor.say("kitchen", SourceState.LISTENING)
        monitor.listener.begin(1)
        wait_until(lambda: client.events() and client.on("aed/kitchen/available")[-1] == "online")
        wait_until(lambda: not monitor.store.errands("mqtt"))
        broker.stop(forget=True)
        broker.start()
        wait_until(lambda: client.on(AVAILABLE)[-1] == "online", 20)
        late = late_client(broker.port)
        assert (late[BARK].payload, late["aed/kitchen/audio/shatter"].payload) == ("ON", "OFF")
        assert late["aed/kitchen/available"].payload == "online"
        assert late[AVAILABLE].payload == "online"
        assert "homeassistant/device/aed_kitchen/config" in late
        assert len(client.events()) == 1


def test_it_starts_without_a_broker_and_tells_once_there_is_one(tmp_path: Path, broker: Mosquitto) -> None:
    broker.stop()
    monitor = Monitor(tmp_path / "monitor", broker.port)
    monitor.listener.end(monitor.listener.begin(1))
    wait_until(lambda: "nobody answers there" in monitor.sink.status.trouble)
    broker.start()
    client = Client(broker.port)
    wait_until(lambda: not monitor.store.errands("mqtt"), 20)
    assert client.events() == [("begun", "00001"), ("over", "00001")] or late_client(broker.port)[BARK].payload == "OFF"
    monitor.close()
    client.close()


def test_closing_while_the_broker_is_away_is_quick_and_keeps_the_errands(tmp_path: Path, broker: Mosquitto) -> None:
    monitor = Monitor(tmp_path / "monitor", broker.port)
    wait_until(lambda: monitor.sink.status.is_running)
    broker.stop()
    monitor.listener.begin(1)
    time.sleep(0.5)
    began = time.monotonic()
    monitor.sink.close()
    assert time.monotonic() - began < 2.0
    assert len(monitor.store.errands("mqtt")) == 1
    monitor.store.close()


def start_process(folder: Path, port: int, first: int, count: int, pause: float) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("telling_process.py")
    command = [sys.executable, str(script), str(folder), str(port), str(first), str(count), str(pause)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> list[int]:
    """Kill it without a word; return the numbers that it had saved."""
    process.kill()
    said, _ = process.communicate(timeout=10)
    return [int(line) for line in said.split()]


def test_a_killed_monitor_is_offline_and_its_restart_mends_what_was_on(tmp_path: Path, broker: Mosquitto) -> None:
    client = Client(broker.port)
    process = start_process(tmp_path / "store", broker.port, 0, 1, 600.0)
    wait_until(lambda: client.events() == [("begun", "00000")] and client.on(AVAILABLE)[-1:] == ["online"])
    time.sleep(0.2)  # the acknowledgement
    kill(process)
    wait_until(lambda: client.on(AVAILABLE)[-1] == "offline", 5)
    assert late_client(broker.port)[BARK].payload == "ON"
    process = start_process(tmp_path / "store", broker.port, 1, 0, 0.0)
    wait_until(lambda: client.on(AVAILABLE)[-1] == "online" and len(client.events()) == 2)
    time.sleep(0.3)
    kill(process)
    assert client.events() == [("begun", "00000"), ("over", "00000")]
    assert client.on(BARK) == ["OFF", "ON", "OFF"]
    client.close()


def kill_at_random(tmp_path: Path, broker: Mosquitto, num_kills: int) -> int:
    """Kill a monitor at random moments while it tells; return how many messages came twice."""
    random_moments = random.Random(7)
    client, saved = Client(broker.port), []
    for turn in range(num_kills):
        process = start_process(tmp_path / "store", broker.port, 1000 * turn, 1000, 0.1)
        enough = len(client.events()) + random_moments.randrange(2, 10)
        wait_until(lambda enough=enough: len(client.events()) >= enough, 60)
        time.sleep(random_moments.uniform(0.0, 0.02))
        saved += kill(process)
    process = start_process(tmp_path / "store", broker.port, 90_000, 0, 0.0)
    store = Store(tmp_path / "store")
    try:
        wait_until(lambda: not store.errands("mqtt"), 300)
        time.sleep(0.3)
    finally:
        kill(process)
        store.close()
        client.close()
    told = client.events()
    first_told = list(dict.fromkeys(told))
    for stage in ("begun", "over"):  # nothing lost, and each stage in the order of the events
        numbers = [int(number) for each, number in first_told if each == stage]
        assert numbers == sorted(numbers)
        assert set(saved) <= set(numbers)
    assert len(saved) >= num_kills
    return len(told) - len(first_told)


def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    assert kill_at_random(tmp_path, broker, 2) == 0


@pytest.mark.slow
def test_many_kills_lose_nothing_and_repeat_hardly_anything(tmp_path: Path, broker: Mosquitto) -> None:
    num_repeated = kill_at_random(tmp_path, broker, 20)
    print(f"{num_repeated} messages came twice after 20 kills")
    assert num_repeated <= 1  # a kill between an event and the note behind it


def test_a_wrong_password_is_said_and_the_environment_has_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    subprocess.run([program, "-b", "-c", str(passwords), "ear", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", "allow_anonymous false", f"password_file {passwords}")
    try:
        wrong = Monitor(tmp_path / "wrong", broker.port, user="ear", password="wrong")
        wait_until(lambda: "Not authorized" in wrong.sink.status.trouble, 15)
        assert "wrong" not in repr(MqttConfig(host="x", password="wrong"))
        wrong.close()
        monkeypatch.setenv(USER_VARIABLE, "ear")
        monkeypatch.setenv(PASSWORD_VARIABLE, "right")
        right = Monitor(tmp_path / "right", broker.port)
        right.listener.begin(1)
        wait_until(lambda: not right.store.errands("mqtt"))
        right.close()
    finally:
        broker.stop()


def test_tls_is_spoken_and_an_unknown_certificate_refused(tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = [f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}"]
    broker = Mosquitto(tmp_path / "broker", *tls)
    try:
        right = Monitor(tmp_path / "right", port, tls=True, ca_file=certificate)
        right.listener.begin(1)
        wait_until(lambda: not right.store.errands("mqtt"))
        right.close()
        unknown = Monitor(tmp_path / "unknown", port, tls=True)
        wait_until(lambda: "not connected" in unknown.sink.status.trouble, 15)
        unknown.close()
    finally:
        broker.stop()


def test_what_the_broker_refuses_is_given_up_and_the_rest_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aed.monitor.telling.errand_sink.FIRST_PAUSE_SECONDS", 0.01)
    rules = tmp_path / "rules"
    rules.write_text("topic deny aed/kitchen/audio/bark\ntopic deny homeassistant/#\ntopic #\n", encoding="utf-8")
    rules.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", f"acl_file {rules}")
    try:
        with monitor_and_client(tmp_path, broker.port) as (monitor, client):
            monitor.listener.begin(1)
            monitor.listener.begin(2, "Shatter")
            wait_until(lambda: not monitor.store.errands("mqtt"), 20)
            wait_until(lambda: client.events() == [("begun", "00001"), ("begun", "00002")])
            assert client.on("aed/kitchen/audio/shatter") == ["OFF", "ON"]
            assert (monitor.sink.status.num_given_up, monitor.sink.status.num_told) == (1, 1)
            assert "refuses to take messages for 'aed/kitchen/audio/bark'" in monitor.sink.status.trouble
            assert "more topics: Not authorized; allow this user" in monitor.sink.status.trouble
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prefix": "aed/#"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"ca_file": "ca.pem"}, "set tls: true"),
        ({"home_assistant": {"device_classes": {"Fire alarm": "smoke"}}}, "device_classes"),
        ({"home_assistant": {"device_classes": {"Carbon monoxide alarm": "carbon_monoxide"}}}, "device_classes"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MqttConfig(**{"host": "x"} | settings)


def test_names_that_would_share_a_topic_are_refused(tmp_path: Path) -> None:
    store, bus = Store(tmp_path), Bus()
    with pytest.raises(ConfigError, match="the sources 'Bed room' and 'bed-room' would share one MQTT topic"):
        mqtt_sink(MqttConfig(host="x"), store, bus, ["Bed room", "bed-room"], NODES)
    same = [*NODES, replace(NODES[-1], name="bark", path=("bark",))]
    with pytest.raises(ConfigError, match="the sounds 'Bark' and 'bark' would share"):
        mqtt_sink(MqttConfig(host="x"), store, bus, ["kitchen"], same)
    store.close()


def test_certificates_that_cannot_be_read_are_said_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    config = MqttConfig(host="x", tls=True, ca_file=tmp_path / "missing.pem")
    with pytest.raises(ConfigError, match=r"the certificates cannot be used \(.*missing\.pem\)"):
        mqtt_sink(config, store, Bus(), SOURCES, NODES)
    store.close()
