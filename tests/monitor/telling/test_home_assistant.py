"""What Home Assistant is told: a message that its own rules accept, and never more than was heard."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.monitor.telling.home_assistant import (
    HomeAssistantConfig,
    TellableNode,
    device_class,
    discovery,
    tellable_nodes,
)
from aed.monitor.telling.mqtt_topics import RESERVED_LABELS, Topics, topic_part
from tests.monitor.heard_events import PATHS
from tests.random_taxonomy import random_taxonomy

NODES = [TellableNode(name, path) for name, path in PATHS.items()]
TOPICS = Topics("aed")
SAYS_MORE_THAN_WAS_HEARD = {"smoke", "carbon_monoxide", "co", "gas", "heat"}
# What Home Assistant's schemas of device discovery, of binary sensors and of sensors ask for and allow.
DEVICE_KEYS = {"identifiers", "name", "manufacturer", "model", "sw_version"}
COMMON_KEYS = {
    "platform",
    "name",
    "unique_id",
    "state_topic",
    "availability",
    "entity_category",
    "json_attributes_topic",
}
ENTITY_KEYS = {
    "binary_sensor": COMMON_KEYS | {"device_class", "payload_on", "payload_off", "json_attributes_topic"},
    "sensor": COMMON_KEYS | {"state_class", "unit_of_measurement", "suggested_display_precision"},
}
BINARY_CLASSES = {"sound", "safety", "glass_break", "connectivity", "problem"}


def check(message: dict[str, Any]) -> None:
    assert set(message) == {"device", "origin", "availability", "availability_mode", "qos", "components"}
    assert set(message["device"]) == DEVICE_KEYS
    assert message["device"]["identifiers"]
    assert message["origin"]["name"] == "aed"
    assert message["availability_mode"] in {"all", "any", "latest"}
    for entity in message["components"].values():
        assert {"platform", "unique_id", "state_topic"} <= set(entity) <= ENTITY_KEYS[entity["platform"]]
        if entity["platform"] == "binary_sensor":
            assert entity["device_class"] in BINARY_CLASSES
    ids = [entity["unique_id"] for entity in message["components"].values()]
    assert len(set(ids)) == len(ids)


def described(source: str = "kitchen", **settings: Any) -> dict[str, Any]:
    publication = discovery(source, NODES, TOPICS, HomeAssistantConfig(**settings))
    assert publication.is_retained
    message: dict[str, Any] = json.loads(publication.payload)
    return message


def test_the_message_is_what_home_assistant_takes() -> None:
    publication = discovery("Bed room", NODES, TOPICS, HomeAssistantConfig())
    assert publication.topic == "homeassistant/device/aed_bed_room/config"
    message = described("Bed room")
    check(message)
    bark = message["components"]["aed_bed_room_bark"]
    assert bark["state_topic"] == "aed/bed_room/audio/bark"
    assert [each["topic"] for each in message["availability"]] == ["aed/available", "aed/bed_room/available"]
    assert len(message["components"]) == len(NODES) + 3


def test_what_is_told_of_a_deaf_source_stays_available() -> None:
    components = described()["components"]
    for what in ("listening", "problem"):
        assert [each["topic"] for each in components[f"aed_kitchen__{what}"]["availability"]] == ["aed/available"]
    assert "availability" not in components["aed_kitchen__level"]


def test_an_alarm_that_was_heard_is_safety_and_never_smoke() -> None:
    classes = {node.name: device_class(node, HomeAssistantConfig()) for node in NODES}
    assert classes == {
        "Smoke detector, smoke alarm": "safety",
        "Safety alarm": "safety",
        "Shatter": "glass_break",
        "Bark": "sound",
    }
    below = TellableNode(
        "Our kitchen's smoke alarm", (*PATHS["Smoke detector, smoke alarm"], "Our kitchen's smoke alarm")
    )
    assert device_class(below, HomeAssistantConfig()) == "safety"
    said = json.dumps([entity.get("device_class") for entity in described()["components"].values()])
    assert not any(f'"{word}"' in said for word in SAYS_MORE_THAN_WAS_HEARD)


def test_an_older_server_is_not_told_of_glass_break_and_classes_can_be_set() -> None:
    shatter = next(node for node in NODES if node.name == "Shatter")
    assert device_class(shatter, HomeAssistantConfig(glass_break=False)) == "safety"
    assert device_class(shatter, HomeAssistantConfig(device_classes={"Glass": "vibration"})) == "glass_break"
    assert device_class(shatter, HomeAssistantConfig(device_classes={"Shatter": "vibration"})) == "vibration"
    for word in SAYS_MORE_THAN_WAS_HEARD:
        with pytest.raises(ValueError, match="device_classes"):
            HomeAssistantConfig(device_classes={"Fire alarm": word})


def test_nodes_come_from_a_taxonomy_with_their_paths() -> None:
    taxonomy = random_taxonomy(np.random.default_rng(7), "multi")
    nodes = tellable_nodes(taxonomy, range(1, len(taxonomy.nodes)))
    for index, node in enumerate(nodes, start=1):
        parent = taxonomy.nodes[index].parent
        assert node.path[-1] == node.name == taxonomy.nodes[index].name
        assert node.path[:-1] == (nodes[parent - 1].path if parent else ())


@given(st.text())
def test_any_name_makes_one_level_of_a_topic_and_part_of_an_id(name: str) -> None:
    part = topic_part(name)
    assert re.fullmatch(r"[a-z0-9_]+", part)
    assert len(part) <= 100
    assert part not in RESERVED_LABELS
    assert topic_part(name) == part


def test_names_in_other_scripts_stay_apart_and_frigate_names_are_its_own() -> None:
    assert topic_part("Smoke detector, smoke alarm") == "smoke_detector_smoke_alarm"
    assert topic_part("fire_alarm") == "fire_alarm"
    assert topic_part("Café") == topic_part("Cafe\u0301") == "cafe"
    assert len({topic_part(name) for name in ("звонок", "звон", "門鈴", "", "+", "dBFS", "a" * 81, "a" * 82)}) == 8
