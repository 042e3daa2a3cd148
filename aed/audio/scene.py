"""Recordings made by formula: the demo's corpus to train on (a folder of folders), and its scene to detect in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from aed.audio.synth import LONGEST_SECONDS, SCENE_ONLY_OTHER_SOUNDS, SOUNDS, TARGET_SOUNDS, TRAINING_OTHER_SOUNDS
from aed.audio.waves import Wave, add_at, coloured_noise, gain_from_db
from aed.storage import write_atomic
from aed.timebase import samples_from_seconds, seconds_from_samples

RATE_HZ = 16_000
NONE_LABEL = "none_of_these"
SILENCE = "silence"
CLIP_SECONDS = LONGEST_SECONDS
# None of these is many sounds in one label: it gets this many times the clips of a target.
NONE_CLIPS_FACTOR = 2

# Peak of a sound and root mean square of the background, in dB relative to full scale.
CLIP_PEAK_DB = (-24.0, -1.0)
CLIP_BACKGROUND_DB = (-75.0, -45.0)
SCENE_PEAK_DB = (-15.0, -3.0)
SCENE_BACKGROUND_DB = -58.0

# Between two things of the scene: long enough that a detector's window of a second sees them apart.
GAP_SECONDS = (1.2, 1.8)
SILENCE_SECONDS = 4.0
REPEATED_TARGETS = 2
HEARD_OTHERS = 3
SILENCES = 2


@dataclass(frozen=True)
class SceneEvent:
    """One thing in the scene.

    Attributes:
        onset_seconds: Where it starts.
        offset_seconds: Where it ends.
        label: Its label in the corpus: a target, or `NONE_LABEL`.
        sound: Which sound it is: a key of `SOUNDS`, or "silence" (samples that are exactly zero).
    """

    onset_seconds: float
    offset_seconds: float
    label: str
    sound: str

    @property
    def is_target(self) -> bool:
        """Whether a detector should report it."""
        return self.label != NONE_LABEL


def write_demo_corpus(folder: Path, clips_per_class: int, generator: np.random.Generator) -> list[Path]:
    """Write the training clips: 16 kHz mono WAV of three seconds, `<label>/<label>_003.wav`.

    Args:
        folder: Where to put one folder per label; made if missing, files of the same name are replaced.
        clips_per_class: Clips of each target; `NONE_LABEL` gets `NONE_CLIPS_FACTOR` times as many.
        generator: Draws everything; each clip has a child of its own: more clips leave the earlier ones as they were.

    Returns:
        The files, in order of label and number.

    Raises:
        StorageError: A file cannot be written.
    """
    paths = []
    for label, label_generator in zip(
        (*TARGET_SOUNDS, NONE_LABEL), generator.spawn(len(TARGET_SOUNDS) + 1), strict=True
    ):
        count = clips_per_class * (NONE_CLIPS_FACTOR if label == NONE_LABEL else 1)
        for number, clip_generator in enumerate(label_generator.spawn(count)):
            path = folder / label / f"{label}_{number:03d}.wav"
            write_wav(path, clip_with(_corpus_sound(label, number), clip_generator))
            paths.append(path)
    return paths


def write_demo_scene(path: Path, generator: np.random.Generator) -> list[SceneEvent]:
    """Write a scene of 60-90 s: targets, other sounds and dead silence in a quiet background.

    The truth lies beside it as TSV. Every target occurs, and so does every other sound that training never hears.

    Args:
        path: The WAV file; the truth goes to the same name with `.tsv`. Their folder is made if missing.
        generator: Draws everything.

    Returns:
        What is in the scene, in order of time, non-targets and silence too.

    Raises:
        StorageError: A file cannot be written.
    """
    pieces = list(_scene_pieces(generator))
    gaps = [samples_from_seconds(generator.uniform(*GAP_SECONDS), RATE_HZ) for _ in range(len(pieces) + 1)]
    scene = gain_from_db(SCENE_BACKGROUND_DB) * coloured_noise(
        sum(len(samples) for _, samples in pieces) + sum(gaps), generator, 1.0
    )
    events, at = [], 0
    for gap, (sound, samples) in zip(gaps, pieces, strict=False):
        at += gap
        span = slice(at, at + len(samples))
        scene[span] = 0.0 if sound == SILENCE else scene[span] + samples
        at += len(samples)
        events.append(_event(sound, span))
    write_wav(path, scene)
    _write_truth(path.with_suffix(".tsv"), events)
    return events


def _corpus_sound(label: str, number: int) -> str:
    """Which sound clip `number` of a label holds; none of these goes through silence and its sounds in turn."""
    if label != NONE_LABEL:
        return label
    others = (SILENCE, *TRAINING_OTHER_SOUNDS)
    return others[number % len(others)]


def clip_with(sound: str, generator: np.random.Generator) -> Wave:
    """Make a clip of three seconds: a sound of `SOUNDS`, or "silence", somewhere in a quiet background.

    Returns:
        `(samples,)` at `RATE_HZ`.
    """
    samples = samples_from_seconds(CLIP_SECONDS, RATE_HZ)
    background_db, slope = generator.uniform(*CLIP_BACKGROUND_DB), generator.uniform(0.0, 1.5)
    clip = gain_from_db(background_db) * coloured_noise(samples, generator, slope)
    if sound != SILENCE:
        wave = gain_from_db(generator.uniform(*CLIP_PEAK_DB)) * SOUNDS[sound](RATE_HZ, generator).astype(np.float64)
        latest_seconds = seconds_from_samples(max(0, samples - len(wave)), RATE_HZ)
        add_at(clip, wave, generator.uniform(0.0, latest_seconds), RATE_HZ)
    return clip


def _scene_pieces(generator: np.random.Generator) -> Iterator[tuple[str, Wave]]:
    """Name and samples of each thing in the scene."""
    for name in _scene_order(generator):
        if name == SILENCE:
            yield SILENCE, np.zeros(samples_from_seconds(SILENCE_SECONDS, RATE_HZ))
        else:
            wave = SOUNDS[name](RATE_HZ, generator).astype(np.float64)
            yield name, gain_from_db(generator.uniform(*SCENE_PEAK_DB)) * wave


def _scene_order(generator: np.random.Generator) -> list[str]:
    """What the scene holds, in random order but never the same thing twice in a row: they would be one event."""
    repeated = generator.choice(list(TARGET_SOUNDS), REPEATED_TARGETS, replace=False)
    heard = generator.choice(list(TRAINING_OTHER_SOUNDS), HEARD_OTHERS, replace=False)
    names = [*TARGET_SOUNDS, *repeated, *heard, *SCENE_ONLY_OTHER_SOUNDS, *[SILENCE] * SILENCES]
    while True:
        order = [str(name) for name in generator.permutation(names)]
        if all(first != second for first, second in pairwise(order)):
            return order


def _event(sound: str, span: slice) -> SceneEvent:
    label = sound if sound in TARGET_SOUNDS else NONE_LABEL
    return SceneEvent(seconds_from_samples(span.start, RATE_HZ), seconds_from_samples(span.stop, RATE_HZ), label, sound)


def write_wav(path: Path, samples: npt.NDArray[np.floating]) -> None:
    """Write `(samples,)` at `RATE_HZ` as a WAV file of 16 bits.

    Raises:
        StorageError: The file cannot be written.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, np.clip(samples, -1.0, 1.0), RATE_HZ, format="WAV", subtype="PCM_16")
    write_atomic(path, encoded.getvalue())


def _write_truth(path: Path, events: Iterable[SceneEvent]) -> None:
    table = io.StringIO()
    rows = csv.writer(table, delimiter="\t", lineterminator="\n")
    rows.writerow(field.name for field in fields(SceneEvent))
    rows.writerows(astuple(event) for event in events)
    write_atomic(path, table.getvalue())
