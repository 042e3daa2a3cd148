"""Matches: pairs of clips that share audio though their recordings have different names.

Every clip is looked up in all others at its most eventful places by spectral fingerprints (`aed.data.fingerprint`);
candidates are confirmed by waveform agreement (`aed.data.agreement`). 2,444 clips, 3.6 hours: 105 s on one core,
0.54 GB. The time grows with the square of the hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.audio.read import read_audio
from aed.data.agreement import compare, whiten
from aed.data.fingerprint import (
    HOP_SAMPLES,
    PATCH_SAMPLES,
    RATE_HZ,
    Floats,
    Ints,
    band_levels,
    describe,
    fit_basis,
    landmarks,
)
from aed.data.records import Clip
from aed.errors import AudioError, MissingExtraError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, how much there is."""

LEAST_COSINE = 0.45
"""Fingerprints less alike are no candidates. By chance a place passes in 6 of 1,000 clips."""
SEARCH_SAMPLES = 2 * HOP_SAMPLES
"""A fingerprint places the sound to about a hop; the waveform is searched for this far to either side."""
LONE_SCORE = 0.5
"""Agreement of half a second that is proof by itself."""
SUPPORTED_SCORE = 0.3
SUPPORT_SCORE = 0.25
"""Half as much is proof where another half second agrees at the same lag. Chance takes either polarity equally often,
so pairs of reversed polarity show its share: on the real sets 35 of 113 pairs that score 0.25 to 0.5 without support,
but 9 of the 273 that pass, some of them truly inverted copies. Of these 273, 263 agree above 3.7 kHz too, which is not
looked at here, at the lag found here. The rest are mostly electronic sirens of one make: their sweeps agree for half a
second, then drift apart. A group too large costs little, a copy across a split spoils a test."""
SUPPORT_SEARCH_SAMPLES = 3
"""How far the lag may drift between half seconds: 0.4 ms, clocks and rounding."""


@dataclass(frozen=True)
class Match:
    """Two clips of different recordings that share audio.

    Attributes:
        first: Clip id.
        second: Clip id, after `first` in the alphabet.
        score: Waveform agreement of the best half second, in [-1, 1]; negative: reversed polarity.
        support: Agreement of the best other half second at the same lag; 0 where there is none.
        lag_seconds: What sounds at t in `first` sounds at t + lag in `second`.
    """

    first: str
    second: str
    score: float
    support: float
    lag_seconds: float


def find_matches(clips: Sequence[Clip], progress: Progress | None = None) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """Find the pairs of clips that share audio though their recordings have different names.

    Args:
        clips: What to compare, each with each.
        progress: Told about reading and comparing.

    Returns:
        The matches, ordered by clip ids, and a message for each file that could not be read.
    """
    sounds, unreadable = _read_all(sorted(clips, key=lambda clip: clip.clip_id), progress or _silent)
    if not sounds:
        return (), unreadable
    best: dict[tuple[str, str], Match] = {}
    for match in _search(sounds, progress or _silent):
        pair = (match.first, match.second)
        if pair not in best or _strength(match) > _strength(best[pair]):
            best[pair] = match
    return tuple(best[pair] for pair in sorted(best)), unreadable


@dataclass(frozen=True)
class _Sound:
    clip: Clip
    levels: Floats
    landmarks: Ints
    white: npt.NDArray[np.float16]


def _read_all(clips: Sequence[Clip], progress: Progress) -> tuple[list[_Sound], tuple[str, ...]]:
    sounds: list[_Sound] = []
    unreadable: list[str] = []
    for number, clip in enumerate(clips, start=1):
        try:
            samples = read_audio(clip.path, RATE_HZ)
        except (AudioError, MissingExtraError) as error:
            unreadable.append(str(error))
        else:
            levels = band_levels(samples)
            if levels is not None:
                sounds.append(_Sound(clip, levels, landmarks(levels), whiten(samples).astype(np.float16)))
        progress("reading", number, len(clips))
    return sounds, tuple(unreadable)


def _search(sounds: Sequence[_Sound], progress: Progress) -> Iterator[Match]:
    """Look every sound's landmarks up in every other sound."""
    basis = fit_basis([sound.levels for sound in sounds])
    queries = np.concatenate([describe(sound.levels, basis, sound.landmarks) for sound in sounds])
    owners = np.repeat(np.arange(len(sounds)), [len(sound.landmarks) for sound in sounds])
    frames = np.concatenate([sound.landmarks for sound in sounds])
    recordings = np.unique([f"{s.clip.dataset}:{s.clip.recording}" for s in sounds], return_inverse=True)[1]
    for index, sound in enumerate(sounds):
        cosines = queries @ describe(sound.levels, basis).T
        where = cosines.argmax(axis=1)
        alike = cosines[np.arange(len(where)), where] >= LEAST_COSINE
        candidates = np.flatnonzero(alike & (recordings[owners] != recordings[index]))
        if len(candidates):
            places = [(sounds[owners[k]], int(frames[k]), int(where[k])) for k in candidates]
            yield from _confirm(sound, places)
        progress("comparing", index + 1, len(sounds))


def _confirm(sound: _Sound, places: Sequence[tuple[_Sound, int, int]]) -> Iterator[Match]:
    """Yield the places, (other sound, its frame, frame of this sound), whose waveforms agree."""
    starts = [frame * HOP_SAMPLES for _, frame, _ in places]
    regions = [frame * HOP_SAMPLES - SEARCH_SAMPLES for _, _, frame in places]
    queries = np.stack([_cut(other, start) for (other, _, _), start in zip(places, starts, strict=True)])
    found = compare(queries, np.stack([_cut(sound, start, SEARCH_SAMPLES) for start in regions]))
    for k in (int(k) for k in np.flatnonzero(np.abs(found.score) >= SUPPORTED_SCORE)):
        other, start, lag = places[k][0], starts[k], float(regions[k] + found.lag_samples[k] - starts[k])
        score = float(found.score[k])
        support = _support(other, sound, start, round(lag), score)
        if abs(score) >= LONE_SCORE or support >= SUPPORT_SCORE:
            yield _match(other.clip, sound.clip, score, support, lag / RATE_HZ)


def _support(first: _Sound, second: _Sound, start: int, lag: int, score: float) -> float:
    """Return the agreement of the best other half second at the same lag and polarity."""
    earliest, latest = max(0, -lag), min(len(first.white), len(second.white) - lag)
    others = [s for s in range(start % PATCH_SAMPLES - PATCH_SAMPLES, latest, PATCH_SAMPLES) if s != start]
    others = [s for s in others if s + PATCH_SAMPLES > earliest]
    if not others:
        return 0.0
    blocks = np.stack([_cut(first, s) for s in others])
    regions = np.stack([_cut(second, s + lag - SUPPORT_SEARCH_SAMPLES, SUPPORT_SEARCH_SAMPLES) for s in others])
    return float(np.max(compare(blocks, regions).score * np.sign(score), initial=0.0))


def _cut(sound: _Sound, start: int, margin: int = 0) -> Floats:
    """Return half a second and twice the margin of whitened audio; silence outside the clip."""
    length = PATCH_SAMPLES + 2 * margin
    cut = np.zeros(length, dtype=np.float32)
    inside = sound.white[max(0, start) : max(0, start + length)]
    offset = max(0, -start)
    cut[offset : offset + len(inside)] = inside
    return cut


def _match(first: Clip, second: Clip, score: float, support: float, lag_seconds: float) -> Match:
    if first.clip_id > second.clip_id:
        first, second, lag_seconds = second, first, -lag_seconds
    return Match(first.clip_id, second.clip_id, round(score, 3), round(support, 3), round(lag_seconds, 4))


def _strength(match: Match) -> tuple[float, float, float]:
    return abs(match.score), match.support, match.lag_seconds


def _silent(doing: str, done: int, total: int) -> None:
    """Tell nobody."""
