"""Cutting a stream of samples into frames without overlap, at absolute positions, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class FrameCutter:
    """Collects samples and hands out every frame as soon as it is whole; any chunking gives the same frames.

    Args:
        frame_samples: Length of a frame.
    """

    def __init__(self, frame_samples: int) -> None:
        self.frame_samples = frame_samples
        self._frame = np.zeros(frame_samples, dtype=np.float32)
        self._filled = 0

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Add `(samples,)`; yields frames `(frame_samples,)` float32, each only until the next one."""
        start = 0
        while start < len(samples):
            piece = samples[start : start + self.frame_samples - self._filled]
            self._frame[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            start += len(piece)
            if self._filled == self.frame_samples:
                self._filled = 0
                yield self._frame
