"""The last samples of a stream, kept in a ring of fixed size: what was heard shortly before is still there."""

from __future__ import annotations

import numpy as np

_FULL_SCALE = 32767.0


class LastSamples:
    """The last samples of a stream, in 16 bits: half the memory, and no beat is lost in their noise.

    Args:
        capacity: How many; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.heard = capacity, 0
        self._ring = np.zeros(capacity, dtype=np.int16)

    def push(self, samples: np.ndarray) -> None:
        """Add `(samples,)`."""
        self.heard += len(samples)
        if self.capacity:
            last = (np.clip(samples[-self.capacity :], -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
            at = (self.heard - len(last)) % self.capacity
            room = self.capacity - at
            self._ring[at : at + len(last)] = last[:room]
            self._ring[: max(0, len(last) - room)] = last[room:]

    def window(self, start: int, stop: int) -> np.ndarray:
        """Samples from one absolute position to another, as far as they are kept, `(samples,)` float32."""
        start, stop = max(start, self.heard - self.capacity, 0), min(stop, self.heard)
        if stop <= start:
            return np.zeros(0, dtype=np.float32)
        at, length = start % self.capacity, stop - start
        kept = [self._ring[at : at + length], self._ring[: max(0, at + length - self.capacity)]]
        return np.concatenate(kept, dtype=np.float32) / np.float32(_FULL_SCALE)
