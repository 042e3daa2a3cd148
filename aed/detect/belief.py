"""From probabilities to beliefs: a node is believed in from its probability on, and stays so down to a share of it."""

from __future__ import annotations

import numpy as np


class Belief:
    """Follows the rows of one stream.

    Args:
        min_probability: From which on each node is believed in, `(node,)` float32.
        release_ratio: Once believed in, a node stays so down to this share of that.
    """

    def __init__(self, min_probability: np.ndarray, release_ratio: float) -> None:
        self._min_probability, self._release_ratio = min_probability, release_ratio
        self._believed = np.zeros(len(min_probability), dtype=bool)

    def push(self, rows: np.ndarray) -> np.ndarray:
        """Add `(row, node)` probabilities; returns whether each node is believed in, `(row, node)` bool."""
        starts = rows >= self._min_probability
        ends = rows < self._release_ratio * self._min_probability
        # a node is believed in after a row if its last start came after its last end; places count from 1, and a belief
        # from before the rows is a start at 0
        places = np.arange(1, len(rows) + 1, dtype=np.int64)[:, None]
        last_start = np.maximum.accumulate(np.where(starts, places, np.where(self._believed, 0, -1)), axis=0)
        last_end = np.maximum.accumulate(np.where(ends, places, -1), axis=0)
        believed: np.ndarray = last_start > last_end
        if len(rows):
            self._believed = believed[-1]
        return believed
