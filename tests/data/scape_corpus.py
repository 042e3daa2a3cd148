"""Small sources for scenes: beeps as events, noise as backgrounds, several clips of one content group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 4_000
EVENT_LABELS = ("Dog", "Siren")
GROUPS = 6
LABEL_MAP = """\
dataset: rooms
task: single
exhaustive: [Dog]
labels:
  Dog: Dog
  Siren: Siren
  room: {none: true}
  water: Rain
  bark: Bark
"""


def write_sources(folder: Path) -> tuple[Path, Path]:
    """Two manifests and `labels.yaml`: events (beep, pause, beep, silence) and backgrounds (3 s of noise)."""
    generator = np.random.default_rng(0)
    events, backgrounds = ["path,labels,fold,group"], ["path,labels,fold,group"]
    for number in range(2 * len(EVENT_LABELS) * GROUPS):
        label, group = EVENT_LABELS[number % 2], f"g{number // 2 % GROUPS}{number % 2}"
        events.append(f"e{number}.wav,{label},{number // 2 % GROUPS % 3 + 1},{group}")
        write(folder / "events" / f"e{number}.wav", event(generator))
    for number in range(GROUPS):
        backgrounds.append(f"b{number}.wav,room,{number % 3 + 1},r{number}")
        write(folder / "rooms" / f"b{number}.wav", 0.05 * generator.standard_normal(3 * RATE_HZ))
    for name, rows in (("events", events), ("rooms", backgrounds)):
        (folder / name / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "labels.yaml").write_text(LABEL_MAP)
    return folder / "events" / "clips.csv", folder / "rooms" / "clips.csv"


def event(generator: np.random.Generator) -> np.ndarray:
    beep = 0.3 * np.sin(2 * np.pi * 500 * np.arange(int(0.3 * RATE_HZ)) / RATE_HZ + generator.uniform(0, 6))
    return np.concatenate([beep, np.zeros(int(0.8 * RATE_HZ)), 0.5 * beep, np.zeros(RATE_HZ)])


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ)
