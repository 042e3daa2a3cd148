"""The tree, the sources, what was wrong, the settings, the figures, and the page's own files."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from aed.monitor.messages import HealthMessage, SourceMessage, SourceState
from aed.monitor.web.pages import STATIC

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_the_tree_is_that_of_the_model(client, home) -> None:
    tree = client.get("/api/tree").json()
    assert [node["name"] for node in tree["nodes"]] == [node.name for node in home.taxonomy.nodes]
    assert tree["depth_first"] == list(home.taxonomy.depth_first())


def test_sources_follow_what_the_bus_says(client, home) -> None:
    home.bus.publish(SourceMessage("kitchen", NOW, SourceState.LOST, 2.5, "the cable is out"))
    home.bus.publish(HealthMessage("nursery", NOW, "dead", False, "every sample is 0"))
    home.bus.publish(HealthMessage("kitchen", NOW, "clipping", False, "too loud"))
    home.bus.publish(HealthMessage("kitchen", NOW, "clipping", True, "is over"))
    home.bus.publish(SourceMessage("browser:phone", NOW, SourceState.LISTENING, 0.0, ""))
    home.bus.publish(SourceMessage("nursery", NOW, SourceState.LISTENING, 0.0, ""))
    wanted = {
        "kitchen": ("lost", 2.5, "the cable is out", []),
        "nursery": ("listening", 0.0, "", [{"complaint": "dead", "message": "every sample is 0"}]),
        "browser:phone": ("listening", 0.0, "", []),
    }
    deadline, found = time.monotonic() + 10, {}
    while found != wanted and time.monotonic() < deadline:
        sources = client.get("/api/sources").json()["sources"]
        found = {
            each["name"]: (each["state"], each["lost_seconds"], each["message"], each["complaints"]) for each in sources
        }
        time.sleep(0.01)
    assert found == wanted


def test_health_comes_from_the_memory(client, home) -> None:
    home.store.note_health(HealthMessage("kitchen", NOW, "lost", False, "the connection broke"))
    home.store.note_health(HealthMessage("kitchen", NOW, "lost", True, "it is back"))
    health = client.get("/api/health").json()["health"]
    assert [(each["complaint"], each["is_over"], each["message"]) for each in health] == [
        ("lost", True, "it is back"),
        ("lost", False, "the connection broke"),
    ]
    assert len(client.get("/api/health", params={"limit": 1}).json()["health"]) == 1


def test_settings_are_shown_without_secrets(client) -> None:
    answer = client.get("/api/settings")
    assert answer.json()["settings"]["rules"][0]["threshold"] == 0.6
    for secret in ("correct horse", "hunter2", "SECRET"):
        assert secret not in answer.text


def test_metrics_are_what_they_are_or_not_there(open_client) -> None:
    answer = open_client().get("/metrics")
    assert "aed_events_total 3" in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_client(metrics=None).get("/metrics").status_code == 404


@pytest.mark.parametrize("path", ["/", "/login", "/favicon.ico", "/static/style.css", "/static/js/app.js"])
def test_the_page_has_its_files(client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content


def test_every_file_that_the_page_names_is_there() -> None:
    named = {
        match for path in STATIC.rglob("*.js") for match in re.findall(r'from "\./([a-z_]+\.js)"', path.read_text())
    }
    assert named
    assert all((STATIC / "js" / name).is_file() for name in named)
    for html in STATIC.glob("*.html"):
        for match in re.findall(r'(?:src|href)="(static/[^"]+)"', html.read_text()):
            assert (STATIC.parent / match).is_file()


def test_no_file_of_the_page_asks_elsewhere_or_writes_html_from_a_string() -> None:
    for path in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), *STATIC.rglob("*.html")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://|//[a-z]+\.[a-z]", text), path
        assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path
        assert not re.findall(r"<[^>]+\son[a-z]+=|<style|style=\"|javascript:", text), path
