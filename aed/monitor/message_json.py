"""The monitor's messages as JSON, the same for every sink."""

from __future__ import annotations

import json
import math
from typing import Any

from aed.monitor.messages import EventMessage, EventStage, HealthMessage, HeardEvent, LevelMessage, Message


def event_to_dict(stage: EventStage, heard: HeardEvent) -> dict[str, Any]:
    """Return JSON-able values of an event at a stage."""
    return {"kind": "event", "stage": str(stage), **heard.to_dict()}


def message_to_dict(message: Message) -> dict[str, Any]:
    """Return JSON-able values of a message; of a level without its spectrum and its probabilities."""
    if isinstance(message, EventMessage):
        return event_to_dict(message.stage, message.heard)
    common = {"source": message.source, "time": message.time.isoformat(timespec="milliseconds")}
    if isinstance(message, LevelMessage):
        return {"kind": "level", **common, "level_dbfs": round(message.level_dbfs, 1)}
    if isinstance(message, HealthMessage):
        health = {"complaint": message.complaint, "is_over": message.is_over, "message": message.message}
        return {"kind": "health", **common, **health}
    state = {"state": str(message.state), "lost_seconds": round(message.lost_seconds, 3), "message": message.message}
    return {"kind": "source", **common, **state}


def to_json(values: dict[str, Any]) -> str:
    """Return one line of plain ASCII JSON; a number that JSON has not (the level of no sound at all) becomes null."""
    return json.dumps({key: None if _is_no_number(value) else value for key, value in values.items()})


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
