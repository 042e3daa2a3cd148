"""What distorts every look at a clip: rotated in time, louder or softer. Both are exact on log-mel frames."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from aed.features.logmel import amplify
from aed.settings import Settings


class ShiftGainConfig(Settings):
    """How far a clip is shifted, and how much its level changes; drawn uniformly and per clip.

    Attributes:
        shift: Rotate the clip in time by any number of frames.
        gain_db: Largest change of level, either way.
    """

    shift: bool = True
    gain_db: float = Field(6.0, ge=0)

    def draw_rolls(self, batch: int, num_frames: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Frames by which each clip is rotated: (batch,)."""
        return generator.integers(num_frames if self.shift else 1, size=batch)

    def draw_gains_db(self, batch: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """Change of each clip's level: (batch,) float32."""
        return generator.uniform(-self.gain_db, self.gain_db, size=batch).astype(np.float32)


def amplify_clips(frames: Tensor, gains_db: NDArray[np.float32]) -> Tensor:
    """Change the level of each clip: (batch, frames, mel) and (batch,) decibels; minus infinity silences."""
    if not gains_db.any():
        return frames
    power_gain = torch.from_numpy(10 ** (gains_db / 10))[:, None, None]
    return amplify(frames, power_gain)
