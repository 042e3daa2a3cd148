"""Where a piece of a clip may begin, so that the clip's label holds for it.

Clips are often padded: a bark of half a second and then silence, which is no dog. In a clip that is longer than a
piece, only places are drawn where the piece holds at least half as much that is heard as the fullest one does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_SHARE_OF_BEST = 0.5
"""Of what is heard in the fullest piece of a clip: a steady sound may be cut anywhere, a short one stays whole."""

Indices = NDArray[np.int64]


class PieceStarts:
    """Places at which pieces of equal length may begin.

    A miniature: of a clip whose frames are heard as 1 1 0 0 0, pieces of two frames may begin at 0 (both heard) or at 1
    (one heard), not at 2 or 3.

    Args:
        heard: Of each clip, (frames,) bool: whether each frame is heard.
        num_frames: Length of a piece; a clip that is not longer is taken from its beginning.
    """

    def __init__(self, heard: Iterable[NDArray[np.bool_]], num_frames: int) -> None:
        starts = [_allowed(of_clip, num_frames) for of_clip in heard]
        self._counts = np.array([len(each) for each in starts], dtype=np.int64)
        self._first = np.cumsum(self._counts) - self._counts
        self._starts: Indices = np.concatenate(starts)

    def draw(self, clip: Indices, generator: np.random.Generator) -> Indices:
        """Draw a place for each of some clips, all that are allowed being equally likely: (batch,) -> (batch,)."""
        starts: Indices = self._starts[self._first[clip] + generator.integers(self._counts[clip])]
        return starts


def _allowed(heard: NDArray[np.bool_], num_frames: int) -> Indices:
    if len(heard) <= num_frames:
        return np.zeros(1, dtype=np.int64)
    heard_before = np.concatenate([[0], np.cumsum(heard)])
    in_piece = heard_before[num_frames:] - heard_before[:-num_frames]
    return np.flatnonzero(in_piece >= _SHARE_OF_BEST * in_piece.max())
