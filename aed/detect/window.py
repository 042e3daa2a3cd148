"""Cutting a stream of samples into a scorer's blocks: the same blocks at any chunking, in bounded memory."""

from __future__ import annotations

import numpy as np

from aed.detect.samples import finite_channel
from aed.scorer.protocol import BlockLayout


class BlockReader:
    """Collects samples and hands out every block as soon as its last sample is there.

    It keeps less than one block plus what the last push brought.

    Args:
        layout: The geometry of the blocks.
    """

    def __init__(self, layout: BlockLayout) -> None:
        self._layout = layout
        self._pending = np.zeros(layout.lead_samples, dtype=np.float32)
        self._num_samples = 0
        self._num_blocks = 0
        self._finished = False

    @property
    def num_samples(self) -> int:
        """Samples pushed so far."""
        return self._num_samples

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Add samples.

        Args:
            samples: `(samples,)` real numbers, any length, also 0.

        Returns:
            The blocks that became complete, `(block, block_samples)` float32, not to be written to: they overlap.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
            RuntimeError: The stream was flushed before.
        """
        if self._finished:
            raise RuntimeError("this stream was flushed: start a new reader for another one")
        samples = finite_channel(samples, self._num_samples, self._layout.rate_hz)
        self._num_samples += len(samples)
        self._pending = np.concatenate([self._pending, samples])
        return self._take_complete()

    def flush(self) -> np.ndarray:
        """End the stream: the rest of the blocks, filled up with zeros, `(block, block_samples)` float32."""
        if self._finished:
            raise RuntimeError("this stream was flushed before: start a new reader for another one")
        self._finished = True
        missing_blocks = self._layout.num_blocks(self._num_samples) - self._num_blocks
        needed = max(0, missing_blocks - 1) * self._layout.advance_samples + self._layout.block_samples
        if missing_blocks > 0:
            self._pending = np.pad(self._pending, (0, needed - len(self._pending)))
        return self._take_complete(most=missing_blocks)

    def _take_complete(self, most: int | None = None) -> np.ndarray:
        layout = self._layout
        count = max(0, (len(self._pending) - layout.block_samples) // layout.advance_samples + 1)
        count = count if most is None else min(count, most)
        samples = self._pending
        if count == 0:
            return np.zeros((0, layout.block_samples), dtype=np.float32)
        self._pending = samples[count * layout.advance_samples :].copy()
        self._num_blocks += count
        return np.lib.stride_tricks.sliding_window_view(samples, layout.block_samples)[
            : count * layout.advance_samples : layout.advance_samples
        ]
