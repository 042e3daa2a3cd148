"""Two looks at one clip that should sound alike: background, fade, and a resized crop, on batches of log-mel frames.

The distortions are those of BYOL-A (Niizumi et al., IJCNN 2021), with these departures: the background is another
segment of the same batch, not of a queue of past ones; nothing is normalised, since the front end's scale is fixed.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from aed.features.logmel import logmel_from_power, power_from_logmel
from aed.features.spectrogram_augment import SpectrogramAugmentConfig, augment_frames
from aed.settings import Settings


class ViewConfig(Settings):
    """How strongly the views of a segment differ; all drawn uniformly and per segment.

    Attributes:
        background: Largest share of the mel power that is another segment's.
        fade_db: Largest gain at either end of a view, either way; linear in dB between the ends.
        frames: Distortion of the log-mel frames: the resized crop, perhaps masks and an equaliser.
    """

    background: float = Field(0.2, ge=0, lt=1)
    fade_db: float = Field(4.0, ge=0)
    frames: SpectrogramAugmentConfig = SpectrogramAugmentConfig(
        probability=1.0, stretch=0.2, mel_stretch=0.1, mel_shift=0.04, equalizer_db=0.0, masks=0
    )


def draw_view(segments: Tensor, config: ViewConfig, generator: torch.Generator) -> Tensor:
    """Distort a batch of segments.

    Args:
        segments: (batch, frames, mel), 0 where silent.
        config: Strengths.
        generator: Decides everything that is random, on the CPU.

    Returns:
        (batch, frames, mel).
    """
    power = power_from_logmel(segments)
    power = _with_background(power, config.background, generator) * _fade(power, config.fade_db, generator)
    return augment_frames(logmel_from_power(power), config.frames, generator)


def _with_background(power: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Blend mel power with that of other segments, of which each serves once: powers add, log-mel frames do not."""
    share = (largest * torch.rand(len(power), 1, 1, generator=generator)).to(power.device)
    other = torch.randperm(len(power), generator=generator).to(power.device)
    return torch.lerp(power, power[other], share)


def _fade(power: Tensor, largest_db: float, generator: torch.Generator) -> Tensor:
    """Gain of mel power over time: (batch, frames, 1)."""
    first_db, last_db = largest_db * (2 * torch.rand(2, len(power), 1, generator=generator) - 1)
    gain_db = torch.lerp(first_db, last_db, torch.linspace(0, 1, power.shape[1]))
    return (10 ** (gain_db / 10))[:, :, None].to(power.device)
