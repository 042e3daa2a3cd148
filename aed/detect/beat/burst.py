"""Are there two bursts of temporal four in sight? Told from coarse levels, generously.

The same questions as `aed.detect.beat.four` asks, of rows of 32 ms, in which a pulse of 0.1 s is two: do four pulses at
one tempo stand out over the gaps between them and over what is before and after? Was there such a burst of the same
tone one period ago? Is the pause between the two quiet, and are the eight pulses about alike? Every threshold is lower
than there: the answer decides only whether fine rows are worth their time.
"""

from __future__ import annotations

from statistics import median

import numpy as np

from aed.detect.beat.levels import (
    PULSE_COARSE_ROWS,
    SIDE_BANDS,
    CoarseLevels,
    Numbers,
    Place,
    best_places,
)
from aed.detect.beat.rows import BLOCK_COARSE_ROWS, RowHistory, Rows

# All rows are coarse ones, of 32 ms; a pulse is the mean of two.
TEMPOS_ROWS = np.array([(0, 6, 11, 17), (0, 6, 12, 18), (0, 6, 13, 19), (0, 7, 14, 21)])
"""Rows of the four pulses from the first, from a tenth too fast to a tenth too slow."""
PULSE_TO_GAP_ROWS = 3
"""From a pulse to the gap after it."""
BURST_ROWS = int(TEMPOS_ROWS.max()) + 2
BEFORE_ROWS = PULSE_COARSE_ROWS + 2
"""0.35 s before a burst, and 0.35 s after it, when the room has decayed, there is none."""
AFTER_ROWS = BURST_ROWS + 6
PERIODS_ROWS = np.arange(153, 203)
"""4.9 to 6.5 s."""
DECAYED_ROWS = 31
AROUND_ROWS = 4
BESIDE_ROWS = 47
"""As in `aed.detect.beat.four`: a second after an onset it is quiet, and until 0.13 s before the next. Looked at
are 1.5 s before the first burst, and as long after the second as is known by then."""
JUDGED_ROWS = 64
"""Two seconds after its first onset the fine levels of a burst are judged."""

LEAST_BURST_DB = 5.5
MOST_BURSTS = 6
MOST_OVER_BESIDE_DB = 3.0
"""A burst counts for at most so much more than it stands out over the louder of before and after: no long tone."""
LEAST_PAIR_DB = 7.0
"""Mean of both bursts."""
LEAST_OVER_PAUSE_DB = 5.0
MOST_LOUD_SHARE = 0.25
MOST_LOUD_SHARE_BESIDE = 0.42
DEEPEST_HALF_DB = 8.0
MOST_UNLIKE_DB = 9.0
MOST_SCATTER_DB = 4.0
LEAST_TONE_DB = 6.0


class BurstScout:
    """Looks for pairs of bursts in the coarse levels of a stream."""

    def __init__(self, levels: CoarseLevels) -> None:
        self._levels = levels
        self._bursts = RowHistory(levels.num_bands, int(PERIODS_ROWS[-1]) + BLOCK_COARSE_ROWS, BLOCK_COARSE_ROWS)
        self._listen_until = 0

    def is_pair_in_sight(self) -> bool:
        """Whether the newest block may complete two periods. Call it once for every block."""
        self._look(self._levels.pulse.stop - AFTER_ROWS)
        return self._levels.coarse.stop - BLOCK_COARSE_ROWS < self._listen_until

    def is_pair_at_end(self) -> bool:
        """The same of a stream that ends here, where less is known of what is after the last bursts."""
        if self._bursts.stop < BEFORE_ROWS:  # hardly begun: no room for two bursts
            return False
        self._look(self._levels.coarse.stop - BURST_ROWS - PULSE_TO_GAP_ROWS)
        return self._levels.coarse.stop - BLOCK_COARSE_ROWS < self._listen_until

    def _look(self, stop: int) -> None:
        for start in range(self._bursts.stop, stop, BLOCK_COARSE_ROWS):
            self._look_between(start, min(start + BLOCK_COARSE_ROWS, stop))

    def _look_between(self, start: int, stop: int) -> None:
        coarse = self._levels.coarse.rows(start, stop + BURST_ROWS + PULSE_TO_GAP_ROWS)
        pulses = (coarse[:-1] + coarse[1:]) * np.float32(0.5)
        bursts = self._burst_margins(pulses, start, stop)
        self._bursts.append(bursts)
        places = best_places(bursts, pulses[: stop - start], start, least_db=LEAST_BURST_DB, count=MOST_BURSTS)
        for earlier, place in self._pairs(places):
            if place.row + JUDGED_ROWS > self._listen_until and self._is_likely(earlier, place):
                self._listen_until = place.row + JUDGED_ROWS

    def _burst_margins(self, pulses: Rows, start: int, stop: int) -> Rows:
        """How far a burst that begins at every row stands out, `(row, band)`, over gaps and what is beside it."""
        count = stop - start
        before, after = self._beside(start, stop)
        louder = np.maximum(before, after)
        louder -= np.float32(MOST_OVER_BESIDE_DB)
        # four pulses weigh the same, and so do three gaps, before and after; the first pulse and gap are of all tempos
        quarters, fifths = pulses * np.float32(1 / 4), pulses * np.float32(1 / 5)
        quiet = (before + after) * np.float32(1 / 5)
        quiet += fifths[PULSE_TO_GAP_ROWS : PULSE_TO_GAP_ROWS + count]
        best = np.full_like(before, -np.inf)
        for _, second, third, fourth in TEMPOS_ROWS.tolist():
            sounds = quarters[:count] + quarters[second : second + count]
            sounds += quarters[third : third + count]
            sounds += quarters[fourth : fourth + count]
            over = sounds - quiet
            for gap in (second + PULSE_TO_GAP_ROWS, third + PULSE_TO_GAP_ROWS):
                over -= fifths[gap : gap + count]
            sounds -= louder
            np.minimum(over, sounds, out=over)
            np.maximum(best, over, out=best)
        return best

    def _beside(self, start: int, stop: int) -> tuple[Rows, Rows]:
        """Level before and after bursts that begin at rows `start` to `stop`, one for the other where not known."""
        pulse, count = self._levels.pulse, stop - start
        unknown = min(count, max(0, BEFORE_ROWS - start))
        num_known = min(count, max(0, pulse.stop - AFTER_ROWS - start))
        before = pulse.rows(max(0, start - BEFORE_ROWS), max(0, stop - BEFORE_ROWS))
        after = pulse.rows(start + AFTER_ROWS, start + AFTER_ROWS + num_known)
        return (
            np.concatenate([after[:unknown], before]) if unknown else before,
            np.concatenate([after, before[num_known - unknown :]]) if num_known < count else after,
        )

    def _pairs(self, places: list[Place]) -> list[tuple[int, Place]]:
        """Bursts that have one of about the same tone a period before, and the row of that."""
        if not places:
            return []
        rows = np.array([place.row for place in places])[:, None, None] - PERIODS_ROWS[:, None]
        bands = np.array([place.band for place in places])[:, None, None] + np.array([-1, 0, 1])
        earlier_db = self._bursts.at(rows, np.clip(bands, 0, self._levels.num_bands - 1)).max(axis=2)
        earlier_db[np.isnan(earlier_db)] = -np.inf
        best = earlier_db.argmax(axis=1)
        pairs = []
        for number, place in enumerate(places):
            own_db = self._bursts.rows(place.row, place.row + 1)[0, place.band]
            other_db = earlier_db[number, best[number]]
            if other_db >= LEAST_BURST_DB and own_db + other_db >= 2.0 * LEAST_PAIR_DB:
                pairs.append((int(rows[number, best[number], 0]), place))
        return pairs

    def _is_likely(self, earlier: int, place: Place) -> bool:
        row, band, coarse = place.row, place.band, self._levels.coarse
        known = coarse.rows(max(coarse.start, earlier - BESIDE_ROWS), coarse.stop)
        column = known[:, band]
        column = column[:-1] + column[1:]
        column *= np.float32(0.5)
        onsets = np.array([earlier, row]) - max(coarse.start, earlier - BESIDE_ROWS)
        pulses = onsets[:, None, None] + TEMPOS_ROWS  # (burst, tempo, pulse)
        sums = column[pulses].sum(axis=(0, 2))
        tempo = int(sums.argmax())
        pulses = pulses[:, tempo]
        if not _is_quiet(column, onsets, float(sums[tempo]) / pulses.size):
            return False
        sounds = column[pulses]
        unlike_db = max(np.ptp(sounds.mean(axis=0)), np.ptp(sounds.mean(axis=1)))
        scatter_db = np.mean(np.abs(sounds - median(sounds.ravel().tolist())))
        if unlike_db > MOST_UNLIKE_DB or scatter_db > MOST_SCATTER_DB:
            return False
        mean = (known[pulses.ravel()] + known[pulses.ravel() + 1]).mean(axis=0) * 0.5
        return bool(mean[band] - median(_beside_bands(mean, band).tolist()) >= LEAST_TONE_DB)


def _is_quiet(levels: np.ndarray, onsets: Numbers, sound_db: float) -> bool:
    """Whether the bursts stand out over the pause between them, and it is quiet before, between and after them."""
    earlier, row = onsets.tolist()
    pause = levels[earlier + DECAYED_ROWS : row - AROUND_ROWS]
    over_pause_db = sound_db - float(np.sort(pause)[len(pause) // 2])  # the median; numpy's own takes longer
    loud_db = sound_db - min(0.5 * over_pause_db, DEEPEST_HALF_DB)
    if over_pause_db < LEAST_OVER_PAUSE_DB or _loud_share(pause, loud_db) > MOST_LOUD_SHARE:
        return False
    beside = levels[: max(0, earlier - AROUND_ROWS)], levels[row + DECAYED_ROWS :][:BESIDE_ROWS]
    return all(_loud_share(stretch, loud_db) <= MOST_LOUD_SHARE_BESIDE for stretch in beside if len(stretch))


def _loud_share(levels: np.ndarray, loud_db: float) -> float:
    return int(np.count_nonzero(levels > loud_db)) / len(levels)


def _beside_bands(levels: np.ndarray, band: int) -> np.ndarray:
    below = levels[max(0, band + 1 - SIDE_BANDS.stop) : max(0, band + 1 - SIDE_BANDS.start)]
    return np.concatenate([below, levels[band + SIDE_BANDS.start : band + SIDE_BANDS.stop]])
