"""A home that is made up: events with true clips of sounds made by formula, levels with true spectra, settings."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from aed.audio.synth import SOUNDS
from aed.detect.event import Event
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.messages import (
    EventMessage,
    EventStage,
    HeardEvent,
    LevelMessage,
    Outcome,
    SourceMessage,
    SourceState,
)
from aed.monitor.sources.source import Source
from aed.monitor.web.parts import Parts
from aed.ontology.structure import Taxonomy
from aed.ontology.user_tree import load_tree

RATE_HZ = 16_000
BANDS = 64
HOSTILE = '<img src=x onerror="document.title=1"><b>loud</b>'
SOUND_OF = {
    "Smoke detector, smoke alarm": "smoke_alarm",
    "Siren": "siren",
    "Dog": "dog_bark",
    "Knock": "door_knock",
    "Shatter": "glass_breaking",
    "Doorbell": "doorbell",
    "Baby cry, infant cry": "crying_baby",
    "Bird": "bird_chirp",
    "Speech": "babble",
    "Rain": "rain",
}
SETTINGS: dict[str, Any] = {
    "model": "home.onnx",
    "sources": {"kitchen": "mic:", "nursery": "rtsp://camera:hunter2@nursery/stream"},
    "rules": [
        {"name": "alarms", "listen": ["Safety alarm"], "threshold": 0.6, "repeat": 2},
        {"name": "baby", "listen": ["Baby cry, infant cry"], "quiet_hours": "12:00-14:00", "cool_down_seconds": 300},
    ],
    "mqtt": {"host": "broker.local", "user": "aed", "password": "correct horse"},
    "notify": {"urls": ["tgram://12345:SECRET/99"], "cool_down_seconds": 60},
    "web": {"host": "127.0.0.1", "port": 8765, "token": None},
    "retention": {"days": 14, "gigabytes": 2.0},
}


def mel_bands(power: np.ndarray) -> np.ndarray:
    """Mean power per mel band, in dB."""
    edges_mel = np.linspace(0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1) / (RATE_HZ / 2) * (len(power) - 1)
    bands = [power[int(low) : max(int(high), int(low) + 1)].mean() for low, high in zip(edges, edges[2:], strict=False)]
    return (10 * np.log10(np.maximum(bands, 1e-10))).astype(np.float32)


@dataclass
class MadeHome:
    """Everything behind a dashboard but the detector."""

    folder: Path
    sources: tuple[str, ...] = ("kitchen", "nursery")
    settings: dict[str, Any] = field(default_factory=lambda: SETTINGS)
    taxonomy: Taxonomy = field(default_factory=lambda: load_tree("home"))

    def __post_init__(self) -> None:
        self.bus, self.store, self.clips = Bus(), Store(self.folder), self.folder / "clips"
        self.clips.mkdir()
        self.generator = np.random.default_rng(7)
        self.opened: list[Source] = []
        self._number = 0

    def parts(self, **changed: Any) -> Parts:
        """What a dashboard of this home is made of."""
        parts = Parts(
            bus=self.bus,
            store=self.store,
            taxonomy=self.taxonomy,
            clips=self.clips,
            sources=self.sources,
            settings=self.settings,
            open_browser_source=self.listen_to,
            metrics=lambda: "# TYPE aed_events_total counter\naed_events_total 3\n",
        )
        return replace(parts, **changed)

    def sound(self, name: str) -> np.ndarray:
        """One of its kind, made by formula, as no other."""
        return 0.5 * SOUNDS[SOUND_OF.get(name, "rustle")](RATE_HZ, self.generator)

    def heard(
        self,
        name: str = "Dog",
        *,
        source: str = "kitchen",
        onset: datetime | None = None,
        outcome: Outcome = Outcome.REPORTED,
        reason: str = "reported by the rule 'pets': 0.82 is at least 0.50",
        rule: str | None = "pets",
        score: float = 0.82,
        with_clip: bool = True,
        clip_note: str = "",
        lasts: bool = False,
        label: str | None = None,
    ) -> HeardEvent:
        """An event, with a clip of true sound; not yet in the store."""
        onset = onset or datetime.now(UTC)
        self._number += 1
        event_id = f"{onset:%Y%m%dT%H%M%S}-{self._number:04d}"
        node = self.taxonomy.find(name)
        samples = np.concatenate([np.zeros(RATE_HZ // 2), self.sound(name), np.zeros(RATE_HZ // 2)])
        samples += 0.002 * self.generator.standard_normal(len(samples))
        if with_clip:
            soundfile.write(self.clips / f"{event_id}.flac", samples, RATE_HZ, format="FLAC")
        seconds = len(samples) / RATE_HZ - 1
        event = Event(
            onset_seconds=10.0,
            offset_seconds=10.0 + seconds,
            node=node,
            node_id=self.taxonomy.nodes[node].id,
            name=label or name,
            path=(*self.taxonomy.path_names(node)[:-1], label or name),
            score=score,
            beat="temporal_three" if "smoke" in name else None,
        )
        return HeardEvent(
            id=event_id,
            source=source,
            event=event,
            onset=onset,
            offset=None if lasts else onset + timedelta(seconds=seconds),
            level_dbfs=-18.4,
            outcome=outcome,
            rule=rule,
            reason=reason,
            clip=f"{event_id}.flac" if with_clip else None,
            clip_note=clip_note,
        )

    def publish(self, heard: HeardEvent, stage: EventStage = EventStage.OVER) -> HeardEvent:
        """Remember an event and tell of it, as the monitor does."""
        self.store.save(heard)
        self.bus.publish(EventMessage(stage, heard))
        return heard

    def probabilities(self, **of: float) -> np.ndarray:
        """P(node) with some nodes, their parents at least as likely, and a floor."""
        values = np.full(self.taxonomy.num_nodes, 0.01, dtype=np.float32)
        for name, value in of.items():
            for node in self.taxonomy.path(self.taxonomy.find(name)):
                values[node] = max(values[node], value)
        values[0] = 1.0
        return values

    def level(self, source: str, samples: np.ndarray, **probable: float) -> LevelMessage:
        """How some samples sound, and what they are probably of."""
        window = np.hanning(len(samples))
        power = np.abs(np.fft.rfft(samples * window)) ** 2 / (window.sum() / 2) ** 2
        level = 10 * np.log10(2 * np.mean(samples**2) + 1e-12)
        return LevelMessage(source, datetime.now(UTC), float(level), mel_bands(power), self.probabilities(**probable))

    def listen_to(self, source: Source) -> None:
        """As the service does: a thread that makes levels of a source."""
        self.opened.append(source)
        threading.Thread(target=self._listen, args=(source,), daemon=True).start()

    def _listen(self, source: Source) -> None:
        self.bus.publish(SourceMessage(source.name, datetime.now(UTC), SourceState.LISTENING, 0.0, ""))
        for piece in source.pieces():
            if len(piece.samples) > BANDS:
                self.bus.publish(self.level(source.name, piece.samples))
        self.bus.publish(SourceMessage(source.name, datetime.now(UTC), SourceState.ENDED, 0.0, "the browser stopped"))
