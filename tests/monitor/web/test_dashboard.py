"""The dashboard at work, asked over the network as a browser would."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from aed.errors import ConfigError, MissingExtraError
from aed.monitor.messages import EventStage
from aed.monitor.web.config import WebConfig
from aed.monitor.web.dashboard import Dashboard

WITHIN_SECONDS = 1.0


@pytest.fixture
def dashboard(home) -> Iterator[Dashboard]:
    dashboard = Dashboard(home.parts(), WebConfig(port=0))
    dashboard.start()
    yield dashboard
    dashboard.close()


def test_it_can_be_asked_until_it_is_closed(dashboard: Dashboard) -> None:
    with urllib.request.urlopen(f"{dashboard.address}/api/tree") as answer:
        assert json.load(answer)["nodes"]
        assert "server" not in answer.headers
    dashboard.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{dashboard.address}/api/tree")


def test_an_event_is_there_within_a_second_and_closing_ends_the_stream(dashboard: Dashboard, home) -> None:
    with urllib.request.urlopen(f"{dashboard.address}/api/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = [stream.readline() for _ in range(4)]
        assert first[1] == b"event: sources\n"
        published = time.monotonic()
        home.publish(home.heard("Dog"), EventStage.BEGUN)
        assert stream.readline() == b"event: heard\n"
        assert json.loads(stream.readline()[6:])["event"]["name"] == "Dog"
        assert time.monotonic() - published < WITHIN_SECONDS
        threading.Timer(0.1, dashboard.close).start()
        assert stream.read().strip() == b""


def test_a_page_that_was_closed_gives_its_place_back(home) -> None:
    dashboard = Dashboard(home.parts(), WebConfig(port=0, most_viewers=1))
    dashboard.start()
    try:
        for _ in range(3):
            deadline = time.monotonic() + 10
            while True:
                try:
                    with urllib.request.urlopen(f"{dashboard.address}/api/live") as stream:
                        assert stream.readline()
                    break
                except urllib.error.HTTPError as refused:
                    assert refused.code == 503
                    assert time.monotonic() < deadline, "the place was never given back"
                    time.sleep(0.05)
    finally:
        dashboard.close()


def test_a_port_in_use_is_said(home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1:{port} .*name another host or port"):
            Dashboard(home.parts(), WebConfig(port=port)).start()


def test_a_certificate_that_is_none_is_said(home, tmp_path) -> None:
    config = WebConfig(port=0, certificate=tmp_path / "none.pem", certificate_key=tmp_path / "none.key")
    with pytest.raises(ConfigError, match="cannot use the certificate"):
        Dashboard(home.parts(), config).start()


def test_without_the_extra_the_message_names_it(home, monkeypatch: pytest.MonkeyPatch) -> None:
    dashboard = Dashboard(home.parts(), WebConfig(port=0))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "aed.monitor.web.server", raising=False)
    with pytest.raises(MissingExtraError, match=r"aed\[monitor\]"):
        dashboard.start()


def test_the_address_names_the_machine_where_it_is_open_to_the_network(home) -> None:
    token = "correct-horse-battery"
    assert Dashboard(home.parts(), WebConfig()).address == "http://127.0.0.1:8765"
    assert Dashboard(home.parts(), WebConfig(host="::1")).address == "http://[::1]:8765"
    wide = Dashboard(home.parts(), WebConfig(host="0.0.0.0", token=token)).address
    assert wide == f"http://{socket.gethostname()}:8765"
