"""The figures, read back with the library's own parser."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aed.errors import ConfigError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import (
    EventMessage,
    EventStage,
    HealthMessage,
    Outcome,
    SourceMessage,
    SourceState,
)
from aed.monitor.telling.prometheus import PrometheusConfig, PrometheusSink
from aed.monitor.telling.sink import SinkStatus
from tests.monitor.heard_events import heard_event, wait_until

NOW = datetime(2026, 11, 27, 17, 5, 12, tzinfo=UTC)
HOSTILE = 'a "name"\n\\ with } signs'


class QuietSink:
    """A sink of which only the status matters."""

    name, takes_errands = "mqtt", True
    status = SinkStatus(True, "", 7, 2, 1)

    def start(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def figures(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def test_what_was_heard_and_how_all_fares(store: Store) -> None:
    bus, told = Bus(), QuietSink()
    sink = PrometheusSink(PrometheusConfig(), store, bus, lambda: [told, sink])
    sink.start()
    store.save(heard_event(1), EventStage.BEGUN, ["mqtt", "other"])
    bus.note_level("kitchen", -30.0)
    bus.note_level("kitchen", -31.5)
    held_back = replace(heard_event(3), outcome=Outcome.HELD_BACK)
    for message in [
        EventMessage(EventStage.BEGUN, heard_event(1)),
        EventMessage(EventStage.CHANGED, heard_event(1)),
        EventMessage(EventStage.OVER, heard_event(1, is_over=True)),
        EventMessage(EventStage.CHANGED, heard_event(1, is_over=True)),
        EventMessage(EventStage.BEGUN, heard_event(2)),
        EventMessage(EventStage.OVER, held_back),
        EventMessage(EventStage.BEGUN, heard_event(4, HOSTILE)),
        HealthMessage("kitchen", NOW, "clipping", False, "too loud"),
        HealthMessage("kitchen", NOW, "dead", False, "no sound"),
        HealthMessage("kitchen", NOW, "dead", True, "is over"),
        SourceMessage("kitchen", NOW, SourceState.LISTENING, 0.0, ""),
        SourceMessage("kitchen", NOW, SourceState.LOST, 12.5, ""),
    ]:
        bus.publish(message)
    wait_until(lambda: b"12.5" in sink.page()[0])
    page, content_type = sink.page()
    assert content_type.startswith("text/plain")
    found = figures(page.decode())

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("aed_events_total", source="kitchen", node="Bark", outcome="reported") == 2
    assert value("aed_events_total", source="kitchen", node="Bark", outcome="held back") == 1
    assert value("aed_events_total", source="kitchen", node=HOSTILE, outcome="reported") == 1
    assert value("aed_level_dbfs", source="kitchen") == -31.5
    assert value("aed_source_complaint", source="kitchen", complaint="clipping") == 1
    assert value("aed_source_complaint", source="kitchen", complaint="dead") == 0
    assert value("aed_source_state", source="kitchen", state="lost") == 1
    assert value("aed_source_state", source="kitchen", state="listening") == 0
    assert value("aed_source_lost_seconds_total", source="kitchen") == 12.5
    assert value("aed_sink_up", sink="mqtt") == 1
    assert value("aed_sink_told_total", sink="mqtt") == 7
    assert value("aed_sink_failures_total", sink="mqtt") == 2
    assert value("aed_sink_given_up_total", sink="mqtt") == 1
    assert value("aed_errands_waiting", sink="mqtt") == 1
    assert ("aed_errands_waiting", frozenset({("sink", "prometheus")})) not in found
    assert value("aed_metrics_missed_messages_total") == 0
    told.status = SinkStatus(True, "the broker is away")
    assert figures(sink.page()[0].decode())["aed_sink_up", frozenset({("sink", "mqtt")})] == 0
    sink.close()


def test_a_port_of_its_own_is_open_only_by_setting(store: Store) -> None:
    sink = PrometheusSink(PrometheusConfig(port=0), store, Bus(), list)
    sink.start()
    address = f"http://127.0.0.1:{sink.port}/metrics"
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert b"aed_metrics_missed_messages_total" in answer.read()
    other = PrometheusSink(PrometheusConfig(port=sink.port), store, Bus(), list)
    with pytest.raises(ConfigError, match=r"cannot open 127\.0\.0\.1"):
        other.start()
    sink.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)
    without = PrometheusSink(PrometheusConfig(), store, Bus(), list)
    without.start()
    assert without.port is None
    without.close()


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    modules = "mqtt, webhook, notify, prometheus, home_assistant"
    program = f"import sys; from aed.monitor.telling import {modules}; print(sorted(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for name in ("paho", "apprise", "prometheus_client", "torch"):
        assert f"'{name}'" not in answer.stdout
