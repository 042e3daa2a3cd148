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
        on, stay = rows >= self._min_probability, rows >= self._release_ratio * self._min_probability
        believed = np.empty_like(on)
        for row in range(len(rows)):
            self._believed = on[row] | (self._believed & stay[row])
            believed[row] = self._believed
        return believed
