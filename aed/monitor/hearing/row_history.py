"""The last probabilities of a stream: how sure the model was of each node in a stretch of it."""

from __future__ import annotations

from collections import deque

import numpy as np


class RowHistory:
    """Keeps the rows of the last seconds.

    Args:
        num_nodes: Of the tree.
        row_seconds: Length of a row.
        kept_seconds: How far back a stretch can be asked for.
    """

    def __init__(self, num_nodes: int, row_seconds: float, kept_seconds: float) -> None:
        self._num_nodes, self._row_seconds, self._kept_seconds = num_nodes, row_seconds, kept_seconds
        self._parts: deque[tuple[np.ndarray, np.ndarray]] = deque()
        self.end_seconds = 0.0
        self.newest: np.ndarray | None = None

    def push(self, rows: np.ndarray, ends: np.ndarray) -> None:
        """Add `(row, node)` probabilities and where each row ends, `(row,)` seconds."""
        if len(rows) == 0:
            return
        self._parts.append((ends, rows))
        self.end_seconds, self.newest = float(ends[-1]), rows[-1]
        while self._parts[0][0][-1] < self.end_seconds - self._kept_seconds:
            self._parts.popleft()

    def between(self, from_seconds: float, to_seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that end in a stretch, `(row, node)`, and where they end, `(row,)` seconds."""
        if not self._parts:
            return np.zeros((0, self._num_nodes), dtype=np.float32), np.zeros(0)
        ends = np.concatenate([part[0] for part in self._parts])
        inside = (ends > from_seconds) & (ends <= to_seconds)
        return np.concatenate([part[1] for part in self._parts])[inside], ends[inside]

    def peak(self, from_seconds: float, to_seconds: float) -> np.ndarray:
        """Return the highest P of each node in a stretch, `(node,)`; 0 where nothing is known of it."""
        highest = np.zeros(self._num_nodes, dtype=np.float32)
        for ends, rows in self._parts:
            if ends[-1] > from_seconds and ends[0] - self._row_seconds < to_seconds:
                inside = (ends > from_seconds) & (ends - self._row_seconds < to_seconds)
                if inside.any():
                    highest = np.maximum(highest, rows[inside].max(axis=0))
        return highest
