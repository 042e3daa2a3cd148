"""What pretraining looks at: two segments of each of some clips, a function of (seed, step) alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aed.data.frames import FrameStore
from aed.errors import DataError
from aed.pretrain.views import ViewConfig, draw_view

Indices = NDArray[np.int64]


class SegmentPair(NamedTuple):
    """Distorted views of two segments of the same clips, (batch, frames, mel) float32 each."""

    first: Tensor
    second: Tensor


class SegmentPairs:
    """A pair of segments of each of a step's clips; no clip twice in a step, or it would count as two.

    Args:
        store: Frames.
        clips: Indices into the store, (clip,) int64, at least two.
        num_frames: Length of a segment.
        batch_size: Clips per step; all clips where there are fewer.
        views: How segments are distorted.
        seed: Decides everything that is random.
        device: Where the views are made and learned from.

    Raises:
        DataError: There are fewer than two clips: nothing to tell apart.
    """

    def __init__(
        self,
        store: FrameStore,
        clips: Indices,
        *,
        num_frames: int,
        batch_size: int,
        views: ViewConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        if len(clips) < 2:
            raise DataError(
                f"pretraining needs at least 2 unlabelled training clips, got {len(clips)}: add clips or "
                "data.unlabelled_sources, or leave pretraining out (pretrain=null)"
            )
        self._store, self._clips, self._num_frames = store, clips, num_frames
        self._views, self._seed, self._device = views, seed, device
        self.batch_size = min(batch_size, len(clips))

    def __getitem__(self, step: int) -> SegmentPair:
        """Draw the segments of a step and distort each on its own."""
        generator = np.random.default_rng((self._seed, step))
        clip = generator.choice(self._clips, size=self.batch_size, replace=False)
        distortion = torch.Generator().manual_seed(int(generator.integers(2**63)))
        first, second = self._segments(clip, generator), self._segments(clip, generator)
        return SegmentPair(draw_view(first, self._views, distortion), draw_view(second, self._views, distortion))

    def _segments(self, clip: Indices, generator: np.random.Generator) -> Tensor:
        """A segment anywhere in each clip, padded with silence where the clip is shorter."""
        starts = generator.integers(np.maximum(0, self._store.num_frames[clip] - self._num_frames), endpoint=True)
        clean = unrolled = np.zeros_like(clip)
        return self._store.gather(clip, clean, starts, unrolled, self._num_frames).to(self._device)
