"""Enrolling a sound: prototypes from its clips, a threshold from recordings in which it is not.

The threshold is the lowest at which fewer than `wished rate x hours` events are heard in those recordings, one fewer: a
further hour of such sound then brings at most the wished rate on average (the events of exchangeable recordings are as
likely to be the next as to be among those heard). What can be promised with 95 % confidence is told beside it.

It is raised half-way to what the clips have in common (`LEAST_SHARE`) where that is higher. Without such recordings the
background is made by formula, and nothing can be promised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aed.audio.read import inspect, read_audio
from aed.audio.resample import Resampler
from aed.audio.synth import LOWEST_RATE_HZ, SOUNDS
from aed.audio.waves import coloured_noise, gain_from_db
from aed.detect.detector import DetectorConfig, FittedDetectorConfig
from aed.detect.embedded import embed_file, embed_samples
from aed.detect.enrolled import BackgroundSum, FloatArray, Prototypes, release_below, running_mean
from aed.detect.enrolled_files import EnrolledSound, check_name, model_digest, numbers_digest, pack
from aed.detect.promise import most_per_hour
from aed.detect.smooth import Smoother
from aed.detect.stretches import EventRows, count_runs
from aed.errors import AudioError, ConfigError
from aed.scorer.embedding import EmbeddingScorer
from aed.scorer.protocol import BlockLayout
from aed.timebase import rows_from_seconds, samples_from_seconds

ENROLLED_CONFIG = DetectorConfig(min_probability=0.5)
ENROLLED_MIN_EVENT_SECONDS = 0.08
"""How an enrolled sound is detected, however the model was calibrated: a half is its own threshold, and a row is
already the mean over as much as makes an event."""
MOST_CLIPS = 10
LONGEST_CLIP_SECONDS = 30.0
"""A longer one holds more than the sound."""
ACTIVE_RANGE_DB = 20.0
"""A row counts as the sound down to so much below the clip's loudest row."""
AROUND_SECONDS = 0.32
"""Of rows on both sides of the sound: they see it too, and a short sound is heard in no others."""
PADDING_SECONDS = 1.0
"""Of quiet noise put around a clip, so that a sound that fills it has rows around it as in a stream."""
PADDING_DBFS = -70.0
CANDIDATES: FloatArray = np.linspace(0.80, 0.0, 161, dtype=np.float32)
"""Thresholds that are tried, from the highest down."""
LEAST_SHARE = 0.5
"""A threshold lies at least so far up from the background to the enrolled clips' likeness to each other: a device that
always sounds the same then needs no help from luck in the recordings."""
MADE_OF_EACH = 4
"""Sounds by formula of each kind: some minutes in all, as many rows as a covariance needs."""
_MADE_PEAKS_DB = (-40.0, -3.0)
_SEED = 1
_SECONDS_AN_HOUR = 3600.0
Progress = Callable[[int, int], None]
"""Told of (recordings done, recordings in all)."""


@dataclass(frozen=True, eq=False)
class EnrolledClip:
    """A clip of the sound.

    Attributes:
        rows: Embeddings of the clip with quiet around it, (row, dim).
        active: Which rows the sound is in, or beside.
    """

    rows: FloatArray
    active: slice


@dataclass(frozen=True)
class Enrolment:
    """What is to be enrolled.

    Attributes:
        name: What people call it.
        under: Id or name of the node that it stands below.
        clips: Files, each with the sound in it once or more, and nothing else that is loud.
        against: Recordings in which it is not.
        most_per_hour: Wished false alarms an hour, on average.
    """

    name: str
    under: str
    clips: tuple[Path, ...]
    against: tuple[Path, ...] = ()
    most_per_hour: float = 1.0


def enroll(
    scorer: EmbeddingScorer, model: Path, enrolment: Enrolment, progress: Progress = lambda done, total: None
) -> tuple[EnrolledSound, Prototypes]:
    """Enroll a sound; nothing is written.

    Args:
        scorer: The model, without enrolled sounds.
        model: Where it lies, to name its weights.
        enrolment: What.
        progress: Told of each recording.

    Raises:
        AudioError: A file cannot be read, or a clip is too long or without sound.
        ConfigError: There are too few or too many clips.
        OntologyError: The tree has no such node.
    """
    node = scorer.taxonomy.nodes[scorer.taxonomy.find(enrolment.under)]
    clips, layout = [embed_clip(scorer, path) for path in _checked(enrolment)], scorer.layout
    others = _embed_all(scorer, enrolment.against, progress) or _made_rows(scorer)
    hours = sum(map(len, others)) * layout.row_seconds / _SECONDS_AN_HOUR if enrolment.against else 0.0
    prototypes = learn(clips, others)
    alike = [smoothed(rows, layout) for rows in likeness_to_others(prototypes, clips)]
    counts = np.zeros(len(CANDIDATES), dtype=np.int64)
    for rows in others:
        counts += count_at_candidates(smoothed(prototypes.similarity(as_float32(rows)), layout), layout)
    threshold = choose_threshold(counts, hours, enrolment.most_per_hour, alike)
    false_alarms = sum(_heard_in(others, prototypes, threshold, layout)) if hours else None
    heard_again = [events_heard(rows, threshold, layout) > 0 for rows in alike if len(clips) > 1]
    sound = EnrolledSound(
        weights=model_digest(model),
        name=check_name(enrolment.name),
        under=node.id,
        under_name=node.name,
        clips=tuple(path.name for path in enrolment.clips),
        threshold=threshold,
        heard_again=sum(heard_again) if heard_again else None,
        false_alarms=false_alarms,
        hours=round(hours, 4),
        most_per_hour=None if false_alarms is None else most_per_hour(false_alarms, hours),
        numbers=numbers_digest(pack(prototypes)),
    )
    return sound, prototypes


def embed_clip(scorer: EmbeddingScorer, path: Path) -> EnrolledClip:
    """Embed a clip of a sound, with quiet noise around it.

    Raises:
        AudioError: It cannot be read, is too long, or nothing sounds in it.
    """
    if (seconds := inspect(path).seconds) > LONGEST_CLIP_SECONDS:
        raise AudioError(
            f"{path}: {seconds:.0f} s are too long for one sound, at most {LONGEST_CLIP_SECONDS:.0f} s; cut it out"
        )
    rate_hz = scorer.layout.rate_hz
    samples = read_audio(path, rate_hz)
    if not np.any(samples):
        raise AudioError(f"{path}: nothing sounds in it; record the sound again")
    padding = samples_from_seconds(PADDING_SECONDS, rate_hz)
    padded = np.pad(samples, padding)
    noise = coloured_noise(len(padded), np.random.default_rng(_SEED), 1.0) * gain_from_db(PADDING_DBFS)
    padded = (padded + noise).astype(np.float32)
    return EnrolledClip(embed_samples(scorer, padded), active_rows(padded, scorer.layout))


def active_rows(samples: np.ndarray, layout: BlockLayout) -> slice:
    """Rows from the first to the last that is nearly as loud as the loudest, and some around, of `(samples,)`."""
    row = layout.row_samples
    whole = np.pad(samples, (0, -len(samples) % row)).reshape(-1, row)
    power = np.square(whole, dtype=np.float64).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * gain_from_db(-ACTIVE_RANGE_DB) ** 2)
    around = rows_from_seconds(AROUND_SECONDS, layout.row_seconds)
    return slice(max(0, int(loud[0]) - around), int(loud[-1]) + 1 + around)


def learn(clips: Sequence[EnrolledClip], others: Sequence[np.ndarray]) -> Prototypes:
    """Make the prototypes of a sound from the rows in which its clips sound, and rows of other sounds, (row, dim)."""
    collected = BackgroundSum(clips[0].rows.shape[1])
    for rows in others:
        collected.add(as_float32(rows))
    active = np.concatenate([clip.rows[clip.active] for clip in clips])
    return Prototypes.of(collected.background(), active, map(as_float32, others))


def likeness_to_others(prototypes: Prototypes, clips: Sequence[EnrolledClip]) -> Iterator[FloatArray]:
    """Yield how like the other clips each clip is, row by row; like itself where it is the only one."""
    of_clip = np.repeat(np.arange(len(clips)), [len(clip.rows[clip.active]) for clip in clips])
    of_prototype = of_clip[prototypes.kept]
    for number, clip in enumerate(clips):
        others = of_prototype != number if len(clips) > 1 else of_prototype == number
        yield prototypes.only(others).similarity(clip.rows)


def smoothed(likeness: FloatArray, layout: BlockLayout) -> FloatArray:
    """Average likeness, (row,), then smooth it as the detector smooths probabilities, which keep its order."""
    averaged = running_mean(layout.row_seconds).push(likeness[:, None])
    config = _fitted(layout)
    length = rows_from_seconds(config.smoothing_seconds, layout.row_seconds)
    smoother = Smoother(config.smoothing, max(1, length + (1 - length % 2)))
    return np.concatenate([smoother.push(averaged), smoother.flush()])[:, 0]


def _fitted(layout: BlockLayout) -> FittedDetectorConfig:
    """Settings of the detector for an enrolled sound: smoothed as all else, since the detector smooths once."""
    shortest = ENROLLED_CONFIG.with_changes(min_event_seconds=ENROLLED_MIN_EVENT_SECONDS)
    return shortest.for_window(layout.window_seconds)


def as_float32(rows: np.ndarray) -> FloatArray:
    """Rows of other sounds as they are compared; they are kept in half the memory."""
    return rows.astype(np.float32)


def count_at_candidates(likeness: FloatArray, layout: BlockLayout) -> np.ndarray:
    """Count the events that a recording would bring at each of `CANDIDATES`, (threshold,) int64."""
    config = _fitted(layout)
    event, highest = EventRows.of(config, layout.row_seconds), likeness.max(initial=-np.inf)
    return np.array(
        [
            count_runs(likeness, at, release_below(float(at), config.release_ratio), event) if at <= highest else 0
            for at in CANDIDATES
        ]
    )


def threshold_place(counts: np.ndarray, hours: float, wished_per_hour: float) -> int:
    """Find the place of the lowest candidate that keeps the wish on average, all higher ones keeping it too."""
    allowed = max(0, int(wished_per_hour * hours) - 1)
    too_many = np.flatnonzero(counts > allowed)
    return max(0, int(too_many[0]) - 1) if len(too_many) else len(counts) - 1


def choose_threshold(counts: np.ndarray, hours: float, wished_per_hour: float, alike: Sequence[FloatArray]) -> float:
    """Choose a threshold.

    Args:
        counts: False alarms at each of `CANDIDATES`, (threshold,).
        hours: In how much sound.
        wished_per_hour: Wished rate, on average.
        alike: How like the other clips each enrolled clip is, smoothed, each (row,).
    """
    by_counting = float(CANDIDATES[threshold_place(counts, hours, wished_per_hour)])
    return max(by_counting, LEAST_SHARE * min(float(rows.max()) for rows in alike))


def events_heard(likeness: FloatArray, threshold: float, layout: BlockLayout) -> int:
    """Count the events in smoothed likeness, (row,)."""
    released = release_below(threshold, ENROLLED_CONFIG.release_ratio)
    return count_runs(likeness, threshold, released, EventRows.of(_fitted(layout), layout.row_seconds))


def _heard_in(
    others: Sequence[np.ndarray], prototypes: Prototypes, threshold: float, layout: BlockLayout
) -> Iterator[int]:
    for rows in others:
        yield events_heard(smoothed(prototypes.similarity(as_float32(rows)), layout), threshold, layout)


def _checked(enrolment: Enrolment) -> tuple[Path, ...]:
    if not 1 <= len(enrolment.clips) <= MOST_CLIPS:
        raise ConfigError(
            f"expected 1 to {MOST_CLIPS} clips of '{enrolment.name}', got {len(enrolment.clips)}; three are a start"
        )
    if enrolment.most_per_hour <= 0:
        raise ConfigError(f"false alarms an hour must be above 0, got {enrolment.most_per_hour:g}")
    if twice := {path for path in enrolment.clips if path in enrolment.against}:
        raise ConfigError(f"{min(twice)} is a clip of the sound, and named as a recording without it: take one away")
    return enrolment.clips


def _embed_all(scorer: EmbeddingScorer, paths: Sequence[Path], progress: Progress) -> list[np.ndarray]:
    """Embed recordings, each (row, dim) float16: a night of 8 hours takes about 90 MB."""
    found = []
    for done, path in enumerate(paths):
        progress(done, len(paths))
        rows = np.concatenate([part.astype(np.float16) for part in embed_file(scorer, path)])
        found += [rows] if len(rows) else []
    return found


def _made_rows(scorer: EmbeddingScorer) -> list[np.ndarray]:
    return [embed_samples(scorer, samples).astype(np.float16) for samples in _made_sounds(scorer.layout.rate_hz)]


def _made_sounds(rate_hz: int) -> Iterator[np.ndarray]:
    """Sounds by formula at many levels, where nobody names recordings: a stand-in for a household."""
    generator, made_at = np.random.default_rng(_SEED), max(rate_hz, LOWEST_RATE_HZ)
    for make in [make for make in SOUNDS.values() for _ in range(MADE_OF_EACH)]:
        sound = make(made_at, generator) * gain_from_db(generator.uniform(*_MADE_PEAKS_DB))
        resampler = Resampler(made_at, rate_hz)
        yield np.concatenate([resampler.push(sound.astype(np.float32)), resampler.flush()])
