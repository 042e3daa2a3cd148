"""Who tells what was heard: a sink for each section of the config that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aed.detect.hedge import reportable_nodes
from aed.monitor.bus import Bus
from aed.monitor.config import MonitorConfig
from aed.monitor.memory.store import Store
from aed.monitor.telling.errand_sink import ErrandSink
from aed.monitor.telling.home_assistant import tellable_nodes
from aed.monitor.telling.mqtt import mqtt_sink
from aed.monitor.telling.notify import notify_sink
from aed.monitor.telling.prometheus import PrometheusConfig, PrometheusSink
from aed.monitor.telling.sink import Sink
from aed.monitor.telling.webhook import webhook_sink
from aed.ontology.structure import Taxonomy

if TYPE_CHECKING:
    from aed.detect.thresholds import NodeThresholds


def make_sinks(
    config: MonitorConfig, store: Store, bus: Bus, taxonomy: Taxonomy, thresholds: NodeThresholds | None
) -> list[Sink]:
    """Make those who tell by errands: MQTT, a webhook, notifications.

    Raises:
        ConfigError: A section cannot work.
        MissingExtraError: The extra "monitor" is not installed.
    """
    sinks: list[ErrandSink] = []
    if config.mqtt is not None:
        nodes = tellable_nodes(taxonomy, _told_nodes(config, taxonomy, thresholds))
        sinks.append(mqtt_sink(config.mqtt, store, bus, tuple(config.sources), nodes))
    if config.webhook is not None:
        sinks.append(webhook_sink(config.webhook, store, bus))
    if config.notify is not None:
        sinks.append(notify_sink(config.notify, store, bus))
    return list(sinks)


def make_figures(config: MonitorConfig, store: Store, bus: Bus, sinks: Sequence[Sink]) -> PrometheusSink:
    """Make who counts for Prometheus, for the dashboard's page and perhaps a port of its own.

    Raises:
        MissingExtraError: The extra "monitor" is not installed.
    """
    return PrometheusSink(config.prometheus or PrometheusConfig(), store, bus, lambda: sinks)


def _told_nodes(config: MonitorConfig, taxonomy: Taxonomy, thresholds: NodeThresholds | None) -> list[int]:
    """The nodes that some rule may tell of."""
    rules = config.rule_book(taxonomy, thresholds, config.tellers())
    return [
        node
        for node in range(1, taxonomy.num_nodes)
        if reportable_nodes(taxonomy)[node] and any(rules.about(node, source) for source in config.sources)
    ]
