"""Figures for Prometheus: what was heard, how the sources fare, and what the sinks have still to tell.

    aed_events_total{source,node,outcome}      events, counted when they begin
    aed_level_dbfs{source}                     newest level
    aed_source_state{source,state}             1 for its present state, 0 for the others
    aed_source_complaint{source,complaint}     1 while this is wrong with it
    aed_source_lost_seconds_total{source}      what was lost of it since the monitor started
    aed_sink_up{sink}                          1 if it runs and nothing is wrong
    aed_sink_told_total{sink}, aed_sink_failures_total{sink}, aed_sink_given_up_total{sink}
    aed_errands_waiting{sink}                  what it has still to tell
    aed_metrics_missed_messages_total          messages that were too many for these figures

The registry is our own, so nothing else of the process is in it. The dashboard serves the page; a port of its own is
open only where the settings name one.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from aed.errors import ConfigError, missing_extra
from aed.monitor.bus import Bus, Subscription
from aed.monitor.memory.store import Store
from aed.monitor.messages import (
    EventMessage,
    EventStage,
    HealthMessage,
    Message,
    SourceMessage,
    SourceState,
)
from aed.monitor.telling.sink import Sink, SinkStatus
from aed.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_MOST_OPEN_EVENTS = 10_000
"""Events that began and are not over, of which to remember that they were counted."""
_JOIN_SECONDS = 2.0


class PrometheusConfig(Settings):
    """Where the figures can be had beside the dashboard.

    Attributes:
        name: Name of the sink.
        port: A port of its own; none by default.
        address: Who may ask there: this machine only, by default. The page says what is heard in the house.
    """

    name: str = "prometheus"
    port: int | None = Field(default=None, ge=0, le=65535)
    address: str = "127.0.0.1"


class PrometheusSink:
    """Keeps the figures.

    Args:
        config: Where they can be had.
        store: Where the errands are.
        bus: Where the messages come from.
        sinks: Returns the sinks to tell of.

    Raises:
        MissingExtraError: The library is not installed.
    """

    takes_errands = False

    def __init__(self, config: PrometheusConfig, store: Store, bus: Bus, sinks: Callable[[], Sequence[Sink]]) -> None:
        self._config, self._bus = config, bus
        self._figures = _Figures(bus)
        self._registry = _make_registry(_Collector(self._figures, store, sinks))
        self._stack = ExitStack()
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink {config.name}", daemon=True)
        self.port: int | None = None

    @property
    def name(self) -> str:
        """Name of the sink."""
        return self._config.name

    @property
    def status(self) -> SinkStatus:
        """How it fares."""
        return replace(SinkStatus(), is_running=self._thread.is_alive(), num_given_up=self._figures.num_missed)

    def page(self) -> tuple[bytes, str]:
        """Return the figures as text, and the content type of the text."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def start(self) -> None:
        """Start the thread, and the port where one is named.

        Raises:
            ConfigError: The port cannot be opened.
        """
        if self._config.port is not None:
            self._serve(self._config.port)
        self._subscription = self._stack.enter_context(self._bus.subscribe(EventMessage, HealthMessage, SourceMessage))
        self._thread.start()

    def close(self) -> None:
        """End the thread and the port; see `Sink.close`."""
        self._stack.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _serve(self, port: int) -> None:
        from prometheus_client import start_http_server

        try:
            server, thread = start_http_server(port, self._config.address, self._registry)
        except OSError as error:
            where = f"{self._config.address}:{port}"
            raise ConfigError(f"prometheus: cannot open {where}: {error}; name another port or address") from error
        self.port = int(server.server_port)
        self._stack.callback(thread.join, _JOIN_SECONDS)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)

    def _run(self) -> None:
        if (subscription := self._subscription) is None:
            return
        while (message := subscription.take()) is not None:
            self._figures.note(message, subscription.num_dropped)


class _Figures:
    """The newest of everything, by source."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._lock = bus, threading.Lock()
        self._events: Counter[tuple[str, str, str]] = Counter()
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._states: dict[str, SourceMessage] = {}
        self._complaints: dict[tuple[str, str], bool] = {}
        self.num_missed = 0

    def note(self, message: Message, num_missed: int) -> None:
        """Take in a message."""
        with self._lock:
            self.num_missed = num_missed
            if isinstance(message, EventMessage):
                self._note_event(message)
            elif isinstance(message, SourceMessage):
                self._states[message.source] = message
            elif isinstance(message, HealthMessage):
                self._complaints[message.source, message.complaint] = not message.is_over

    def _note_event(self, message: EventMessage) -> None:
        """Count an event once: when it begins, or when it is over if its beginning was not told (or was missed)."""
        heard = message.heard
        if message.stage == EventStage.CHANGED:
            return
        if heard.id not in self._counted:
            self._events[heard.source, heard.event.name, str(heard.outcome)] += 1
        if message.stage == EventStage.OVER:
            self._counted.pop(heard.id, None)
        else:
            self._counted[heard.id] = None
        if len(self._counted) > _MOST_OPEN_EVENTS:
            self._counted.popitem(last=False)

    def metrics(self) -> Iterator[Metric]:
        """Yield the figures as the library's families."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        events = CounterMetricFamily("aed_events", "Events", labels=["source", "node", "outcome"])
        level = GaugeMetricFamily("aed_level_dbfs", "Newest level, dB relative to a full-scale sine", labels=["source"])
        state = GaugeMetricFamily("aed_source_state", "1 for the present state", labels=["source", "state"])
        wrong = GaugeMetricFamily("aed_source_complaint", "1 while this is wrong", labels=["source", "complaint"])
        lost = CounterMetricFamily("aed_source_lost_seconds", "Lost since the start", labels=["source"])
        missed = CounterMetricFamily("aed_metrics_missed_messages", "Messages too many for these figures")
        with self._lock:
            for labels, number in self._events.items():
                events.add_metric(list(labels), number)
            for source, dbfs in self._bus.levels_dbfs.items():
                level.add_metric([source], dbfs)
            for source, message in self._states.items():
                lost.add_metric([source], message.lost_seconds)
                for each in SourceState:
                    state.add_metric([source, str(each)], float(each == message.state))
            for complaint, is_so in self._complaints.items():
                wrong.add_metric(list(complaint), float(is_so))
            missed.add_metric([], self.num_missed)
        yield from (events, level, state, wrong, lost, missed)


class _Collector:
    """What the library asks for all families."""

    def __init__(self, figures: _Figures, store: Store, sinks: Callable[[], Sequence[Sink]]) -> None:
        self._figures, self._store, self._sinks = figures, store, sinks

    def describe(self) -> list[Metric]:
        """Return no names: what there is comes with the first message."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        yield from self._figures.metrics()
        yield from self._sink_metrics()

    def _sink_metrics(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        up = GaugeMetricFamily("aed_sink_up", "1 if it runs and nothing is wrong", labels=["sink"])
        told = CounterMetricFamily("aed_sink_told", "What it told", labels=["sink"])
        failed = CounterMetricFamily("aed_sink_failures", "Attempts that failed", labels=["sink"])
        given_up = CounterMetricFamily("aed_sink_given_up", "What it will never tell", labels=["sink"])
        waiting = GaugeMetricFamily("aed_errands_waiting", "What it has still to tell", labels=["sink"])
        num_errands = self._store.num_errands()
        for sink in self._sinks():
            status = sink.status
            up.add_metric([sink.name], float(status.is_running and not status.trouble))
            told.add_metric([sink.name], status.num_told)
            failed.add_metric([sink.name], status.num_failed)
            given_up.add_metric([sink.name], status.num_given_up)
            if sink.takes_errands:
                waiting.add_metric([sink.name], num_errands.get(sink.name, 0))
        yield from (up, told, failed, given_up, waiting)


def _make_registry(collector: _Collector) -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError as error:
        raise missing_extra("Telling Prometheus", "monitor") from error
    registry = CollectorRegistry()
    registry.register(collector)
    return registry
