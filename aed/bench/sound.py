"""The sound that is measured with: made by formula, so that nobody needs data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NOISE_LEVEL, TONE_LEVEL = 0.01, 0.3
_TONE_EVERY_SECONDS, _TONE_SECONDS, _TONE_HZ = 10.0, 2.0, 800.0

FloatArray = npt.NDArray[np.float32]


def pattern(rate_hz: int, tone_level: float) -> FloatArray:
    """Ten seconds of noise that begin with a tone, to be heard again and again: so a long sound takes no memory."""
    times = np.arange(round(_TONE_EVERY_SECONDS * rate_hz)) / rate_hz
    noise = np.random.default_rng(0).standard_normal(len(times))
    tone = (times < _TONE_SECONDS) * np.sin(2 * np.pi * _TONE_HZ * times)
    sound: FloatArray = (NOISE_LEVEL * noise + tone_level * tone).astype(np.float32)
    return sound
