"""Stretches of time as arrays: union, difference, intersection, and how long they are together.

Spans are `(span, 2)` float64 of onset and offset in seconds, in order of time and apart from each other: what touches
is one span.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Spans = npt.NDArray[np.float64]


def union(pairs: Iterable[tuple[float, float]] | Spans) -> Spans:
    """Join any stretches to spans; stretches that overlap or touch become one, empty ones vanish.

    A miniature: (3, 4), (0, 1), (1, 2), (1.5, 1.6) become (0, 2), (3, 4).
    """
    rows = np.asarray(list(pairs), dtype=np.float64).reshape(-1, 2)
    rows = rows[rows[:, 1] > rows[:, 0]]
    if not len(rows):
        return rows
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    reached = np.maximum.accumulate(rows[:, 1])
    begins = np.append(True, rows[1:, 0] > reached[:-1])
    last = np.append(np.flatnonzero(begins)[1:] - 1, len(rows) - 1)
    return np.stack([rows[begins, 0], reached[last]], axis=1)


def union_of(parts: Iterable[Spans]) -> Spans:
    """Return where at least one of several spans is."""
    return union(np.concatenate([np.zeros((0, 2)), *parts]))


def subtract(spans: Spans, others: Spans) -> Spans:
    """Return what of the spans lies outside others."""
    pieces = []
    for onset, offset in spans:
        for start, stop in others[_touching(others, onset, offset)]:
            if start > onset:
                pieces.append((onset, start))
            onset = max(onset, stop)
        if onset < offset:
            pieces.append((onset, offset))
    return np.asarray(pieces, dtype=np.float64).reshape(-1, 2)


def intersect(spans: Spans, others: Spans) -> Spans:
    """Return what of the spans lies inside others."""
    pieces = [
        (max(onset, start), min(offset, stop))
        for onset, offset in spans
        for start, stop in others[_touching(others, onset, offset)]
    ]
    return np.asarray(pieces, dtype=np.float64).reshape(-1, 2)


def widen(spans: Spans, seconds: float, duration_seconds: float) -> Spans:
    """Return spans that begin and end so much earlier and later, inside a recording."""
    return union(np.clip(spans + np.array([-seconds, seconds]), 0.0, duration_seconds))


def total_seconds(spans: Spans) -> float:
    """Return how long the spans are together."""
    return float((spans[:, 1] - spans[:, 0]).sum())


def covers(spans: Spans, times_seconds: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return whether each moment lies in a span (the onset does, the offset does not): (moment,) bool."""
    begun = np.searchsorted(spans[:, 0], times_seconds, side="right")
    over = np.searchsorted(spans[:, 1], times_seconds, side="right")
    return np.asarray(begun > over)


def _touching(spans: Spans, onset: float, offset: float) -> slice:
    """Which spans share a stretch with [onset, offset)."""
    first = np.searchsorted(spans[:, 1], onset, side="right")
    return slice(int(first), int(np.searchsorted(spans[:, 0], offset, side="left")))
