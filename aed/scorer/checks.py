"""What every backend checks: that a clip is one, and that a model's answers are numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aed.errors import AudioError, ModelError

FloatArray = npt.NDArray[np.float32]


def clip_samples(samples: np.ndarray, least_samples: int) -> FloatArray:
    """Return a clip's samples as float32, filled up with silence to the shortest length that can be scored.

    Raises:
        AudioError: There is no sample, or more than one channel.
    """
    if samples.ndim != 1 or len(samples) == 0:
        raise AudioError(f"expected at least one sample of one channel, shape (samples,), got {samples.shape}")
    return np.pad(samples.astype(np.float32, copy=False), (0, max(0, least_samples - len(samples))))


def numbers(scores: FloatArray) -> FloatArray:
    """Refuse log P that is no number: every comparison with it fails, and a detector would report silence.

    Raises:
        ModelError: There is one.
    """
    if np.isnan(scores).any():
        raise ModelError("the model gives log P = nan: its weights are damaged or its training diverged; train it anew")
    return scores
