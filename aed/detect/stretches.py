"""How many events numbers over time would make at a threshold, without a detector: to set thresholds by counting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed.detect.detector import FittedDetectorConfig
from aed.timebase import rows_from_seconds

IntArray = npt.NDArray[np.int64]


class EventRows(NamedTuple):
    """What makes an event, in rows.

    Attributes:
        least_rows: Shortest event.
        gap_rows: Longest gap that is closed.
    """

    least_rows: int
    gap_rows: int

    @classmethod
    def of(cls, config: FittedDetectorConfig, row_seconds: float) -> EventRows:
        """Return those of a detector."""
        least = max(1, rows_from_seconds(config.min_event_seconds, row_seconds))
        return cls(least, rows_from_seconds(config.merge_gap_seconds, row_seconds))


def count_runs(values: npt.NDArray[np.floating], on_from: float, off_below: float, rows: EventRows) -> int:
    """Count the events: on from one value, off below another one, gaps closed, short ones dropped.

    Args:
        values: Of one node over time, smoothed, (row,).
        on_from: An event begins at this value.
        off_below: And lasts while it is not below this one.
        rows: What makes an event.
    """
    first, end = _runs(values >= off_below)
    on = np.flatnonzero(values >= on_from)
    place = np.searchsorted(on, first)
    begins = place < len(on)
    first, end = on[place[begins]], end[begins]  # believed in from the first row that is sure to the end of its run
    inside = first < end
    first, end = first[inside], end[inside]
    if not len(first):
        return 0
    apart = np.flatnonzero(first[1:] - end[:-1] > rows.gap_rows)
    starts, ends = first[np.r_[0, apart + 1]], end[np.r_[apart, len(end) - 1]]
    return int(np.count_nonzero(ends - starts >= rows.least_rows))


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """First row of each unbroken run and the row after its last."""
    edges = np.diff(np.r_[0, flags.astype(np.int8), 0])
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
