"""The front end: samples to log-mel frames, the same numbers live and from a file.

Departures from the field's usual front end, each for the detector's sake:
- Silence is zero: the features are `log1p(power / floor_power)`, so that zero samples, zero padding and masks are all
  one thing, 0.
- No normalisation looks at the clip or at the data set (AST subtracts the data set's mean): a fixed scale instead.
- Frame i is centred at sample (i + 0.5) * hop: a clip of n * hop samples has exactly n frames, none reflected.
"""

from __future__ import annotations

import torch
import torchaudio
from pydantic import Field, model_validator
from torch import Tensor, nn

from aed.settings import Settings

_SCALE = 0.125
"""Brings log1p(power / floor) of ordinary recordings (8 +- 5) to the order of one."""

AUDIBLE_LEVEL = 0.05
"""Mean over mel of the feature from which a frame counts as heard: white noise of -93 dBFS; silence is 0."""


class LogMelConfig(Settings):
    """Settings of the log-mel front end; they are stored with the weights.

    Attributes:
        rate_hz: Sample rate that the samples must have.
        hop_samples: Distance between two frames.
        fft_samples: Length of the Hann window and of the transform; even difference to the hop.
        mel_bands: Number of mel bands.
        min_hz: Lower edge of the lowest band.
        max_hz: Upper edge of the highest band, at most half of `rate_hz`.
        floor_power: Mel power that counts as silence; 1e-6 is about 104 dB under a full-scale sine here.
    """

    rate_hz: int = Field(16_000, gt=0)
    hop_samples: int = Field(320, gt=0)
    fft_samples: int = Field(640, gt=0)
    mel_bands: int = Field(64, gt=0)
    min_hz: float = Field(40.0, ge=0)
    max_hz: float = Field(8_000.0, gt=0)
    floor_power: float = Field(1e-6, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> LogMelConfig:
        if not self.min_hz < self.max_hz <= self.rate_hz / 2:
            raise ValueError(
                f"need min_hz < max_hz <= rate_hz / 2, got {self.min_hz}, {self.max_hz}, {self.rate_hz / 2}"
            )
        if self.fft_samples < self.hop_samples or (self.fft_samples - self.hop_samples) % 2:
            raise ValueError("fft_samples must be at least hop_samples and differ from it by an even number")
        return self

    @property
    def edge_samples(self) -> int:
        """Samples that a frame reads beyond its own hop, on either side."""
        return (self.fft_samples - self.hop_samples) // 2


class LogMel(nn.Module):
    """Samples to log-mel frames with torchaudio's mel filter bank.

    Args:
        config: Settings of the front end.
    """

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = torchaudio.transforms.Spectrogram(
            n_fft=config.fft_samples, hop_length=config.hop_samples, power=None, center=False
        )
        self.mel = torchaudio.transforms.MelScale(
            n_mels=config.mel_bands,
            sample_rate=config.rate_hz,
            f_min=config.min_hz,
            f_max=config.max_hz,
            n_stft=config.fft_samples // 2 + 1,
        )

    def forward(self, samples: Tensor) -> Tensor:
        """Compute log-mel frames.

        Args:
            samples: (batch, samples) float32 at `config.rate_hz`; outside, the sound counts as silent.

        Returns:
            (batch, frames, mel) float32, 0 where silent; frames = ceil(samples / hop), at least 1.
        """
        config = self.config
        frames = max(1, -(-samples.shape[-1] // config.hop_samples))
        missing = frames * config.hop_samples - samples.shape[-1]
        padded = nn.functional.pad(samples, (config.edge_samples, config.edge_samples + missing))
        with torch.autocast(samples.device.type, enabled=False):
            # torchaudio's power=2 goes through abs(), a hypotenuse per bin: three times as slow as this
            parts = torch.view_as_real(self.spectrum(padded.float()))
            real, imaginary = parts[..., 0], parts[..., 1]
            power = self.mel(torch.addcmul(real.square(), imaginary, imaginary))
            return logmel_from_power(power / config.floor_power).transpose(-1, -2)


def logmel_from_power(power: Tensor) -> Tensor:
    """Compress mel power, given in units of the floor, to features: `log1p(power) / 8`."""
    return _SCALE * torch.log1p(power)


def power_from_logmel(features: Tensor) -> Tensor:
    """Undo `logmel_from_power`."""
    return torch.expm1(features / _SCALE)


def amplify(features: Tensor, power_gain: Tensor) -> Tensor:
    """Features of the sound after a gain of its mel power, exact but for rounding; silence stays silent.

    Args:
        features: (batch, frames, mel).
        power_gain: Broadcasts against `features`; not negative.
    """
    # as logmel_from_power(power_gain * power_from_logmel(features)), without an array for each operation
    return (features / _SCALE).expm1_().mul_(power_gain).log1p_().mul_(_SCALE)
