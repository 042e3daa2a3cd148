"""What the beats are read from: levels of every band, averaged over the lengths of pulses and gaps, and their past.

Means of decibels, not of power: a click or a door in a gap then counts little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aed.detect.beat.rows import ROW_SECONDS, RowHistory, Rows

MEMORY_ROWS = 1024
"""16 s of rows: two periods of temporal four at the slowest tempo, and what their verdict waits for."""
SHORT_ROWS = 3
"""48 ms: half of the pulse of temporal four, or half of its gap."""
ROWS_PER_COARSE = 2
"""Coarse rows of 32 ms are fine enough for pulses of half a second, and half the work."""
COARSE_SECONDS = ROWS_PER_COARSE * ROW_SECONDS
PULSE_COARSE_ROWS = 11
"""0.35 s: what lies safely inside a pulse of half a second."""
GAP_COARSE_ROWS = 6
"""0.19 s: the end of a gap of half a second, where the room has decayed."""
TONE_REACH_BANDS = 3
"""A tone's loudest band is looked for this far around it: a tone fills about three bands of the window's main lobe."""
LOUDER_SHARE = np.float32(0.02)
"""A band that is 50 dB louder outranks one that stands out by 1 dB more."""


@dataclass(frozen=True)
class Beats:
    """Two periods of a beat that were found.

    Attributes:
        start_seconds: First onset, from the start of the stream.
        end_seconds: End of the last pulse.
        period_seconds: From the first onset of a period to that of the next.
        rest_seconds: Silence that belongs to the last period after its last pulse.
        band: The tone, between two bands also of what lies between.
        margin_db: How clear the beat is.
    """

    start_seconds: float
    end_seconds: float
    period_seconds: float
    rest_seconds: float
    band: float
    margin_db: float


@dataclass(frozen=True)
class Place:
    """Something that stands out in a block: when and at which tone."""

    row: int
    band: int


class BeatLevels:
    """The levels of a stream, for the finders of beats.

    Attributes:
        short: Means over 48 ms, every 16 ms.
        coarse: Means over 32 ms, every 32 ms.
        pulse: Means over 0.35 s, every 32 ms.
        gap: Means over 0.19 s, every 32 ms.
    """

    def __init__(self, num_bands: int) -> None:
        self._rows = RowHistory(num_bands, MEMORY_ROWS // 8)
        self.num_bands = num_bands
        self.short = RowHistory(num_bands, MEMORY_ROWS)
        self.coarse = RowHistory(num_bands, MEMORY_ROWS // ROWS_PER_COARSE)
        self.pulse = RowHistory(num_bands, MEMORY_ROWS // ROWS_PER_COARSE)
        self.gap = RowHistory(num_bands, MEMORY_ROWS // ROWS_PER_COARSE)

    def append(self, rows: Rows) -> None:
        """Add rows of 16 ms, `(row, band)`, at most a block."""
        self._rows.append(rows)
        _append_means(self._rows, self.short, SHORT_ROWS)
        start, stop = self.coarse.stop, self._rows.stop // ROWS_PER_COARSE
        pairs = self._rows.rows(ROWS_PER_COARSE * start, ROWS_PER_COARSE * stop)
        self.coarse.append((pairs[0::2] + pairs[1::2]) * np.float32(0.5))
        _append_means(self.coarse, self.pulse, PULSE_COARSE_ROWS)
        _append_means(self.coarse, self.gap, GAP_COARSE_ROWS)


def least(arrays: Sequence[Rows]) -> Rows:
    """Element by element the least of equally shaped arrays; reads each once, without a stack of them."""
    result = arrays[0].copy()
    for array in arrays[1:]:
        np.minimum(result, array, out=result)
    return result


def most(arrays: Sequence[Rows]) -> Rows:
    """Element by element the greatest of equally shaped arrays."""
    result = arrays[0].copy()
    for array in arrays[1:]:
        np.maximum(result, array, out=result)
    return result


def best_places(margins_db: Rows, levels: Rows, first_row: int, *, least_db: float, count: int) -> list[Place]:
    """Return the tones that stand out most in a block, the clearest first, each where it is clearest.

    Args:
        margins_db: How much a place stands out, `(row, band)`.
        levels: How loud it is there, `(row, band)`: of places that stand out alike the loudest is inside the tone.
        first_row: Number of the first row.
        least_db: Least margin.
        count: How many to return at most. Of tones that share their bands only the clearest is one.
    """
    if not (margins_db >= least_db).any():
        return []
    ranks = margins_db + LOUDER_SHARE * levels
    best = ranks.max(axis=0)
    padded = np.pad(best, TONE_REACH_BANDS, constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * TONE_REACH_BANDS + 1).max(axis=1)
    bands = np.flatnonzero((best >= around) & (margins_db.max(axis=0) >= least_db))
    bands = bands[np.argsort(-best[bands], kind="stable")][:count]
    return [Place(first_row + int(np.argmax(ranks[:, band])), int(band)) for band in bands]


def loudest_band(levels: Rows, band: int) -> int:
    """The tone's own band: the loudest around a band where it stands out; in a room its skirts beat more clearly.

    Args:
        levels: Levels of every pulse, `(pulse, band)`.
        band: A band of the tone.
    """
    first = max(0, band - TONE_REACH_BANDS)
    return first + int(np.argmax(levels.mean(axis=0)[first : band + TONE_REACH_BANDS + 1]))


def steady_share(levels: Rows, band: int) -> float:
    """Share of pulses whose tone is the same: the loudest band around it is this one or next to it.

    Args:
        levels: Levels of every pulse, `(pulse, band)`.
        band: The tone's own band.
    """
    first = max(0, band - TONE_REACH_BANDS)
    loudest = first + np.argmax(levels[:, first : band + TONE_REACH_BANDS + 1], axis=1)
    return float(np.mean(np.abs(loudest - band) <= 1))


def exact_band(levels: Rows, band: int) -> float:
    """Where the top of a tone lies, also between two bands: the top of a parabola through three levels.

    Args:
        levels: Levels of every pulse, `(pulse, band)`.
        band: The tone's own band.
    """
    mean = levels.mean(axis=0)
    if not 0 < band < len(mean) - 1:
        return float(band)
    below, top, above = (float(level) for level in mean[band - 1 : band + 2])
    curve = below - 2.0 * top + above
    return band + (float(np.clip(0.5 * (below - above) / curve, -0.5, 0.5)) if curve < 0.0 else 0.0)


def _append_means(source: RowHistory, target: RowHistory, length: int) -> None:
    """Bring a history of moving means up to date; mean `i` covers rows `i` to `i + length - 1`."""
    count = source.stop - length + 1 - target.stop
    if count <= 0:
        return
    rows = source.rows(target.stop, source.stop)
    total = rows[:count].copy()
    for shift in range(1, length):
        total += rows[shift : shift + count]
    total *= np.float32(1.0 / length)
    target.append(total)
