"""What distorts a waveform for training: audiomentations, made repeatable. For what frames cannot do as well.

audiomentations draws from the global generators of `random` and `numpy.random`. This adapter seeds them from an
explicit generator for the time of one call and puts their states back. A call costs milliseconds, so clips are
distorted once, into some stored views (`aed.data.frames`); shift and gain are cheap on frames and drawn at every look.
"""

from __future__ import annotations

import random

import audiomentations
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from aed.features.logmel import LogMelConfig
from aed.settings import Settings

_SEED_BITS = 32


class WaveformAugmentConfig(Settings):
    """How strongly waveforms are distorted; every distortion is drawn per clip and view.

    Attributes:
        views: Distorted variants of each clip that are stored; 0 distorts no waveform.
        noise_probability: Probability of added white noise.
        noise_snr_db: Range of the signal-to-noise ratio, the noisiest first.
    """

    views: int = Field(8, ge=0)
    noise_probability: float = Field(0.3, ge=0, le=1)
    noise_snr_db: tuple[float, float] = (10.0, 40.0)

    @field_validator("noise_snr_db")
    @classmethod
    def _ordered(cls, noise_snr_db: tuple[float, float]) -> tuple[float, float]:
        if noise_snr_db[0] > noise_snr_db[1]:
            raise ValueError("expected the lower ratio first, such as [10, 40]")
        return noise_snr_db


class WaveformAugment:
    """A chain of audiomentations transforms drawn from an explicit generator.

    The clip is rotated by up to half a hop either way, which gives it other frames (the grain of stationary noise
    changes with them), and gets noise by chance.

    Args:
        config: Strengths and probabilities.
        features: Sample rate and hop.
    """

    def __init__(self, config: WaveformAugmentConfig, features: LogMelConfig) -> None:
        self.rate_hz = features.rate_hz
        half_hop = features.hop_samples // 2
        self._chain = audiomentations.Compose(
            [
                audiomentations.Shift(
                    min_shift=-half_hop, max_shift=half_hop, shift_unit="samples", fade_duration=0.0, p=1.0
                ),
                audiomentations.AddGaussianSNR(
                    min_snr_db=config.noise_snr_db[0], max_snr_db=config.noise_snr_db[1], p=config.noise_probability
                ),
            ]
        )

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
