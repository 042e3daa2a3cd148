"""What distorts batches of log-mel frames for training: stretched and shifted crops, masks. Silence is 0 throughout."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from aed.features.logmel import amplify
from aed.settings import Settings

_EQUALIZER_KNOTS = 7


class SpectrogramAugmentConfig(Settings):
    """How strongly log-mel frames are distorted; all drawn uniformly and per clip.

    Attributes:
        probability: Share of the clips that are resized, and, drawn anew, of those that are masked. Below 1: resizing
            smooths the grain of stationary noise, and rain is little else than its grain, so some clips stay sharp.
        stretch: Largest relative change of the time scale, either way (a change of tempo).
        mel_stretch: Largest relative change of the mel scale, either way (a change of vocal-tract length).
        mel_shift: Largest shift along mel, as a share of the bands, either way (a change of pitch).
        equalizer_db: Largest gain at each of the seven knots of a random equaliser along mel (a microphone, a room).
        masks: Number of time masks and of mel masks.
        mask_share: Largest width of a mask, as a share of its axis.
    """

    probability: float = Field(0.5, ge=0, le=1)
    stretch: float = Field(0.3, ge=0, lt=1)
    mel_stretch: float = Field(0.15, ge=0, lt=1)
    mel_shift: float = Field(0.04, ge=0, lt=1)
    equalizer_db: float = Field(6.0, ge=0)
    masks: int = Field(2, ge=0)
    mask_share: float = Field(0.15, ge=0, lt=1)


def augment_frames(frames: Tensor, config: SpectrogramAugmentConfig, generator: torch.Generator) -> Tensor:
    """Distort a batch: resized crop (BYOL-A, Niizumi et al. 2021), equaliser, masks (SpecAugment, Park et al. 2019).

    Args:
        frames: (batch, frames, mel), 0 where silent.
        config: Strengths.
        generator: Decides everything that is random, on the CPU.

    Returns:
        (batch, frames, mel).
    """
    distorted = frames.clone()
    with torch.autocast(frames.device.type, enabled=False):  # places in the grid need more than bf16's eight bits
        drawn = _drawn(len(frames), config.probability, generator)
        if len(drawn):  # the grid of no clip is an error
            resized = _resize_and_shift(frames[drawn].float(), config, generator)
            distorted[drawn] = _equalize(resized, config.equalizer_db, generator).to(frames.dtype)
        drawn = _drawn(len(frames), config.probability, generator)
        masks = _outside_masks((len(drawn), *frames.shape[1:]), config, generator)
        distorted[drawn] *= masks.to(frames.device, frames.dtype)
    return distorted


def _drawn(batch: int, probability: float, generator: torch.Generator) -> Tensor:
    """Which clips are distorted: (drawn,) int64."""
    return (torch.rand(batch, generator=generator) < probability).nonzero()[:, 0]


def _uniform(batch: int, largest: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(batch, generator=generator) - 1) * largest


def _resize_and_shift(frames: Tensor, config: SpectrogramAugmentConfig, generator: torch.Generator) -> Tensor:
    batch, num_frames, num_mels = frames.shape
    mel_scale = 1 + _uniform(batch, config.mel_stretch, generator)
    mel_shift = 2 * _uniform(batch, config.mel_shift, generator)  # the grid runs from -1 to 1
    time_scale = 1 + _uniform(batch, config.stretch, generator)
    time_shift = _uniform(batch, config.stretch, generator)
    mel_places = _places(num_mels) * mel_scale[:, None] + mel_shift[:, None]
    time_places = _places(num_frames) * time_scale[:, None] + time_shift[:, None]
    # an affine grid along the axes, which torch's affine_grid() makes eight times as slowly
    shape = (batch, num_frames, num_mels)
    grid = torch.stack([mel_places[:, None, :].expand(shape), time_places[:, :, None].expand(shape)], dim=-1)
    grid = grid.to(frames.device, frames.dtype)
    resized = torch.nn.functional.grid_sample(frames[:, None], grid, padding_mode="zeros", align_corners=False)
    return resized[:, 0]


def _places(size: int) -> Tensor:
    """Centres of the pixels of an axis that runs from -1 to 1: (size,)."""
    return (2 * torch.arange(size) + 1) / size - 1


def _equalize(frames: Tensor, largest_db: float, generator: torch.Generator) -> Tensor:
    if largest_db == 0:
        return frames
    knots_db = _uniform(frames.shape[0] * _EQUALIZER_KNOTS, largest_db, generator).view(-1, 1, _EQUALIZER_KNOTS)
    curve_db = torch.nn.functional.interpolate(knots_db, size=frames.shape[2], mode="linear", align_corners=True)
    return amplify(frames, (10 ** (curve_db / 10)).to(frames.device, frames.dtype))


def _outside_masks(shape: tuple[int, int, int], config: SpectrogramAugmentConfig, generator: torch.Generator) -> Tensor:
    """1 where no mask lies, else 0: (batch, frames, mel)."""
    batch, num_frames, num_mels = shape
    keep_time, keep_mel = torch.ones(batch, num_frames), torch.ones(batch, num_mels)
    for _ in range(config.masks):
        keep_time *= _outside_mask(batch, num_frames, config.mask_share, generator)
        keep_mel *= _outside_mask(batch, num_mels, config.mask_share, generator)
    return keep_time[:, :, None] * keep_mel[:, None, :]


def _outside_mask(batch: int, size: int, share: float, generator: torch.Generator) -> Tensor:
    width = torch.rand(batch, 1, generator=generator) * share * size
    start = torch.rand(batch, 1, generator=generator) * (size - width)
    position = torch.arange(size)[None]
    return ((position < start) | (position >= start + width)).float()
