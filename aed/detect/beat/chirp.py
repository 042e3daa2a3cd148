"""The chirp of a smoke alarm whose battery is low: one short beep every 30 to 60 s, and nothing else of its tone.

A beep is a tone that stands out over its own band a second before and after, and over the bands around it. Three
beeps of one tone and one loudness, twice the same time apart, with none between them, are two periods. Beeps are
remembered as such: the levels between them are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aed.detect.beat.levels import (
    COARSE_SECONDS,
    PULSE_COARSE_ROWS,
    ROWS_PER_COARSE,
    BeatLevels,
    Beats,
    best_places,
    exact_band,
    loudest_band,
    most,
)
from aed.detect.beat.rows import Rows

SHORTEST_PERIOD_SECONDS = 27.0
LONGEST_PERIOD_SECONDS = 66.0
"""30 to 60 s, with a tenth more or less for the clock of a cheap alarm."""
SAME_PERIOD_SHARE = 0.03
"""Two periods of one clock differ by less."""
QUIET_BEFORE_ROWS = (-PULSE_COARSE_ROWS - 2, -PULSE_COARSE_ROWS - 20)
QUIET_AFTER_ROWS = (16, 34)
"""Where, in rows of 32 ms from a beep's onset, 0.35 s must be quiet: up to a second before it and 1.4 s after."""
LEAST_BEEP_DB = 9.0
"""Over the quiet beside it. At 0 dB in its third-octave band a tone near 3 kHz stands 13 dB over the noise of its
band."""
LEAST_TONE_DB = 6.0
"""Over the bands around it."""
NEIGHBOUR_BANDS = (6, 8, 10)
MOST_BEEPS = 4
"""Per second."""
SAME_BEEP_SECONDS = 1.0
"""What is no further apart at one tone is one beep, found in two blocks."""
SAME_BANDS = 1
NEAR_BANDS = 2
"""Tones that are the same lie no further apart: an exact top lies within half a band of the loudest one."""
SAME_TONE_BANDS = 0.6
"""12 Hz: an alarm's beeps have one tone, whose top is found to some hertz in noise."""
SAME_LEVEL_DB = 6.0
"""Beeps of one alarm differ by less; what differs by more is another sound and does not count."""
BEEP_SECONDS = 0.2


@dataclass(frozen=True)
class _Beep:
    seconds: float
    band: int
    level_db: float
    exact_band: float
    number: int

    def is_like(self, other: _Beep) -> bool:
        """Whether the same alarm may have made both."""
        same_tone = abs(self.exact_band - other.exact_band) <= SAME_TONE_BANDS
        return same_tone and abs(self.level_db - other.level_db) <= SAME_LEVEL_DB


class ChirpFinder:
    """Finds the low-battery chirp in the levels of a stream."""

    def __init__(self, levels: BeatLevels) -> None:
        self._levels = levels
        self._next_row = -QUIET_BEFORE_ROWS[-1]
        self._beeps: dict[int, list[_Beep]] = defaultdict(list)
        self._num_beeps = 0

    def find(self) -> list[Beats]:
        """Return what the newest levels complete. Call it whenever a block of rows was added."""
        found = []
        for beep in self._new_beeps():
            beats = self._two_periods(beep)
            self._remember(beep)
            if beats is not None:
                found.append(beats)
        return found

    def flush(self) -> list[Beats]:
        """End the stream."""
        return self.find()

    def _new_beeps(self) -> Iterator[_Beep]:
        start, stop = self._next_row, self._levels.pulse.stop - max(QUIET_AFTER_ROWS)
        if stop <= start:
            return
        self._next_row = stop
        short, pulse = self._levels.short, self._levels.pulse
        sounds = short.rows(ROWS_PER_COARSE * start, ROWS_PER_COARSE * (stop - 1) + 1)[::ROWS_PER_COARSE]
        quiet = [pulse.rows(start + shift, stop + shift) for shift in (*QUIET_BEFORE_ROWS, *QUIET_AFTER_ROWS)]
        margins = sounds - most(quiet)
        for place in best_places(margins, sounds, start, least_db=LEAST_BEEP_DB, count=MOST_BEEPS):
            levels = sounds[place.row - start]
            band = loudest_band(levels[None], place.band)
            if _over_neighbours_db(levels, band) >= LEAST_TONE_DB:
                exact = exact_band(levels[None], band)
                self._num_beeps += 1
                yield _Beep(place.row * COARSE_SECONDS, band, float(levels[band]), exact, self._num_beeps)

    def _remember(self, beep: _Beep) -> None:
        """Keep a beep for two periods; of one that was found twice, on both sides of a block's end, the louder find."""
        oldest = beep.seconds - 2.0 * LONGEST_PERIOD_SECONDS - 2.0 * SAME_BEEP_SECONDS
        twins = [old for old in self._near(beep) if _is_one(old, beep)]
        for band in range(beep.band - NEAR_BANDS, beep.band + NEAR_BANDS + 1):
            self._beeps[band] = [old for old in self._beeps[band] if old.seconds >= oldest and old not in twins]
        kept = max([*twins, beep], key=lambda beep: beep.level_db)
        self._beeps[kept.band].append(replace(kept, number=beep.number))

    def _near(self, beep: _Beep) -> list[_Beep]:
        """Beeps of about the same tone, as they came: a noisy minute holds hundreds, and few of them are like one."""
        bands = range(beep.band - NEAR_BANDS, beep.band + NEAR_BANDS + 1)
        return sorted((old for band in bands for old in self._beeps[band]), key=lambda old: old.number)

    def _two_periods(self, beep: _Beep) -> Beats | None:
        """Judge a beep with the two of its tone before it."""
        like = [old for old in self._near(beep) if old.is_like(beep) and not _is_one(old, beep)][-2:]
        if len(like) < 2:
            return None
        first, second = like[1].seconds - like[0].seconds, beep.seconds - like[1].seconds
        longest = max(first, second)
        if min(first, second) < SHORTEST_PERIOD_SECONDS or longest > LONGEST_PERIOD_SECONDS:
            return None
        if abs(first - second) > SAME_PERIOD_SHARE * longest:
            return None
        return Beats(
            start_seconds=like[0].seconds,
            end_seconds=beep.seconds + BEEP_SECONDS,
            period_seconds=(first + second) / 2.0,
            rest_seconds=0.0,
            band=beep.exact_band,
            margin_db=beep.level_db,
        )


def _is_one(old: _Beep, beep: _Beep) -> bool:
    return beep.seconds - old.seconds <= SAME_BEEP_SECONDS and abs(old.band - beep.band) <= SAME_BANDS


def _over_neighbours_db(levels: Rows, band: int) -> float:
    bands = [band + side * away for away in NEIGHBOUR_BANDS for side in (-1, 1)]
    return float(levels[band] - np.median([levels[near] for near in bands if 0 <= near < len(levels)]))
