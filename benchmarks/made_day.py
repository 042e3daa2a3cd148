"""A day in a made home, and its life: what the page looks like when things happen.

`python -m benchmarks.made_day` from the checkout serves it, to look at the page without a model.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from aed.monitor.memory.store import Mark, Verdict
from aed.monitor.messages import EventStage, HealthMessage, HeardEvent, Outcome, SourceMessage, SourceState
from aed.monitor.web.config import WebConfig
from aed.monitor.web.dashboard import Dashboard
from benchmarks.made_home import RATE_HZ, MadeHome

LEVEL_SECONDS = 0.2
STEP_SAMPLES = round(LEVEL_SECONDS * RATE_HZ)
TICKS_BETWEEN = 45
"""Nine seconds from one sound of a source to its next."""
SCENES = {"kitchen": ("Dog", "Doorbell", "Knock"), "nursery": ("Baby cry, infant cry", "Bird")}
SMOKE, BABY = "Smoke detector, smoke alarm", "Baby cry, infant cry"
PAST: Sequence[tuple[float, str, str, str, str | None, str, float]] = (
    (23.1, "Bird", "nursery", "held back", None, "no rule is about Bird", 0.71),
    (22.4, "Bird", "nursery", "held back", None, "no rule is about Bird", 0.77),
    (21.5, "Dog", "kitchen", "reported", "pets", "rule 'pets': 0.91 is at least 0.50", 0.91),
    (19.0, BABY, "nursery", "reported", "baby", "rule 'baby': 0.88 is at least 0.60", 0.88),
    (18.8, BABY, "nursery", "held back", "baby", "rule 'baby': told 212 s ago, cool-down 300 s", 0.81),
    (16.2, "Siren", "kitchen", "reported", "outside", "rule 'outside': 0.64 is at least 0.60", 0.64),
    (14.9, "Doorbell", "kitchen", "reported", "door", "rule 'door': 0.93 is at least 0.70", 0.93),
    (14.1, "Speech", "kitchen", "held back", None, "no rule is about Speech", 0.97),
    (12.0, "Rain", "nursery", "held back", None, "no rule is about Rain", 0.66),
    (10.5, "Rain", "nursery", "held back", None, "no rule is about Rain", 0.69),
    (8.2, "Dog", "kitchen", "held back", "pets", "rule 'pets': quiet hours 22:00-07:00", 0.84),
    (6.0, "Knock", "kitchen", "reported", "door", "rule 'door': 0.79 is at least 0.70", 0.79),
    (4.3, BABY, "nursery", "reported", "baby", "rule 'baby': 0.95 is at least 0.60", 0.95),
    (3.1, "Speech", "kitchen", "held back", None, "no rule is about Speech", 0.94),
    (2.2, "Shatter", "kitchen", "held back", "glass", "rule 'glass': 0.58 is below 0.70", 0.58),
    (1.3, "Doorbell", "kitchen", "reported", "door", "rule 'door': 0.96 is at least 0.70", 0.96),
    (0.45, "Dog", "kitchen", "reported", "pets", "rule 'pets': 0.86 is at least 0.50", 0.86),
    (0.12, SMOKE, "kitchen", "reported", "alarms", "rule 'alarms': 0.98 is at least 0.60", 0.98),
)  # fmt: skip
TROUBLES = (
    (312, False, "the connection to rtsp://nursery/stream broke: trying again"),
    (311, True, "the connection is back; 8.4 s were lost"),
)


def fill(home: MadeHome, now: datetime) -> None:
    """A day in the life of this home."""
    for hours_ago, name, source, outcome, rule, reason, score in PAST:
        seconds = float(home.generator.uniform(-900, 900)) if hours_ago > 0.5 else 0.0
        onset = now - timedelta(hours=hours_ago, seconds=seconds)
        kept = name != "Speech"
        note = "" if kept else "speech is likely: not kept"
        heard = home.heard(
            name,
            source=source,
            onset=onset,
            outcome=Outcome(outcome),
            rule=rule,
            reason=reason,
            score=score,
            with_clip=kept,
            clip_note=note,
        )
        home.store.save(heard)
        if name == "Bird":
            home.store.mark(Mark(heard.id, Verdict.RIGHT, None, now))
        if name == "Siren":
            home.store.mark(Mark(heard.id, Verdict.OTHER, home.taxonomy.nodes[home.taxonomy.find("Music")].id, now))
    for minutes, is_over, message in TROUBLES:
        trouble = HealthMessage("nursery", now - timedelta(minutes=minutes), "lost", is_over, message)
        home.store.note_health(trouble)
    dead = "every sample is exactly 0: the microphone is muted, unplugged or broken; this is not silence"
    home.store.note_health(HealthMessage("kitchen", now - timedelta(minutes=44), "dead", False, dead))
    home.store.note_health(HealthMessage("kitchen", now - timedelta(minutes=43), "dead", True, "is over"))


class Life(threading.Thread):
    """Sources that sound: background, now and then something that a detector would hear."""

    def __init__(self, home: MadeHome) -> None:
        super().__init__(daemon=True)
        self._home, self._is_over = home, threading.Event()
        self._begun: dict[str, HeardEvent] = {}
        self._playing: dict[str, np.ndarray | None] = {}

    def close(self) -> None:
        """End it."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Publish levels and events until closed."""
        for source in self._home.sources:
            self._home.bus.publish(SourceMessage(source, datetime.now(UTC), SourceState.LISTENING, 0.0, ""))
        ticks, started = 0, time.monotonic()
        while not self._is_over.is_set():
            for place, source in enumerate(self._home.sources):
                self._tick(source, ticks, (ticks + 25 * place) % TICKS_BETWEEN == 8)
            ticks += 1
            self._is_over.wait(max(0.0, started + ticks * LEVEL_SECONDS - time.monotonic()))

    def _tick(self, source: str, ticks: int, is_time: bool) -> None:
        home, samples = self._home, self._playing.get(source)
        if samples is None and is_time:
            names = SCENES.get(source, ("Dog",))
            samples = self._begin(names[ticks // TICKS_BETWEEN % len(names)], source)
        if samples is not None and not len(samples):
            self._end(source)
            samples = None
        chunk = samples[:STEP_SAMPLES] if samples is not None else np.zeros(0, dtype=np.float32)
        self._playing[source] = None if samples is None else samples[STEP_SAMPLES:]
        likely = {self._begun[source].event.name: 0.6 + 0.35 * float(home.generator.random())} if len(chunk) else {}
        quiet = {"Speech": float(home.generator.uniform(0.02, 0.3)), "Rain": 0.08}
        home.bus.publish(home.level(source, self._noise_and(chunk), **quiet, **likely))

    def _noise_and(self, chunk: np.ndarray) -> np.ndarray:
        rumble = np.cumsum(self._home.generator.standard_normal(STEP_SAMPLES)) * 0.0004
        sound: np.ndarray = rumble - rumble.mean() + 0.0015 * self._home.generator.standard_normal(STEP_SAMPLES)
        sound[: len(chunk)] += chunk
        return sound

    def _begin(self, name: str, source: str) -> np.ndarray:
        told = name != "Bird"
        reason = "reported: 0.86 is at least 0.60" if told else "no rule is about Bird"
        outcome = Outcome.REPORTED if told else Outcome.HELD_BACK
        heard = self._home.heard(name, source=source, outcome=outcome, reason=reason, rule="sounds" if told else None)
        self._begun[source] = heard
        self._home.publish(replace(heard, offset=None, clip=None), EventStage.BEGUN)
        return self._home.sound(name)

    def _end(self, source: str) -> None:
        self._home.publish(replace(self._begun.pop(source), offset=datetime.now(UTC)), EventStage.OVER)


def serve(port: int) -> None:
    """Serve the page of a made home until it is interrupted."""
    with TemporaryDirectory() as folder:
        home = MadeHome(Path(folder))
        fill(home, datetime.now(UTC))
        dashboard = Dashboard(home.parts(), WebConfig(port=port))
        dashboard.start()
        Life(home).start()
        print(dashboard.address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8765)
    serve(parser.parse_args().port)
