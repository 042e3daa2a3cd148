"""How messages travel to the page: JSON without a number that is none, spectra and probabilities in bytes.

A column of a spectrogram is a byte per band, 0 at `FLOOR_DB` or below, 255 at 0 dB and above; probabilities are a byte
per node, 255 for 1. Both as base64: a quarter of the same as decimals, several times a second.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np

from aed.monitor.memory.store import Mark
from aed.monitor.messages import EventMessage, HealthMessage, HeardEvent, LevelMessage, SourceMessage

FLOOR_DB = -100.0
"""Quieter than the noise of any microphone."""
QUIETEST_DBFS = -120.0
"""Level of what has none: JSON knows no infinity."""
_LARGEST_BYTE = 255


def event_dict(heard: HeardEvent, mark: Mark | None = None) -> dict[str, Any]:
    """Return an event with what was said of it, as JSON-able values."""
    values = heard.to_dict()
    return {
        **values,
        "level_dbfs": level(heard.level_dbfs),
        "has_clip": heard.clip is not None,
        "mark": None if mark is None else {"verdict": str(mark.verdict), "node_id": mark.node_id},
    }


def event_message(message: EventMessage, mark: Mark | None) -> dict[str, Any]:
    """Return an event and how far it has come, as JSON-able values."""
    return {"stage": str(message.stage), "event": event_dict(message.heard, mark)}


def level_message(message: LevelMessage) -> dict[str, Any]:
    """Return how it sounds just now, as JSON-able values."""
    spectrum = (np.nan_to_num(message.spectrum_db, nan=FLOOR_DB) - FLOOR_DB) / -FLOOR_DB
    return {
        "source": message.source,
        "time": message.time.isoformat(timespec="milliseconds"),
        "level_dbfs": level(message.level_dbfs),
        "spectrum": _bytes(spectrum),
        "probabilities": None if message.probabilities is None else _bytes(np.nan_to_num(message.probabilities)),
    }


def health_message(message: HealthMessage) -> dict[str, Any]:
    """Return a complaint, or its end, as JSON-able values."""
    return {
        "source": message.source,
        "time": message.time.isoformat(timespec="milliseconds"),
        "complaint": message.complaint,
        "is_over": message.is_over,
        "message": message.message,
    }


def source_message(message: SourceMessage) -> dict[str, Any]:
    """Return a source's new state, as JSON-able values."""
    return {
        "source": message.source,
        "time": message.time.isoformat(timespec="milliseconds"),
        "state": str(message.state),
        "lost_seconds": round(message.lost_seconds, 3),
        "message": message.message,
    }


def level(dbfs: float) -> float:
    """Return a level that JSON can hold."""
    return round(max(dbfs, QUIETEST_DBFS), 1) if math.isfinite(dbfs) else QUIETEST_DBFS


def sent_event(name: str, data: dict[str, Any]) -> str:
    """Return a server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'), allow_nan=False)}\n\n"


def _bytes(shares: np.ndarray) -> str:
    rounded = np.rint(np.clip(shares, 0.0, 1.0) * _LARGEST_BYTE).astype(np.uint8)
    return base64.b64encode(rounded.tobytes()).decode("ascii")
