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
from aed.detect.beat.rows import BLOCK_ROWS, FINE, ROW_SECONDS, Rows, ToneRows

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
        self._num_blocks = self._num_heard = 0
        self._stretch: _Stretch | None = None

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
        if self._stretch is not None and self._num_heard == self._num_blocks:
            found += self._stretch.in_stream(self._stretch.finder.flush())
        return found

    def _listen(self) -> list[Beats]:
        """Let the finder hear what it has not heard yet, as far as it could remember it."""
        first = max(self._num_heard, self._num_blocks - len(self._blocks))
        if self._stretch is None or first > self._num_heard:
            self._stretch = _Stretch(self._tones.num_bands, first)
        found = []
        for number in range(first - self._num_blocks, 0):
            found += self._stretch.hear(self._tones.rows(self._blocks[number]))
        self._num_heard = self._num_blocks
        return found


class _Stretch:
    """A stretch of the stream that is heard finely, without a gap.

    Args:
        num_bands: Bands of its rows.
        first_block: Number of its first block.
    """

    def __init__(self, num_bands: int, first_block: int) -> None:
        self._levels = FineLevels(num_bands)
        self.finder = FourFinder(self._levels)
        self._start_seconds = first_block * BLOCK_ROWS * ROW_SECONDS

    def hear(self, rows: Rows) -> list[Beats]:
        """Add a block of rows; returns what it completes."""
        self._levels.append(rows)
        return self.in_stream(self.finder.find())

    def in_stream(self, found: list[Beats]) -> list[Beats]:
        """The same in the time of the stream."""
        start = self._start_seconds
        return [
            replace(beats, start_seconds=beats.start_seconds + start, end_seconds=beats.end_seconds + start)
            for beats in found
        ]
