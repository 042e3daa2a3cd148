"""Smoothing probabilities over time, row by row, with a stated delay.

Mean and median keep the order "a parent is never less likely than its child". At the start and the end of the stream
the window holds only the rows that exist. Every row is computed by itself, so the chunking cannot change it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

SmoothingKind = Literal["none", "mean", "median"]


class Smoother:
    """A moving mean or median over rows.

    Args:
        kind: "none" passes rows through.
        length_rows: Rows in the window; odd where centred.
        causal: Look only back (no delay, but the answer lags), else look to both sides alike.
    """

    def __init__(self, kind: SmoothingKind, length_rows: int, *, causal: bool = False) -> None:
        if length_rows < 1 or (not causal and length_rows % 2 == 0):
            raise ValueError(f"length_rows must be positive, and odd where centred, got {length_rows}")
        self._reduce = _median if kind == "median" else _mean
        length_rows = 1 if kind == "none" else length_rows
        self._behind = length_rows - 1 if causal else length_rows // 2
        self._ahead = 0 if causal else length_rows // 2
        self._kept: np.ndarray | None = None
        self._num_owed = 0

    @property
    def delay_rows(self) -> int:
        """Rows that must arrive after a row before its smoothed value is known."""
        return self._ahead

    def push(self, rows: np.ndarray) -> np.ndarray:
        """Add `(row, node)` probabilities; returns the smoothed rows that became known, `(row, node)`."""
        self._kept = rows if self._kept is None else np.concatenate([self._kept, rows])
        self._num_owed += len(rows)
        return self._smooth(max(0, self._num_owed - self._ahead))

    def flush(self) -> np.ndarray:
        """End the stream: the rows still owed, `(row, node)`."""
        if self._kept is None:
            return np.zeros((0, 0), dtype=np.float32)
        return self._smooth(self._num_owed)

    def _smooth(self, count: int) -> np.ndarray:
        """Smooth the `count` oldest rows owed, then forget the rows that no later window reaches."""
        assert self._kept is not None
        rows, first = self._kept, len(self._kept) - self._num_owed
        full = range(max(first, self._behind), min(first + count, len(rows) - self._ahead))
        parts = [self._at(rows, index) for index in range(first, min(first + count, full.start))]
        if full:
            parts.append(self._reduce([rows[full.start + shift : full.stop + shift] for shift in self._shifts()]))
        parts += [self._at(rows, index) for index in range(max(first, full.stop, full.start), first + count)]
        self._num_owed -= count
        self._kept = rows[max(0, first + count - self._behind) :].copy()
        return np.concatenate(parts) if parts else rows[:0]

    def _at(self, rows: np.ndarray, index: int) -> np.ndarray:
        """Smooth one row near an end of the stream, where part of the window is missing."""
        return self._reduce([row[None] for row in rows[max(0, index - self._behind) : index + self._ahead + 1]])

    def _shifts(self) -> range:
        return range(-self._behind, self._ahead + 1)


def _mean(shifted: list[np.ndarray]) -> np.ndarray:
    """Mean of equally shaped arrays, added in order: `np.mean` may add in another order at another shape."""
    total = shifted[0]
    for rows in shifted[1:]:
        total = total + rows
    return total / np.float32(len(shifted))


def _median(shifted: list[np.ndarray]) -> np.ndarray:
    """Median of equally shaped arrays; `np.median` takes three times as long over a few."""
    middle = len(shifted) // 2
    if len(shifted) % 2 == 0:
        even: np.ndarray = np.median(np.stack(shifted), axis=0)
        return even
    odd: np.ndarray = np.partition(np.stack(shifted, axis=-1), middle, axis=-1)[..., middle]
    return odd
