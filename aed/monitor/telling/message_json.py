"""Events as JSON, the same for every sink."""

from __future__ import annotations

import json
import math
from typing import Any

from aed.monitor.messages import EventStage, HeardEvent


def event_to_dict(stage: EventStage, heard: HeardEvent) -> dict[str, Any]:
    """Return JSON-able values of an event at a stage."""
    return {"kind": "event", "stage": str(stage), **heard.to_dict()}


def to_json(values: dict[str, Any]) -> str:
    """Return one line of plain ASCII JSON; a number that JSON has not (the level of no sound at all) becomes null."""
    return json.dumps({key: None if _is_no_number(value) else value for key, value in values.items()})


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
