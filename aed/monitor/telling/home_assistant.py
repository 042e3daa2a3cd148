"""How Home Assistant finds the sources by itself: one retained message per source, each a device with its entities.

The messages are those of MQTT device discovery (Home Assistant 2024.11 or newer). Every entity is unavailable while the
monitor is gone or its source does not hear: "off" always means listened and not heard. A class that says more than was
heard (smoke, carbon monoxide, gas, heat) cannot be set: an alarm that sounds through a wall is a sound, not smoke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from aed import __version__
from aed.monitor.telling.message_json import to_json
from aed.monitor.telling.mqtt_link import OFFLINE, ONLINE, Publication
from aed.monitor.telling.mqtt_topics import Topics, topic_part
from aed.ontology.structure import Taxonomy
from aed.settings import Settings

DeviceClass = Literal["sound", "safety", "glass_break", "problem", "motion", "occupancy", "vibration", "opening"]
"""What a heard sound can be to Home Assistant."""
DEVICE_CLASSES: dict[str, DeviceClass] = {
    "Safety alarm": "safety",
    "Smoke detector, smoke alarm": "safety",
    "Fire alarm": "safety",
    "Carbon monoxide alarm": "safety",
    "Shatter": "glass_break",
}
"""By the name of a node, for it and those below it, unless one below says otherwise; all others are "sound"."""
CLASS_FOR_OLDER_SERVERS: DeviceClass = "safety"
"""Instead of "glass_break", which Home Assistant knows since 2026.10; an older one refuses an entity with it."""


class HomeAssistantConfig(Settings):
    """What Home Assistant is told.

    Attributes:
        enabled: Whether it is told anything.
        discovery_prefix: Where it looks for devices.
        glass_break: Whether it knows the class "glass_break" (2026.10 or newer); else breaking glass is "safety".
        device_classes: More classes by the name of a node, or others than the usual ones.
    """

    enabled: bool = True
    discovery_prefix: str = Field(default="homeassistant", pattern=r"^[^+#\x00]+$")
    glass_break: bool = True
    device_classes: dict[str, DeviceClass] = Field(default_factory=dict)


@dataclass(frozen=True)
class TellableNode:
    """A node that may be told of.

    Attributes:
        name: Its name.
        path: Names from the first level to the node, as in `Event.path`.
    """

    name: str
    path: tuple[str, ...]


def tellable_nodes(taxonomy: Taxonomy, indices: Sequence[int]) -> list[TellableNode]:
    """Return nodes of a taxonomy as those that may be told of."""
    return [TellableNode(taxonomy.nodes[index].name, _path(taxonomy, index)) for index in indices]


def device_class(node: TellableNode, config: HomeAssistantConfig) -> DeviceClass:
    """Return what a node is to Home Assistant: the class of the deepest node on its path that has one."""
    classes = DEVICE_CLASSES | config.device_classes
    found: DeviceClass = next((classes[name] for name in reversed(node.path) if name in classes), "sound")
    return CLASS_FOR_OLDER_SERVERS if found == "glass_break" and not config.glass_break else found


def discovery(source: str, nodes: Sequence[TellableNode], topics: Topics, config: HomeAssistantConfig) -> Publication:
    """Return the message that describes a source and all its entities."""
    device_id = f"{topic_part(topics.prefix)}_{topic_part(source)}"
    components = {
        f"{device_id}_{topic_part(node.name)}": _node_entity(source, node, topics, config) for node in nodes
    } | {f"{device_id}__{what}": entity for what, entity in _source_entities(source, topics).items()}
    message = {
        "device": {
            "identifiers": [device_id],
            "name": f"Sounds: {source}",
            "manufacturer": "aed",
            "model": "Sound monitor",
            "sw_version": __version__,
        },
        "origin": {"name": "aed", "sw_version": __version__},
        "availability": [_available(topics.available), _available(topics.of_source(source, "available"))],
        "availability_mode": "all",
        "qos": 1,
        "components": {key: entity | {"unique_id": key} for key, entity in components.items()},
    }
    return Publication(f"{config.discovery_prefix}/device/{device_id}/config", to_json(message), True)


def _node_entity(source: str, node: TellableNode, topics: Topics, config: HomeAssistantConfig) -> dict[str, Any]:
    return {
        "platform": "binary_sensor",
        "name": node.name,
        "device_class": device_class(node, config),
        "state_topic": topics.label(source, node.name),
        "payload_on": "ON",
        "payload_off": "OFF",
    }


def _source_entities(source: str, topics: Topics) -> dict[str, dict[str, Any]]:
    """What is told of the source itself, while the monitor runs; the level only while the source hears."""
    always = {"availability": [_available(topics.available)], "entity_category": "diagnostic"}
    return {
        "listening": {
            "platform": "binary_sensor",
            "name": "Listening",
            "device_class": "connectivity",
            "state_topic": topics.of_source(source, "available"),
            "payload_on": ONLINE,
            "payload_off": OFFLINE,
            **always,
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "state_topic": topics.of_source(source, "problem"),
            "json_attributes_topic": topics.of_source(source, "health"),
            "payload_on": "ON",
            "payload_off": "OFF",
            **always,
        },
        "level": {
            "platform": "sensor",
            "name": "Level",
            "state_class": "measurement",
            "unit_of_measurement": "dBFS",
            "suggested_display_precision": 0,
            "state_topic": topics.of_source(source, "audio/dBFS"),
            "entity_category": "diagnostic",
        },
    }


def _available(topic: str) -> dict[str, str]:
    return {"topic": topic, "payload_available": ONLINE, "payload_not_available": OFFLINE}


def _path(taxonomy: Taxonomy, index: int) -> tuple[str, ...]:
    names: list[str] = []
    while taxonomy.nodes[index].parent >= 0:
        names.append(taxonomy.nodes[index].name)
        index = taxonomy.nodes[index].parent
    return tuple(reversed(names))
