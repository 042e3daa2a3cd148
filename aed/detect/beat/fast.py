"""Temporal four, listened to finely only where the coarse levels leave it possible.

Fine rows cost more than all that the coarse levels are good for, and hardly any sound has two bursts of one tone a
period apart. So the newest samples are kept, and their fine rows are made when a pair of bursts comes in sight
(`BurstScout`): then all that the finder needs of the past, every second once. It judges them as if it had heard
everything, and at the same block.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aed.detect.beat.burst import BurstScout
from aed.detect.beat.four import FourFinder
from aed.detect.beat.levels import MEMORY_ROWS, Beats, CoarseLevels, FineLevels
from aed.detect.beat.rows import BLOCK_ROWS, FINE, ROW_SECONDS, ToneRows

KEPT_BLOCKS = MEMORY_ROWS // BLOCK_ROWS
"""What the finder remembers."""


class FastFinder:
    """Finds temporal four in a stream.

    Args:
        rate_hz: Sampling rate.
        levels: The coarse levels of the stream.
    """

    def __init__(self, rate_hz: int, levels: CoarseLevels) -> None:
        self._scout = BurstScout(levels)
        self._tones = ToneRows(rate_hz, FINE)
        self._blocks: deque[npt.NDArray[np.float32]] = deque(maxlen=KEPT_BLOCKS)
        self._num_blocks = self._num_heard = self._first_block = 0
        self._fine: FineLevels | None = None
        self._finder: FourFinder | None = None

    @property
    def tones(self) -> ToneRows:
        """The fine grid's bands."""
        return self._tones

    def hear(self, samples: npt.NDArray[np.float32]) -> None:
        """Add a block of samples, or the rest of the stream, whose coarse levels are known."""
        self._blocks.append(samples)
        self._num_blocks += 1

    def find(self) -> list[Beats]:
        """Return what the newest block completes."""
        return self._listen() if self._scout.is_pair_in_sight() else []

    def flush(self) -> list[Beats]:
        """End the stream: bursts near its end are judged by what there is after them."""
        found = self._listen() if self._scout.is_pair_at_end() else []
        at_end = self._finder is not None and self._num_heard == self._num_blocks
        return found + (self._in_stream(self._finder.flush()) if at_end else [])

    def _listen(self) -> list[Beats]:
        """Let the finder hear what it has not heard yet, as far as it could remember it."""
        first = max(self._num_heard, self._num_blocks - len(self._blocks))
        if self._finder is None or first > self._num_heard:
            self._fine = FineLevels(self._tones.num_bands)
            self._finder, self._first_block = FourFinder(self._fine), first
        found = []
        for number in range(first - self._num_blocks, 0):
            self._fine.append(self._tones.rows(self._blocks[number]))
            found += self._finder.find()
        self._num_heard = self._num_blocks
        return self._in_stream(found)

    def _in_stream(self, found: list[Beats]) -> list[Beats]:
        start = self._first_block * BLOCK_ROWS * ROW_SECONDS
        return [
            replace(beats, start_seconds=beats.start_seconds + start, end_seconds=beats.end_seconds + start)
            for beats in found
        ]
