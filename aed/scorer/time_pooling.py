"""Decisions over time pooled into that of a window or clip, as `aed.tree.time_pooling` does it, without torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def power_mean(log_p: FloatArray, exponent: float) -> FloatArray:
    """Power mean of P over time, by equation (1) of `aed.tree.time_pooling`: (row, time, node) -> (row, node) log P."""
    if log_p.shape[1] == 1:
        return log_p[:, 0]
    powers = np.float32(exponent) * log_p
    largest = powers.max(axis=1, keepdims=True)
    means = np.exp(powers - largest).mean(axis=1, dtype=np.float32)
    pooled: FloatArray = (largest[:, 0] + np.log(means)) / np.float32(exponent)
    return pooled
