"""Temporal four: four pulses of 0.1 s, 0.2 s from onset to onset, and 5 s of pause; 5.7 s from burst to burst.

First, in every band and at every moment: how well do four pulses at one tempo stand out over the gaps before them and
over what is before and after the four? That is a burst. Then, for the few that stand out: was there a burst of the
same tone one period ago, and quiet before, between and after the two?

One burst alone is too short to be sure of in noise, so the steps up and down are averaged over the pulses of both. Each
is cut off at 12 dB: one loud click does not make four pulses. The four quick beeps of an alarm clock come at another
tempo and leave no pause.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aed.detect.beat.levels import (
    LOUDER_SHARE,
    BeatLevels,
    Beats,
    Place,
    best_places,
    exact_band,
    loudest_band,
    most,
    steady_share,
)
from aed.detect.beat.rows import BLOCK_ROWS, ROW_SECONDS, RowHistory, Rows

# All rows are of 16 ms. A pulse's row is where its 48 ms begin, right after its onset.
BURSTS_ROWS = tuple(
    np.floor(np.arange(4) * beat_rows + 0.5).astype(np.int64)
    for beat_rows in (11.0, 11.5, 12.0, 12.5, 13.0, 13.5, 14.0)
)
"""Rows of the four pulses from the first, at tempos from 0.88 to 1.12; to be tried where a burst stands out."""
ALL_BURSTS_ROWS = np.stack(BURSTS_ROWS)
COARSE_BURSTS_ROWS = BURSTS_ROWS[1::2]
"""Tempos to be tried everywhere."""
PULSE_TO_GAP_ROWS = 5
"""From the end of a gap to the pulse after it: the 48 ms before an onset, when the room had time to decay."""
BEAT_ROWS = 12
"""Before the first pulse and after the last, a fifth of a second away, there is none."""
LONGEST_BURST_ROWS = 42
PERIODS_BEFORE_ROWS = np.arange(-402, -306)
"""4.9 to 6.4 s: the pause may be a tenth longer or shorter, by itself."""
BURST_SECONDS = 0.7
REST_SECONDS = 5.0
DECAYED_ROWS = 62
"""A second after a burst's first onset it is over, and the room has decayed."""
AROUND_ROWS = 8
"""So shortly before an onset it is quiet."""
BESIDE_ROWS = 94
"""For 1.5 s before the first burst, as far as known, it is quiet."""
KNOWN_AFTER_ROWS = 126
"""A burst is judged when two seconds from its first onset are known."""
LONGEST_MEMORY_ROWS = 512

HIGHEST_STEP_DB = 12.0
LOWEST_STEP_DB = -6.0
LEAST_BURST_DB = 5.5
"""Mean step of one burst. The clearest of a second of noise, of all its bands, reaches 6 to 8 dB; a burst at 0 dB in
its third-octave band 8."""
MOST_BURSTS = 8
LEAST_PAIR_DB = 13.5
"""Sum of both bursts' mean steps."""
LEAST_OF_PAIR_DB = 5.5
"""And each of them."""
LEAST_STEP_DB = 2.5
"""Of the four steps up, each averaged over both bursts, all but one; a room can hide one."""
LEAST_OVER_PAUSE_DB = 6.0
MOST_LOUD_SHARE = 0.16
"""Share of the rows in the pauses that are as loud as half of the step: noise at 0 dB has up to 0.16, a random sound
that matches two bursts 0.2 to 0.6."""
CLEAR_OVER_PAUSE_DB = 9.7
MOST_CLEAR_LOUD_SHARE = 0.06
"""Where the bursts stand out so far, noise is no excuse for more."""
BESIDE_FACTOR = 2.0
"""The second before and the second after two bursts are shorter than a pause: chance gives them more loud rows."""
LEAST_STEADY = 0.85
MOST_UNLIKE_DB = 8.0
"""Between the four pulses, each averaged over both bursts, and between the bursts: one alarm sounds always alike."""
MOST_SCATTER_DB = 3.2
"""Mean distance of the eight pulses from their median."""
LEAST_TONE_DB = 6.0
"""How far the tone stands out over the bands around it, in the pulses."""
TONE_NEIGHBOURS = slice(5, 17)
"""Bands that count as around it, on both sides: 0.1 to 0.33 kHz away."""
DEEPEST_HALF_DB = 8.0

Numbers = npt.NDArray[np.int64]


class FourFinder:
    """Finds temporal four in the levels of a stream."""

    def __init__(self, levels: BeatLevels) -> None:
        self._levels = levels
        # mean step of a burst that begins at every row and band; before the start of the stream there is none
        self._bursts = RowHistory(levels.num_bands, LONGEST_MEMORY_ROWS)
        self._bursts.append(np.full((BEAT_ROWS, levels.num_bands), LOWEST_STEP_DB, dtype=np.float32))

    def find(self) -> list[Beats]:
        """Return what the newest levels complete. Call it whenever a block of rows was added."""
        return self._find(self._levels.short.stop - KNOWN_AFTER_ROWS)

    def flush(self) -> list[Beats]:
        """End the stream: bursts near its end are judged by what there is after them."""
        return self._find(self._levels.short.stop - LONGEST_BURST_ROWS - BEAT_ROWS)

    def _find(self, stop: int) -> list[Beats]:
        start = self._bursts.stop
        if stop <= start:
            return []
        found: list[Beats] = []
        for first in range(start, stop, BLOCK_ROWS):
            found += self._find_between(first, min(first + BLOCK_ROWS, stop))
        return found

    def _find_between(self, start: int, stop: int) -> list[Beats]:
        margins = self._burst_margins(start, stop)
        self._bursts.append(margins)
        levels = self._levels.short.rows(start, stop)
        places = best_places(margins, levels, start, least_db=LEAST_BURST_DB, count=MOST_BURSTS)
        if not places:
            return []
        pairs = [self._two_bursts(*pair) for pair in self._pairs(places)]
        return [beats for beats in pairs if beats is not None]

    def _pairs(self, places: list[Place]) -> Iterator[tuple[int, int, int, float]]:
        """Bursts with the best one a period before each: rows of both, band, and the mean of their steps."""
        bands = np.array([place.band for place in places])[:, None]
        rows = np.array([place.row for place in places])[:, None] + PERIODS_BEFORE_ROWS
        earlier_db = self._bursts.at(rows, bands)
        ranks = earlier_db + LOUDER_SHARE * self._levels.short.at(rows, bands)
        best = np.argmax(np.where(np.isnan(ranks), -np.inf, ranks), axis=1)
        for place, column, candidates, candidates_db in zip(places, best, rows, earlier_db, strict=True):
            both_db = float(candidates_db[column]), float(self._bursts.rows(place.row, place.row + 1)[0, place.band])
            if sum(both_db) >= LEAST_PAIR_DB and min(both_db) >= LEAST_OF_PAIR_DB:
                yield int(candidates[column]), place.row, place.band, sum(both_db) / 2.0

    def _burst_margins(self, start: int, stop: int) -> Rows:
        """Mean step of a burst that begins at every row, `(row, band)`: four up, one before and one after it."""
        short, count = self._levels.short, stop - start
        end = stop + LONGEST_BURST_ROWS
        pulses = short.rows(start, end)
        up = _cut(pulses - short.rows(start - PULSE_TO_GAP_ROWS, end - PULSE_TO_GAP_ROWS))
        before = _cut(pulses[:count] - short.rows(start - BEAT_ROWS, stop - BEAT_ROWS))
        after = _cut(pulses - short.rows(start + BEAT_ROWS, end + BEAT_ROWS))
        sums = []
        for pulse_rows in COARSE_BURSTS_ROWS:
            total = before + after[pulse_rows[3] : pulse_rows[3] + count]
            for row in pulse_rows:
                total += up[row : row + count]
            sums.append(total)
        return most(sums) * np.float32(1.0 / 6.0)

    def _two_bursts(self, earlier: int, row: int, band: int, margin_db: float) -> Beats | None:
        """Judge a burst with the one before it."""
        onsets = np.array([earlier, row])
        if not self._is_quiet_around(onsets, band):
            return None
        pulse_rows = self._best_tempo(onsets, band)
        if pulse_rows is None:
            return None
        levels = self._pulse_levels(onsets, pulse_rows)
        tone = loudest_band(levels, band)
        if not self._is_quiet_around(onsets, tone) or not _are_alike(levels[:, tone]):
            return None
        if steady_share(levels, tone) < LEAST_STEADY or _over_neighbours_db(levels, tone) < LEAST_TONE_DB:
            return None
        return Beats(
            start_seconds=earlier * ROW_SECONDS,
            end_seconds=row * ROW_SECONDS + BURST_SECONDS,
            period_seconds=(row - earlier) * ROW_SECONDS,
            rest_seconds=REST_SECONDS,
            band=exact_band(levels, tone),
            margin_db=margin_db,
        )

    def _best_tempo(self, onsets: Numbers, band: int) -> Numbers | None:
        """Rows of the four pulses at the tempo with the highest steps; None where two of them are no step."""
        short = self._levels.short
        rows = _pulses_at_all_tempos(onsets)
        levels = short.at(rows, band)
        steps = _cut(levels - short.at(rows - PULSE_TO_GAP_ROWS, band)).mean(axis=0)
        tempo = int(np.argmax((steps + LOUDER_SHARE * levels.mean(axis=0)).sum(axis=1)))
        return BURSTS_ROWS[tempo] if np.sort(steps[tempo])[1] >= LEAST_STEP_DB else None

    def _is_quiet_around(self, onsets: Numbers, band: int) -> bool:
        """Whether two bursts stand out over the pause between them, and it is quiet before, between and after them."""
        short, (earlier, row) = self._levels.short, (int(onset) for onset in onsets)
        pause = short.rows(earlier + DECAYED_ROWS, row - AROUND_ROWS)[:, band]
        before = short.rows(max(short.start, earlier - BESIDE_ROWS), max(short.start, earlier - AROUND_ROWS))[:, band]
        after = short.rows(min(row + DECAYED_ROWS, short.stop), min(row + KNOWN_AFTER_ROWS, short.stop))[:, band]
        sound = float(short.at(_pulses_at_all_tempos(onsets), band).mean(axis=(0, 2)).max())
        over_pause_db = sound - float(np.sort(pause)[len(pause) // 2])  # the median; numpy's own takes longer
        loud = sound - min(0.5 * over_pause_db, DEEPEST_HALF_DB)
        most_share = MOST_CLEAR_LOUD_SHARE if over_pause_db >= CLEAR_OVER_PAUSE_DB else MOST_LOUD_SHARE
        beside = [float(np.mean(stretch > loud)) for stretch in (before, after) if len(stretch)]
        is_quiet = np.mean(pause > loud) <= most_share and max(beside, default=0.0) <= BESIDE_FACTOR * most_share
        return bool(over_pause_db >= LEAST_OVER_PAUSE_DB and is_quiet)

    def _pulse_levels(self, onsets: Numbers, pulse_rows: Numbers) -> Rows:
        """Levels of all bands in every pulse of both bursts, `(pulse, band)`."""
        rows = (onsets[:, None] + pulse_rows).ravel()
        return np.stack([self._levels.short.rows(int(row), int(row) + 1)[0] for row in rows])


def _pulses_at_all_tempos(onsets: Numbers) -> Numbers:
    """Rows of the pulses of some bursts, `(burst, tempo, pulse)`."""
    return np.asarray(onsets[:, None, None] + ALL_BURSTS_ROWS)


def _cut(steps: Rows) -> Rows:
    return np.clip(steps, LOWEST_STEP_DB, HIGHEST_STEP_DB, out=steps)


def _are_alike(levels: Rows) -> bool:
    """Whether eight pulses, burst after burst, may come from one alarm."""
    bursts = levels.reshape(2, 4)
    unlike_db = max(np.ptp(bursts.mean(axis=0)), np.ptp(bursts.mean(axis=1)))
    scatter_db = np.mean(np.abs(levels - np.median(levels)))
    return bool(unlike_db <= MOST_UNLIKE_DB and scatter_db <= MOST_SCATTER_DB)


def _over_neighbours_db(levels: Rows, band: int) -> float:
    mean = levels.mean(axis=0)
    above = mean[band + TONE_NEIGHBOURS.start : band + TONE_NEIGHBOURS.stop]
    below = mean[max(0, band + 1 - TONE_NEIGHBOURS.stop) : max(0, band + 1 - TONE_NEIGHBOURS.start)]
    return float(mean[band] - np.median(np.concatenate([below, above])))
