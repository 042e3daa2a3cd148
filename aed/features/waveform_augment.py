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

from aed.audio.room import heard_in_room
from aed.features.logmel import LogMelConfig
from aed.settings import Settings

_SEED_BITS = 32


class HouseholdAugmentConfig(Settings):
    """What lies between a sound and a household's microphone: a room, distance, the microphone's own limits, noise.

    Attributes:
        room_probability: Probability of a room.
        room_decay_seconds: Range of its decay by 60 dB.
        distance_metres: Range of the distance in it, which decides how much of the room is heard; not the level.
        gain_db: Range of the change of level: near and far, loud and soft.
        band_limit_probability: Probability of a microphone without lows, and of one without highs.
        lowest_hz: Range of the lower limit.
        highest_hz: Range of the upper limit.
        noise_probability: Probability of noise of a drawn colour.
        noise_snr_db: Range of the signal-to-noise ratio, the noisiest first.
    """

    room_probability: float = Field(default=0.5, ge=0, le=1)
    room_decay_seconds: tuple[float, float] = (0.1, 0.8)
    distance_metres: tuple[float, float] = (0.5, 6.0)
    gain_db: tuple[float, float] = (-20.0, 6.0)
    band_limit_probability: float = Field(default=0.3, ge=0, le=1)
    lowest_hz: tuple[float, float] = (50.0, 400.0)
    highest_hz: tuple[float, float] = (3_000.0, 7_500.0)
    noise_probability: float = Field(default=0.6, ge=0, le=1)
    noise_snr_db: tuple[float, float] = (-5.0, 30.0)

    @field_validator("room_decay_seconds", "distance_metres", "gain_db", "lowest_hz", "highest_hz", "noise_snr_db")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        return _ordered(limits)


class WaveformAugmentConfig(Settings):
    """How strongly waveforms are distorted; every distortion is drawn per clip and view.

    Attributes:
        views: Distorted variants of each clip that are stored; 0 distorts no waveform.
        noise_probability: Probability of added white noise.
        noise_snr_db: Range of the signal-to-noise ratio, the noisiest first.
        household: What a room and its microphone do, before all else; nothing where absent.
    """

    views: int = Field(8, ge=0)
    noise_probability: float = Field(0.3, ge=0, le=1)
    noise_snr_db: tuple[float, float] = (10.0, 40.0)
    household: HouseholdAugmentConfig | None = None

    @field_validator("noise_snr_db")
    @classmethod
    def _ordered(cls, noise_snr_db: tuple[float, float]) -> tuple[float, float]:
        return _ordered(noise_snr_db)


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("expected the lower one first, such as [10, 40]")
    return limits


class WaveformAugment:
    """A chain of audiomentations transforms drawn from an explicit generator.

    The clip is rotated by up to half a hop either way, which gives it other frames (the grain of stationary noise
    changes with them), and gets noise by chance; before that, where asked for, it is heard in a household.

    Args:
        config: Strengths and probabilities.
        features: Sample rate and hop.
    """

    def __init__(self, config: WaveformAugmentConfig, features: LogMelConfig) -> None:
        self.rate_hz = features.rate_hz
        self._household = HouseholdAugment(config.household, features.rate_hz) if config.household else None
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
        if self._household is not None:
            samples = self._household(samples, generator)
        return _apply(self._chain, samples, self.rate_hz, generator)


class HouseholdAugment:
    """A room by formula, a level, the limits of a microphone and coloured noise.

    Args:
        config: Strengths and probabilities.
        rate_hz: Sample rate.
    """

    def __init__(self, config: HouseholdAugmentConfig, rate_hz: int) -> None:
        self._config, self._rate_hz = config, rate_hz
        lowest, highest, noise = config.lowest_hz, config.highest_hz, config.noise_snr_db
        self._chain = audiomentations.Compose(
            [
                audiomentations.HighPassFilter(*lowest, p=config.band_limit_probability),
                audiomentations.LowPassFilter(*highest, p=config.band_limit_probability),
                audiomentations.AddColorNoise(*noise, p=config.noise_probability),
            ]
        )

    def __call__(self, samples: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
        """Distort one clip: (samples,) float32 -> (samples,) float32; silence stays silent."""
        if not samples.any():
            return samples
        config = self._config
        heard = samples
        if generator.random() < config.room_probability:
            heard = self._in_a_room(samples, generator)
        heard = heard * np.float32(10 ** (generator.uniform(*config.gain_db) / 20))
        return np.clip(_apply(self._chain, heard, self._rate_hz, generator), -1.0, 1.0)

    def _in_a_room(self, samples: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
        """Return what arrives at the microphone, at the level of the sound itself."""
        heard = heard_in_room(
            samples.astype(np.float64),
            self._rate_hz,
            generator,
            decay_seconds=generator.uniform(*self._config.room_decay_seconds),
            distance_metres=generator.uniform(*self._config.distance_metres),
        )
        before, after = (float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) for wave in (samples, heard))
        return (heard * (before / after)).astype(np.float32)


def _apply(
    chain: audiomentations.Compose, samples: NDArray[np.float32], rate_hz: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Apply a chain that draws from the global generators, as an explicit one says, and leave those as they were."""
    seed = int(generator.integers(2**_SEED_BITS))
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  # audiomentations draws there
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        distorted: NDArray[np.float32] = chain(samples, rate_hz)
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
    return distorted.astype(np.float32, copy=False)
