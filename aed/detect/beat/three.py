"""Temporal three: three pulses of half a second, a second from onset to onset, and two seconds to the next three.

First, in every band and at every moment: are there three pulses at one tempo, each louder than the end of the gap
before it, and silence before and after them where a fourth would be? That is a triplet. Then, for the few that stand
out: do three more pulses of the same tone lie where the beat wants them? Six pulses in a row and the pauses beside
and among them are two periods:

    pulse        0   1   2           3   4   5           6   7   8
                 #   #   #           #   #   #           #   #   #
    with         |-----------------------|                            first 0: the triplet before
    the triplet      |-----------------------------------|            first 1: two pulses before, one after
    3 4 5                |-----------------------------------|        first 2
                                     |-----------------------|        first 3: the triplet after

Only onsets are asked where the beat wants them: of a pulse its first 0.4 s must sound, of a gap its end must be
quiet, since rooms stretch pulses. A reversing lorry and an alarm clock fill the pauses; a microwave's three beeps
come once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed.detect.beat.levels import (
    COARSE_SECONDS,
    PULSE_COARSE_ROWS,
    BeatLevels,
    Beats,
    best_places,
    exact_band,
    least,
    loudest_band,
    most,
    steady_share,
)
from aed.detect.beat.rows import Rows

# All rows are coarse ones, of 32 ms. A pulse's row is where its 0.35 s begin, some 20 ms after its onset.
BEATS_ROWS = (28, 30, 31, 33, 34)
"""From onset to onset within a triplet, to be tried: 0.9 to 1.1 s."""
PAUSES_ROWS = np.arange(56, 71, 2)
"""From the last onset of a triplet to the first of the next, to be tried: 1.8 to 2.24 s, by itself as ISO 8201
allows."""
SLOWEST_ROWS = max(BEATS_ROWS) + 1
PULSE_TO_GAP_ROWS = 9
"""From the last 0.19 s of a gap to the pulse after it."""
LATER_ROWS = 6
"""A pause is looked at twice, a fifth of a second apart: a beep at another tempo can hide from one look, not from
two."""
PAUSE_LOOKS = 4
"""In how many places a pause must be quiet before two periods are believed."""
GAP_SHARE = 0.75
"""From here on, as a share of the time from onset to onset, a gap and a pause are quiet."""

LEAST_TRIPLET_DB = 2.0
MOST_TRIPLETS = 6
"""Per second; more than the partials of one alarm that stand out."""
LEAST_MARGIN_DB = 5.0
"""Every pulse stands out so much over the gaps beside it, and over the pauses. Alarms in noise of 0 dB reach 5 to 9
dB, music and other rhythms that match for two periods mostly less."""
LEAST_AGREEMENT = 0.84
"""Share of the rows in pulses that are loud, and of those in gaps and pauses that are quiet. Alarms in noise of 0 dB
have 0.85 and more; what matched the beat by its means alone (babies, music, equal beeps) mostly less."""
LEAST_CLEAR_AGREEMENT = 0.9
CLEAR_STEP_DB = 10.0
"""Where the pulses stand out so far, noise is no excuse for less agreement."""
MOST_UNLIKE_DB = 9.0
"""Between one pulse and the next of the same triplet; once it may be more, where a door opens or the alarm stops in a
pulse."""
LEAST_STEADY = 0.8
"""Share of the pulses with the same tone: one of the six may be hidden by another sound."""
DEEPEST_HALF_DB = 10.0
"""A row is loud where at most half of the pulse's step under its level, but never more than this."""
MEAN_REST_SECONDS = 0.75
"""After the last pulse: half of the pause, as the last pulse may be any of the three."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Triplet:
    """Three pulses: the row of the middle one, and the rows from onset to onset."""

    row: int
    band: int
    beat_rows: int


@dataclass(frozen=True)
class _Match:
    """Six pulses at their places.

    Attributes:
        onsets: Rows of the six pulses and of the one that would follow, `(7,)`.
        sounds: Level of every pulse, `(6,)`.
        steps: How far every pulse stands out over the gaps beside it, `(6,)`.
        beat_rows: From onset to onset.
        pause_rows: From the last onset of a triplet to the next onset.
        margin_db: The least of the steps, of pauses too.
    """

    onsets: Numbers
    sounds: Rows
    steps: Rows
    beat_rows: int
    pause_rows: int
    margin_db: float


class ThreeFinder:
    """Finds temporal three in the levels of a stream."""

    def __init__(self, levels: BeatLevels) -> None:
        self._levels = levels
        self._next_row = 2 * SLOWEST_ROWS + LATER_ROWS
        self._waiting: list[_Triplet] = []

    def find(self) -> list[Beats]:
        """Return what the newest levels complete. Call it whenever a block of rows was added."""
        found: list[Beats] = []
        for triplet in self._triplets():
            beats = self._two_periods(triplet)
            if beats is None:
                self._waiting.append(triplet)
            else:
                found.append(beats)
        all_known_row = self._levels.pulse.stop - 3 * SLOWEST_ROWS - int(max(PAUSES_ROWS))
        return found + self._look_again(before_row=all_known_row)

    def flush(self) -> list[Beats]:
        """End the stream: what its last triplets give with the pulses after them."""
        return self.find() + self._look_again(before_row=self._levels.pulse.stop)

    def _look_again(self, before_row: int) -> list[Beats]:
        """Judge the triplets that had too few pulses before them, now with those after them."""
        ripe = [triplet for triplet in self._waiting if triplet.row < before_row]
        self._waiting = [triplet for triplet in self._waiting if triplet.row >= before_row]
        return [beats for beats in map(self._two_periods, ripe) if beats is not None]

    def _triplets(self) -> list[_Triplet]:
        """Triplets that stand out among the rows whose surroundings became known."""
        start, stop = self._next_row, self._levels.pulse.stop - 2 * SLOWEST_ROWS - LATER_ROWS
        if stop <= start:
            return []
        self._next_row = stop
        # the louder of two looks into a pause, at every row from the first that a tempo asks for
        first = start - 2 * SLOWEST_ROWS - LATER_ROWS
        pulses = self._levels.pulse.rows(first, self._levels.pulse.stop)
        pauses = np.maximum(pulses[:-LATER_ROWS], pulses[LATER_ROWS:])
        margins = [self._triplet_margins(start, stop, beat, pauses, first) for beat in BEATS_ROWS]
        levels = self._levels.pulse.rows(start, stop)
        places = best_places(most(margins), levels, start, least_db=LEAST_TRIPLET_DB, count=MOST_TRIPLETS)
        tempos = [int(np.argmax([margin[place.row - start, place.band] for margin in margins])) for place in places]
        return [_Triplet(place.row, place.band, BEATS_ROWS[tempo]) for place, tempo in zip(places, tempos, strict=True)]

    def _triplet_margins(self, start: int, stop: int, beat: int, pauses: Rows, first: int) -> Rows:
        """How far three pulses around every row stand out over the gaps and pauses beside them, `(row, band)`.

        Args:
            start: First row.
            stop: End of the rows.
            beat: Rows from onset to onset.
            pauses: How loud a pause would be that is looked at from a row on, `(row, band)`.
            first: Number of the first row of `pauses`.
        """
        pulse, gap = self._levels.pulse, self._levels.gap
        pulses = (-beat, 0, beat)
        gaps = [shift - PULSE_TO_GAP_ROWS for shift in pulses]
        quiet = [gap.rows(start + shift, stop + shift) for shift in gaps]
        quiet += [pauses[start + shift - first : stop + shift - first] for shift in (-2 * beat - LATER_ROWS, 2 * beat)]
        return least([pulse.rows(start + shift, stop + shift) for shift in pulses]) - most(quiet)

    def _two_periods(self, triplet: _Triplet) -> Beats | None:
        match = self._best_match(triplet)
        if match.margin_db < LEAST_MARGIN_DB:
            return None
        least_agreement = LEAST_CLEAR_AGREEMENT if np.median(match.steps) >= CLEAR_STEP_DB else LEAST_AGREEMENT
        if min(self._agreement(match, triplet.band)) < least_agreement:
            return None
        levels = np.stack([self._levels.pulse.rows(onset, onset + 1)[0] for onset in match.onsets[:6]])
        band = loudest_band(levels, triplet.band)
        if steady_share(levels, band) < LEAST_STEADY or not _are_alike(levels[:, band], match):
            return None
        return Beats(
            start_seconds=float(match.onsets[0]) * COARSE_SECONDS,
            end_seconds=float(match.onsets[5] + match.beat_rows / 2.0) * COARSE_SECONDS,
            period_seconds=(2 * match.beat_rows + match.pause_rows) * COARSE_SECONDS,
            rest_seconds=MEAN_REST_SECONDS,
            band=exact_band(levels, band),
            margin_db=match.margin_db,
        )

    def _best_match(self, triplet: _Triplet) -> _Match:
        """The clearest of all tempos and pauses, and of the four ways to have six pulses with a triplet in them."""
        pulse, gap, band = self._levels.pulse, self._levels.gap, triplet.band
        beat, pause, pulses, looks = _tempos(triplet.beat_rows)
        onsets = triplet.row + pulses
        sounds = pulse.at(onsets, band)
        gap_rows = onsets - PULSE_TO_GAP_ROWS
        steps = sounds - np.fmax(gap.at(gap_rows, band), gap.at(gap_rows + beat[:, None], band))
        before = pulse.at(onsets[:, 2, None] + looks, band).max(axis=1)
        after = pulse.at(onsets[:, 5, None] + looks, band).max(axis=1)
        margins = np.stack([_margins(first, sounds, steps, before, after) for first in range(4)])
        margins[np.isnan(margins)] = -np.inf
        first, tempo = np.unravel_index(np.argmax(margins), margins.shape)
        following = onsets[tempo, 8] + pause[tempo]
        return _Match(
            onsets=np.append(onsets[tempo], following)[first : first + 7],
            sounds=sounds[tempo, first : first + 6],
            steps=steps[tempo, first : first + 6],
            beat_rows=int(beat[tempo]),
            pause_rows=int(pause[tempo]),
            margin_db=float(margins[first, tempo]),
        )

    def _agreement(self, match: _Match, band: int) -> tuple[float, float]:
        """Share of the rows in pulses that are loud, and of the rows in gaps and pauses that are quiet."""
        loud, quiet = [], []
        for onset, following, sound, step in zip(
            match.onsets[:6], match.onsets[1:], match.sounds, match.steps, strict=True
        ):
            known = min(int(following), self._levels.coarse.stop)
            rows = self._levels.coarse.rows(int(onset) - 2, known)[:, band]
            smooth = (rows[:-2] + rows[1:-1] + rows[2:]) / 3.0  # the first is centred one row before the onset
            is_loud = smooth > sound - min(0.5 * step, DEEPEST_HALF_DB)
            loud.append(is_loud[2 : 2 + PULSE_COARSE_ROWS])
            quiet.append(~is_loud[int(GAP_SHARE * match.beat_rows) - 1 : following - onset - 4])
        return float(np.mean(np.concatenate(loud))), float(np.mean(np.concatenate(quiet)))


def _are_alike(levels: Rows, match: _Match) -> bool:
    """Whether the pulses of each triplet are about as loud as each other, one pulse and the next at most excepted."""
    within = np.diff(match.onsets[:6]) == match.beat_rows
    return bool(np.sum(np.abs(np.diff(levels))[within] > MOST_UNLIKE_DB) <= 1)


class _Tempos(NamedTuple):
    """What is tried around a triplet's tempo: beats and pauses, each `(tempo,)`, pulses and looks into pauses."""

    beat: Numbers
    pause: Numbers
    pulses: Numbers
    looks: Numbers


@cache
def _tempos(beat_rows: int) -> _Tempos:
    """The same for each of a few beats, and asked for at every triplet."""
    beats, pauses = np.meshgrid(beat_rows + np.array([-1, 0, 1]), PAUSES_ROWS, indexing="ij")
    beat, pause = beats.ravel(), pauses.ravel()
    return _Tempos(beat, pause, _nine_pulses(beat, pause), _looks(beat, pause))


def _nine_pulses(beat: Numbers, pause: Numbers) -> Numbers:
    """Rows of three triplets' pulses from the middle one of the second on, `(tempo, 9)`."""
    within = np.stack([-beat, np.zeros_like(beat), beat], axis=1)
    period = (2 * beat + pause)[:, None]
    return np.concatenate([within - period, within, within + period], axis=1)


def _looks(beat: Numbers, pause: Numbers) -> Numbers:
    """Where a pause must be quiet, in rows after the last onset before it, `(tempo, look)`."""
    first, last = GAP_SHARE * beat, pause - PULSE_COARSE_ROWS - 2
    return np.rint(np.linspace(first, last, PAUSE_LOOKS, axis=1)).astype(np.int64)


def _margins(first: int, sounds: Rows, steps: Rows, before: Rows, after: Rows) -> Rows:
    """Least step of six pulses from `first` on, and of the pauses around the triplet, `(tempo,)`; NaN where unknown."""
    heard_before = sounds[:, 3] if first == 3 else np.minimum(sounds[:, 2], sounds[:, 3])
    heard_after = sounds[:, 5] if first == 0 else np.minimum(sounds[:, 5], sounds[:, 6])
    quiet = np.minimum(heard_before - before, heard_after - after)
    return np.asarray(np.minimum(steps[:, first : first + 6].min(axis=1), quiet), dtype=np.float32)
