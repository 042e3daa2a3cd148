"""How fast this machine trains: a recipe on clips made by formula, as `aed train` does it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest.mock import patch

import numpy as np
import soundfile
import torch

from aed.audio.synth import SOUNDS
from aed.bench.apart import measured_apart
from aed.data.batches import Batch, StepBatches
from aed.encoder.cnn import Size
from aed.train.recipe import Recipe
from aed.train.run import RunOptions, train_run

STEPS, WARM_UP_STEPS = 20, 5
"""Counted, and before those: memory is taken and kernels are chosen."""
BATCH_SIZE, CLIP_SECONDS = 32, 5
_LABELS = ("dog_bark", "siren", "smoke_alarm", "glass_breaking")
_CLIPS_PER_LABEL = 8
_RATE_HZ = 16_000
_NOISE_LEVEL, _SOUND_LEVEL = 0.01, 0.5


@dataclass(frozen=True)
class TrainingCost:
    """What training takes, without unlabelled clips.

    Attributes:
        size: Of the encoder.
        threads: Threads that PyTorch may use.
        batch_size: Clips in a step.
        clip_seconds: Length of a clip.
        steps: How many were counted.
        clips_per_second: By the clock.
        clips_per_core_second: In a second of processor time, of all threads together.
        waiting_share: Share of the time by the clock in which the next batch was made, and nothing learned.
    """

    size: str
    threads: int
    batch_size: int
    clip_seconds: float
    steps: int
    clips_per_second: float
    clips_per_core_second: float
    waiting_share: float


def training_cost(size: Size, threads: int) -> TrainingCost:
    """Measure in a process of its own, and keep nothing.

    Raises:
        ModelError: It failed.
    """
    with TemporaryDirectory() as cache:
        return TrainingCost(**measured_apart("training", [size, str(threads)], threads, AED_CACHE=cache))


def measure_training(size: Size, threads: int, steps: int = STEPS) -> TrainingCost:
    """Train in this process."""
    torch.set_num_threads(threads)
    watch = _Watch(WARM_UP_STEPS, WARM_UP_STEPS + steps)
    with TemporaryDirectory() as name, watch.batches():
        recipe = _recipe(_write_clips(Path(name)), size, WARM_UP_STEPS + steps)
        train_run(recipe, None, None, RunOptions(Path(name) / "run", accelerator="cpu"), watch)
    return TrainingCost(
        size=size,
        threads=threads,
        batch_size=BATCH_SIZE,
        clip_seconds=CLIP_SECONDS,
        steps=steps,
        clips_per_second=steps * BATCH_SIZE / watch.seconds,
        clips_per_core_second=steps * BATCH_SIZE / watch.core_seconds,
        waiting_share=watch.waiting_seconds / watch.seconds,
    )


class _Watch:
    """A listener that notes how long the counted steps took, and how long their batches.

    Args:
        first: Steps before the first one that counts.
        last: Steps after which the counting ends.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self.seconds = self.core_seconds = self.waiting_seconds = 0.0

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""

    def on_start(self, *what: object) -> None:
        """Training begins."""

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        sign = {self._first: -1, self._last: 1}.get(done, 0)
        self.seconds += sign * time.perf_counter()
        self.core_seconds += sign * time.process_time()

    @contextmanager
    def batches(self) -> Iterator[None]:
        """Time every batch that is made; the loop makes them itself, so it waits as long as that takes."""
        make = StepBatches.__getitem__

        def timed(batches: StepBatches, step: int) -> Batch:
            began = time.perf_counter()
            batch = make(batches, step)
            self.waiting_seconds += (time.perf_counter() - began) * (step >= self._first)
            return batch

        with patch.object(StepBatches, "__getitem__", timed):
            yield


def _write_clips(folder: Path) -> Path:
    """Write noisy clips with a sound of their label in each; returns the manifest."""
    rows = ["path,labels"]
    for number in range(_CLIPS_PER_LABEL * len(_LABELS)):
        label, generator = _LABELS[number % len(_LABELS)], np.random.default_rng(number)
        samples = generator.normal(0, _NOISE_LEVEL, CLIP_SECONDS * _RATE_HZ)
        sound = SOUNDS[label](_RATE_HZ, generator)[: len(samples)]
        samples[: len(sound)] += _SOUND_LEVEL * sound
        soundfile.write(folder / f"{number}.wav", samples, _RATE_HZ)
        rows.append(f"{number}.wav,{label}")
    manifest = folder / "clips.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


def _recipe(manifest: Path, size: Size, steps: int) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "bench",
            "title": "Clips made by formula",
            "data": {
                "source": f"csv:{manifest}",
                "label_map": "demo",
                "folds": "none",
                "clip_seconds": CLIP_SECONDS,
            },
            "model": {"encoder": {"name": "cnn", "size": size}},
            "optim": {"steps": steps, "batch_size": BATCH_SIZE},
        }
    )


if __name__ == "__main__":
    named, number = sys.argv[1:]
    print(json.dumps(asdict(measure_training(cast(Size, named), int(number)))))
