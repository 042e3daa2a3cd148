"""What distorts a waveform for training: audiomentations, made repeatable.

audiomentations draws from the global generators of `random` and `numpy.random`. This adapter seeds them from an
explicit generator for the time of one call and puts their states back.
"""

from __future__ import annotations

import random

import audiomentations
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

_SEED_BITS = 32


class WaveformAugmentConfig(BaseModel):
    """How strongly waveforms are distorted; every distortion is drawn per clip.

    Attributes:
        shift: Rotate the clip in time by any amount.
        gain_db: Largest change of level, either way.
        flip_probability: Probability of a polarity flip.
        noise_probability: Probability of added white noise.
        noise_snr_db: Range of the signal-to-noise ratio, the noisiest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shift: bool = True
    gain_db: float = Field(6.0, ge=0)
    flip_probability: float = Field(0.5, ge=0, le=1)
    noise_probability: float = Field(0.0, ge=0, le=1)
    noise_snr_db: tuple[float, float] = (10.0, 40.0)

    @field_validator("noise_snr_db")
    @classmethod
    def _ordered(cls, noise_snr_db: tuple[float, float]) -> tuple[float, float]:
        if noise_snr_db[0] > noise_snr_db[1]:
            raise ValueError("expected the lower ratio first, such as [10, 40]")
        return noise_snr_db


class WaveformAugment:
    """A chain of audiomentations transforms drawn from an explicit generator.

    Args:
        config: Strengths and probabilities.
        rate_hz: Sample rate of the waveforms.
    """

    def __init__(self, config: WaveformAugmentConfig, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        transforms = [
            audiomentations.Shift(
                min_shift=-1.0, max_shift=1.0, rollover=True, fade_duration=0.0, p=float(config.shift)
            ),
            audiomentations.Gain(min_gain_db=-config.gain_db, max_gain_db=config.gain_db, p=1.0),
            audiomentations.PolarityInversion(p=config.flip_probability),
            audiomentations.AddGaussianSNR(
                min_snr_db=config.noise_snr_db[0], max_snr_db=config.noise_snr_db[1], p=config.noise_probability
            ),
        ]
        self._chain = audiomentations.Compose([transform for transform in transforms if transform.p > 0])

    def __call__(self, samples: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
        """Distort one clip.

        Args:
            samples: (samples,) float32; not changed.
            generator: Decides everything that is random.

        Returns:
            (samples,) float32 of the same length.
        """
        seed = int(generator.integers(2**_SEED_BITS))
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  # audiomentations draws there
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            distorted: NDArray[np.float32] = self._chain(samples, self.rate_hz)
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
        return distorted.astype(np.float32, copy=False)
