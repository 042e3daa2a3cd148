"""Sounds that are no event, made by formula: digital silence and stationary noise, as frames.

A bank of noises is made once; a draw takes one of them, rotates it and sets its level, all on frames.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aed.features.logmel import LogMel, LogMelConfig
from aed.features.shift_gain import amplify_clips

_BANK_NOISES = 64
"""Different noises; rotations and levels make each of them many."""
_SILENT_SHARE = 0.25
"""Share of the draws that are digital silence, the others being noise."""
_NOISE_DBFS = (-70.0, -20.0)
"""Level of the noise, root mean square, from a quiet room to a loud fan."""


class MadeNoise:
    """Silence and noise of one length.

    Args:
        features: Settings of the front end.
        num_frames: Length of every piece.
        seed: Decides the noises.
    """

    def __init__(self, features: LogMelConfig, num_frames: int, seed: int) -> None:
        generator = np.random.default_rng(seed)
        count = num_frames * features.hop_samples
        noises = np.stack([_noise(count, generator) for _ in range(_BANK_NOISES)])
        with torch.no_grad():
            self._frames = LogMel(features)(torch.from_numpy(noises))

    def draw(self, batch: int, generator: np.random.Generator) -> Tensor:
        """Draw some pieces: (batch, frames, mel) float32."""
        num_frames = self._frames.shape[1]
        which = generator.integers(len(self._frames), size=(batch, 1))
        frame = (np.arange(num_frames) - generator.integers(num_frames, size=(batch, 1))) % num_frames
        levels_db = generator.uniform(*_NOISE_DBFS, size=batch)
        levels_db[generator.random(batch) < _SILENT_SHARE] = -np.inf
        pieces = self._frames[torch.from_numpy(which), torch.from_numpy(frame)]
        return amplify_clips(pieces, levels_db.astype(np.float32))


def _noise(count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Noise of root mean square 1: (count,)."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    tilt = generator.uniform(0.0, 1.0)  # exponent of frequency: 0 is white, 0.5 pink, 1 brown noise
    spectrum[1:] /= np.arange(1, len(spectrum)) ** tilt
    noise = np.fft.irfft(spectrum, n=count)
    return np.asarray(noise / noise.std(), dtype=np.float32)
