"""Monitors over the scorer by formula: what they would remember of a made scene."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from aed.detect.detector import DetectorConfig
from aed.detect.thresholds import NodeThresholds
from aed.monitor.bus import Bus
from aed.monitor.config import MonitorConfig
from aed.monitor.memory.store import EventQuery, Store
from aed.monitor.messages import HeardEvent
from aed.monitor.rules.rules import RuleBook
from aed.monitor.service import Monitor
from aed.scorer.protocol import Scorer
from tests.fake_scorer import LAYOUT, small_scorer, small_taxonomy

STARTED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
USUAL = DetectorConfig(smoothing="none", min_event_seconds=0.64, merge_gap_seconds=0.1, absorb_seconds=1.0)


class Recorder:
    """A sink that takes errands and tells nothing: they stay in the store."""

    takes_errands = True

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.is_closed = False

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def rule_book(sinks: Sequence[str] = ("a", "b"), thresholds: NodeThresholds | None = None, **config: Any) -> RuleBook:
    settings = MonitorConfig.model_validate(config)
    return settings.rule_book(small_taxonomy(), thresholds, tuple(sinks))


def write_scene(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, LAYOUT.rate_hz, subtype="FLOAT")
    return path


def monitor(
    folder: Path,
    scorer: Scorer | None = None,
    sinks: Sequence[Any] = (),
    usual: DetectorConfig = USUAL,
    **config: Any,
) -> Monitor:
    """A monitor of recordings at full speed, which tells everything by default; its store is `.store`."""
    everything = {"name": "everything", "sounds": [small_taxonomy().nodes[0].id]}
    rules = {} if {"rules", "listen"} & set(config) else {"rules": [everything]}
    settings = MonitorConfig.model_validate({"voices": "keep", "dashboard": None, **rules, **config})
    sinks = sinks or [Recorder()]
    store = Store(folder)
    return Monitor(
        settings, scorer or small_scorer(), usual, None, store, Bus(), sinks, speed=None, started_at=STARTED_AT
    )


def listened(folder: Path, samples: np.ndarray, **config: Any) -> list[HeardEvent]:
    """What a monitor remembers of one recording, the oldest first."""
    recording = write_scene(folder / "scene.wav", samples)
    made = monitor(folder / "memory", **{"sources": {"room": f"file:{recording}"}, **config})
    run(made)
    return remembered(made.store)


def run(made: Monitor) -> None:
    try:
        made.start()
        made.wait()
    finally:
        made.close()


def remembered(store: Store) -> list[HeardEvent]:
    return store.events(EventQuery(limit=10_000))[::-1]
