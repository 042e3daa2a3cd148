"""A real MQTT broker of the test's own, and a client that writes down what it hears."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
SETTINGS = ["allow_anonymous true", "persistence true", "autosave_interval 1", "autosave_on_changes true"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Mosquitto:
    """A broker that can be stopped and started again at the same port, with or without what it kept."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        own = [
            f"listener {self.port} 127.0.0.1",
            "user root",
            f"persistence_location {folder}/",
            *SETTINGS,
            *settings,
        ]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(own) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        assert PROGRAM is not None
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._config)], stdout=log, stderr=log)
        log.close()
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
                time.sleep(0.02)
            else:
                return
        pytest.fail("mosquitto did not start")

    def stop(self, *, forget: bool = False) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None
        if forget:
            (self.folder / "mosquitto.db").unlink(missing_ok=True)


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: str
    is_retained: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Client:
    """Subscribes to everything, with a session that the broker keeps for it; writes down what comes."""

    def __init__(self, port: int, *topics: str, name: str = "test", **login: str) -> None:
        from paho.mqtt.client import Client as PahoClient
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[Heard] = []
        self._ids: set[tuple[int, Heard]] = set()
        self._topics = topics or ("#",)
        self.is_ready = False
        self._client = PahoClient(CallbackAPIVersion.VERSION2, name, clean_session=False)
        if login:
            self._client.username_pw_set(login["user"], login["password"])
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: setattr(self, "is_ready", True)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        end = time.monotonic() + 10
        while not self.is_ready:
            assert time.monotonic() < end, "the test's own client could not subscribe"
            time.sleep(0.01)

    def _on_connect(self, client: Any, _data: Any, flags: Any, *_: Any) -> None:
        """Subscribe, unless the broker still knows: it would send again what it keeps."""
        if not flags.session_present:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        """Write a message down; not again if the broker did not get our acknowledgement before it was stopped."""
        heard = Heard(message.topic, message.payload.decode(), bool(message.retain))
        if not (message.dup and (message.mid, heard) in self._ids):
            self.heard.append(heard)
        self._ids.add((message.mid, heard))

    def on(self, topic: str) -> list[str]:
        return [each.payload for each in list(self.heard) if each.topic == topic]

    def events(self) -> list[tuple[str, str]]:
        """Return stage and number of the events that came."""
        told = [each.json for each in list(self.heard) if each.topic == "aed/events"]
        return [(event["stage"], event["id"][-5:]) for event in told]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
