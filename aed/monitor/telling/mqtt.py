"""Telling over MQTT: whether each node sounds just now, every event as JSON, and the sources for Home Assistant.

What an errand means here: an event begins, its node's topic becomes ON; it is over, OFF, unless another event of the
node still lasts. Both are also told as JSON with the event's id and times on one topic. An event that began and ended
while the broker was away is still told, ON and then OFF, in its turn. An errand is struck off when the broker has
acknowledged all of it, and behind each event the broker keeps its id: after a kill between the two we ask for it, and
do not tell that event again. Should the connection break between the broker's receipt and its acknowledgement, MQTT
itself sends the message again: a receiver that counts events goes by their ids.

A state that the broker still holds is not repeated after a reconnection: we ask for what it kept, and publish what
differs. The events are never retained: who is not there hears nothing of them, unless its own session is kept.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import Field

from aed.errors import RefusedError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventStage, HeardEvent, Outcome
from aed.monitor.telling.errand_sink import ErrandSink, Teller
from aed.monitor.telling.home_assistant import HomeAssistantConfig, TellableNode, discovery
from aed.monitor.telling.message_json import event_to_dict, to_json
from aed.monitor.telling.mqtt_broker import BrokerConfig
from aed.monitor.telling.mqtt_link import ONLINE, MqttLink, Publication
from aed.monitor.telling.mqtt_states import MqttStates
from aed.monitor.telling.mqtt_topics import Topics, refuse_same_topics, topic_part

ON, OFF = "ON", "OFF"
_FORGOTTEN_EVERY_SECONDS = 60.0
"""How often to see whether an event that lasts was removed from the store: it is then over."""
_ALL = 1_000_000  # errands: more than a store holds


class MqttConfig(BrokerConfig):
    """What is told over MQTT, and to which broker.

    Attributes:
        name: Name of the sink.
        prefix: First level, or levels, of all topics; must differ between monitors at one broker.
        supercategories: Whether the nodes above a heard one become ON too.
        level_every_seconds: How often to tell how loud each source is; None for never.
        home_assistant: What Home Assistant is told.
    """

    name: str = "mqtt"
    prefix: str = Field(default="aed", pattern=r"^[^+#/\x00$][^+#\x00]*$")
    supercategories: bool = False
    level_every_seconds: float | None = Field(default=2.0, gt=0)
    home_assistant: HomeAssistantConfig = HomeAssistantConfig()


def mqtt_sink(
    config: MqttConfig, store: Store, bus: Bus, sources: Sequence[str], nodes: Sequence[TellableNode]
) -> ErrandSink:
    """Return the sink that tells over MQTT.

    Args:
        config: What and where.
        store: Where the errands are.
        bus: Who wakes it, and where the states of the sources come from.
        sources: Names of the sources.
        nodes: The nodes that the rules may report; `tellable_nodes` makes them.

    Raises:
        ConfigError: Two sources or nodes would share a topic, or the settings cannot work.
        MissingExtraError: The library is not installed.
    """
    return ErrandSink(config.name, MqttTeller(config, store, bus, sources, nodes), store, bus)


class MqttTeller(Teller):
    """Tells over MQTT; arguments as of `mqtt_sink`."""

    def __init__(
        self, config: MqttConfig, store: Store, bus: Bus, sources: Sequence[str], nodes: Sequence[TellableNode]
    ) -> None:
        refuse_same_topics(sources, "sources")
        refuse_same_topics((name for node in nodes for name in _names(node.path, config)), "sounds")
        self._config, self._store, self._sources, self._nodes = config, store, sources, nodes
        self._topics = Topics(config.prefix.rstrip("/"))
        client_id = config.client_id or f"aed-{topic_part(config.prefix)}"
        self._link = MqttLink(config, client_id, self._topics.available)
        self._states = MqttStates(self._link, self._topics, sources, config.level_every_seconds, bus)
        self._lasting: dict[str, set[str]] = defaultdict(set)
        self._published: dict[str, str] = {}
        self._greeted_connection = 0
        self._forgotten_due = 0.0
        self._refusal = ""

    @property
    def trouble(self) -> str:
        """That there is no connection, or what the broker refuses."""
        return self._link.trouble or self._refusal

    def open(self) -> None:
        """Find out what lasts, and begin to connect."""
        for source in self._sources:
            for node in self._nodes:
                for topic in self._label_topics(source, node.path):
                    self._lasting.setdefault(topic, set())
        for heard in _told_and_lasting(self._store, self._config.name):
            self._note(heard, does_last=True)
        self._link.start()
        self._states.start()

    def prepare(self) -> None:
        """See that there is a connection, and on a new one say who we are and how things stand."""
        self._link.wait_connected()
        connection = self._link.num_connections
        if connection != self._greeted_connection:
            self._greet()
            self._greeted_connection = connection
        if time.monotonic() >= self._forgotten_due:
            self._end_forgotten()
            self._forgotten_due = time.monotonic() + _FORGOTTEN_EVERY_SECONDS

    def tell(self, errand: Errand) -> None:
        """Tell that an event began or is over; see `Teller.tell`."""
        messages = self._changed(self._note(errand.heard, does_last=errand.stage == EventStage.BEGUN))
        told = Publication(self._topics.told, f"{errand.heard.id} {errand.stage}", True)
        if self._published.get(told.topic) != told.payload:
            messages += [Publication(self._topics.events, to_json(event_to_dict(errand.stage, errand.heard))), told]
        refused = self._publish(messages)
        refused.pop(told.topic, None)  # only a help
        if refused:
            raise RefusedError(_what_was_refused(refused))

    def stop(self) -> None:
        """Wait no longer for a broker who is away."""
        self._link.stop()

    def close(self) -> None:
        """Say goodbye."""
        self._states.close()
        self._link.close()

    def _greet(self) -> None:
        """Describe the devices, mend the states that the broker lost or kept wrongly, then say that we are there."""
        self._published = self._link.retained(self._topics.every_label, self._topics.told)
        refused = self._publish(self._changed(self._lasting)) | self._states.publish_all()
        if self._config.home_assistant.enabled:
            refused |= self._link.publish(self._devices())
        refused |= self._link.publish([Publication(self._topics.available, ONLINE, True)])
        self._refusal = _what_was_refused(refused) if refused else ""

    def _devices(self) -> list[Publication]:
        assistant = self._config.home_assistant
        return [discovery(source, self._nodes, self._topics, assistant) for source in self._sources]

    def _end_forgotten(self) -> None:
        for ids in self._lasting.values():
            ids.intersection_update([event_id for event_id in ids if self._store.event(event_id)])
        self._publish(self._changed(self._lasting))

    def _note(self, heard: HeardEvent, *, does_last: bool) -> Iterable[str]:
        """Note whether an event lasts; return the topics that this is about."""
        topics = self._label_topics(heard.source, heard.event.path)
        if does_last:
            for topic in topics:
                self._lasting[topic].add(heard.id)
            return topics
        begun_as = [topic for topic, ids in self._lasting.items() if heard.id in ids]  # perhaps as another node
        for topic in begun_as:
            self._lasting[topic].discard(heard.id)
        return dict.fromkeys([*topics, *begun_as])

    def _label_topics(self, source: str, path: Sequence[str]) -> list[str]:
        return [self._topics.label(source, name) for name in _names(path, self._config)]

    def _changed(self, topics: Iterable[str]) -> list[Publication]:
        """Return what to publish so that topics say what is so."""
        wanted = {topic: ON if self._lasting.get(topic) else OFF for topic in topics}
        return [
            Publication(topic, value, True) for topic, value in wanted.items() if self._published.get(topic) != value
        ]

    def _publish(self, publications: Sequence[Publication]) -> dict[str, str]:
        """Publish, and remember what the broker now holds; return what it refused."""
        refused = self._link.publish(publications)
        self._published |= {each.topic: each.payload for each in publications if each.topic not in refused}
        return refused


def _what_was_refused(refused: dict[str, str]) -> str:
    topic, reason = next(iter(refused.items()))
    more = f" and {len(refused) - 1} more topics" * (len(refused) > 1)
    return f"mqtt: the broker refuses to take messages for '{topic}'{more}: {reason}; allow this user to write there"


def _names(path: Sequence[str], config: MqttConfig) -> Sequence[str]:
    """The nodes whose topics an event is told on."""
    return path if config.supercategories else path[-1:]


def _told_and_lasting(store: Store, sink: str) -> list[HeardEvent]:
    """Return the events whose beginning this sink has told and whose end not."""
    lasting = [heard for heard in store.unfinished() if heard.outcome == Outcome.REPORTED]
    waiting = store.errands(sink, limit=_ALL)  # read last: what begins in between has its errand there
    untold = {errand.heard.id for errand in waiting if errand.stage == EventStage.BEGUN}
    lasting += [errand.heard for errand in waiting if errand.stage == EventStage.OVER]
    return [heard for heard in lasting if heard.id not in untold]
