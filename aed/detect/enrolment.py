"""Enrolling a sound: prototypes from its clips, a threshold from recordings in which it is not.

The threshold is the lowest at which fewer than `wished rate x hours` events are heard in those recordings, one fewer: a
further hour of such sound then brings at most the wished rate on average (the events of exchangeable recordings are as
likely to be the next as to be among those heard). What can be promised with 95 % confidence is told beside it.

Without such recordings the background is made by formula, and nothing can be promised: the threshold then lies as much
below the enrolled clips' likeness to each other as `UNSURE_MARGIN` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aed.audio.read import inspect, read_audio
from aed.audio.resample import Resampler
from aed.audio.synth import LOWEST_RATE_HZ, SOUNDS
from aed.audio.waves import coloured_noise, gain_from_db
from aed.detect.detector import DetectorConfig, FittedDetectorConfig
from aed.detect.embedded import embed_file, embed_samples
from aed.detect.enrolled import Background, BackgroundSum, FloatArray, Prototypes, release_below
from aed.detect.enrolled_files import EnrolledSound, check_name, model_digest, numbers_digest, pack
from aed.detect.promise import most_per_hour
from aed.detect.smooth import Smoother
from aed.detect.stretches import EventRows, count_runs
from aed.errors import AudioError, ConfigError
from aed.scorer.embedding import EmbeddingScorer
from aed.timebase import rows_from_seconds, samples_from_seconds

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
CANDIDATES: FloatArray = np.linspace(0.98, 0.20, 157, dtype=np.float32)
"""Thresholds that are tried, from the highest down."""
UNSURE_MARGIN = 0.10
UNSURE_LEAST, UNSURE_MOST = 0.45, 0.80
"""Between which a threshold lies that no recordings of other sounds speak for."""
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
    clips = [embed_clip(scorer, path) for path in _checked(enrolment)]
    total = 2 * len(enrolment.against)
    background = _background(scorer, enrolment.against, lambda done: progress(done, total))
    prototypes = prototypes_of(background, clips)
    config = DetectorConfig().for_window(scorer.layout.window_seconds)
    half = len(enrolment.against)
    counts, hours = np.zeros(len(CANDIDATES), dtype=np.int64), 0.0
    for done, path in enumerate(enrolment.against):
        progress(half + done, total)
        likeness = smoothed(_likeness(scorer, prototypes, path), scorer.layout.row_seconds, config)
        counts += count_at_candidates(likeness, scorer.layout.row_seconds, config)
        hours += len(likeness) * scorer.layout.row_seconds / _SECONDS_AN_HOUR
    alike = likeness_to_others(background, clips, scorer.layout.row_seconds, config)
    place = threshold_place(counts, hours, enrolment.most_per_hour) if hours else None
    threshold = _unsure_threshold(alike) if place is None else float(CANDIDATES[place])
    false_alarms = None if place is None else int(counts[place])
    heard_again = [is_heard(rows, threshold, scorer.layout.row_seconds, config) for rows in alike if len(clips) > 1]
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
    return EnrolledClip(embed_samples(scorer, padded), _active(padded, scorer))


def prototypes_of(background: Background, clips: Sequence[EnrolledClip]) -> Prototypes:
    """Make the prototypes of a sound from the rows in which its clips sound."""
    return Prototypes.of(background, np.concatenate([clip.rows[clip.active] for clip in clips]))


def likeness_to_others(
    background: Background, clips: Sequence[EnrolledClip], row_seconds: float, config: FittedDetectorConfig
) -> list[FloatArray]:
    """How like the other clips each clip is, row by row, smoothed; like itself where it is the only one."""
    found = []
    for clip in clips:
        others = [other for other in clips if other is not clip] or [clip]
        likeness = prototypes_of(background, others).similarity(clip.rows)
        found.append(smoothed([likeness], row_seconds, config))
    return found


def smoothed(rows: Iterable[FloatArray], row_seconds: float, config: FittedDetectorConfig) -> FloatArray:
    """Smooth likeness over time as the detector smooths probabilities, which keep its order: (row,)."""
    length = rows_from_seconds(config.smoothing_seconds, row_seconds)
    smoother = Smoother(config.smoothing, max(1, length + (1 - length % 2)))
    parts = [smoother.push(part[:, None]) for part in rows if len(part)]
    return np.concatenate([*parts, smoother.flush()])[:, 0] if parts else np.zeros(0, dtype=np.float32)


def count_at_candidates(likeness: FloatArray, row_seconds: float, config: FittedDetectorConfig) -> np.ndarray:
    """Count the events that a recording would bring at each of `CANDIDATES`, (threshold,) int64."""
    event = EventRows.of(config, row_seconds)
    highest = likeness.max(initial=-1.0)
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


def is_heard(likeness: FloatArray, threshold: float, row_seconds: float, config: FittedDetectorConfig) -> bool:
    """Whether an event is heard in smoothed likeness, (row,)."""
    released = release_below(threshold, config.release_ratio)
    return count_runs(likeness, threshold, released, EventRows.of(config, row_seconds)) > 0


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


def _active(samples: np.ndarray, scorer: EmbeddingScorer) -> slice:
    """Rows from the first to the last that is nearly as loud as the loudest, and some around."""
    row = scorer.layout.row_samples
    whole = np.pad(samples, (0, -len(samples) % row)).reshape(-1, row)
    power = np.square(whole, dtype=np.float64).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * gain_from_db(-ACTIVE_RANGE_DB) ** 2)
    around = rows_from_seconds(AROUND_SECONDS, scorer.layout.row_seconds)
    return slice(max(0, int(loud[0]) - around), int(loud[-1]) + 1 + around)


def _background(scorer: EmbeddingScorer, against: Sequence[Path], progress: Callable[[int], None]) -> Background:
    collected = BackgroundSum(scorer.embedding_dim)
    for done, path in enumerate(against):
        progress(done)
        for rows in embed_file(scorer, path):
            collected.add(rows)
    if not against:
        for samples in _made_sounds(scorer.layout.rate_hz):
            collected.add(embed_samples(scorer, samples))
    return collected.background()


def _made_sounds(rate_hz: int) -> Iterator[np.ndarray]:
    """Sounds by formula at many levels, where nobody names recordings: a stand-in for a household."""
    generator, made_at = np.random.default_rng(_SEED), max(rate_hz, LOWEST_RATE_HZ)
    for make in [make for make in SOUNDS.values() for _ in range(MADE_OF_EACH)]:
        sound = make(made_at, generator) * gain_from_db(generator.uniform(*_MADE_PEAKS_DB))
        resampler = Resampler(made_at, rate_hz)
        yield np.concatenate([resampler.push(sound.astype(np.float32)), resampler.flush()])


def _likeness(scorer: EmbeddingScorer, prototypes: Prototypes, path: Path) -> Iterable[FloatArray]:
    return (prototypes.similarity(rows) for rows in embed_file(scorer, path))


def _unsure_threshold(alike: Sequence[FloatArray]) -> float:
    least = min(float(rows.max()) for rows in alike) - UNSURE_MARGIN
    return float(np.clip(least, UNSURE_LEAST, UNSURE_MOST))
