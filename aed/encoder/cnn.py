"""A small convolutional network over log-mel frames, in three sizes.

A plain VGG-like stack (PANNs' Cnn6 without its fully connected layers, Kong et al. 2020), with these departures: the
first block is a convolution of 4 x 4 at a stride of 2 instead of one of 3 x 3 that is pooled, which sees as much and
spares the largest maps; the time axis is pooled in the first two blocks only, so that an embedding comes every 80 ms;
frequency is averaged at the end; time is left to the model's own pooling. Where a decision is taken at every time and
half a second is too little to go by, temporal blocks widen what an embedding sees: depthwise convolutions over time
whose dilation doubles from block to block (Bai et al., *An empirical evaluation of generic convolutional and recurrent
networks for sequence modeling*, 2018, arXiv 1803.01271), here centred and not causal.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from aed.encoder.base import Encoder
from aed.encoder.mean_pool import MeanPool
from aed.settings import Settings

Size = Literal["small", "medium", "large"]

CHANNELS: dict[Size, tuple[int, ...]] = {
    "small": (16, 32, 64, 128),  # 0.1 M parameters
    "medium": (32, 64, 128, 320),  # 0.5 M
    "large": (96, 192, 384, 896),  # 4 M
}
_STEM_KERNEL, _STEM_STRIDE = 4, 2
_KERNEL = 3
_POOLS = ((2, 2), (1, 4), (1, 1))
"""Pooling of time and mel after each later block: 4 frames of 20 ms make an embedding of 80 ms."""


class CnnConfig(Settings):
    """Settings of the convolutional encoder.

    Attributes:
        name: Which encoder this is.
        size: small, medium or large: about 0.1, 0.5 and 4 million parameters.
        temporal_blocks: Blocks over time on top; with one to four of them an embedding sees 0.7, 1.0, 1.6 or 2.9 s
            instead of 0.5 s.
    """

    name: Literal["cnn"] = "cnn"
    size: Size = "small"
    temporal_blocks: int | None = Field(None, ge=1, le=4)


class CnnEncoder(Encoder):
    """Four blocks of convolution, batch norm and ReLU; the first convolution strides, later maps are average-pooled.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        channels = CHANNELS[config.size]
        self.blocks = nn.ModuleList([_stem(channels[0])])
        self.stride_frames, self.receptive_field_frames = _STEM_STRIDE, _STEM_KERNEL
        for (before, after), pool in zip(pairwise(channels), _POOLS, strict=True):
            self.blocks.append(_block(before, after, pool))
            self.receptive_field_frames += (_KERNEL - 1 + pool[0] - 1) * self.stride_frames
            self.stride_frames *= pool[0]
        self.dim = channels[-1]
        self.mean_over_mel = MeanPool(1, None)
        self.temporal = nn.ModuleList()
        for dilation in (2**place for place in range(config.temporal_blocks or 0)):
            self.temporal.append(_temporal_block(self.dim, dilation))
            self.receptive_field_frames += (_KERNEL - 1) * dilation * self.stride_frames
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack memory_format

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames; see `Encoder.forward`."""
        maps = frames[:, None].contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            maps = block(maps)
        over_time: Tensor = self.mean_over_mel(maps).squeeze(-1)
        for block in self.temporal:
            over_time = over_time + block(over_time)
        return over_time.transpose(1, 2)


def _stem(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, channels, _STEM_KERNEL, _STEM_STRIDE, padding=_STEM_KERNEL // 2 - 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _temporal_block(channels: int, dilation: int) -> nn.Sequential:
    around = dilation * (_KERNEL // 2)
    return nn.Sequential(
        nn.Conv1d(channels, channels, _KERNEL, padding=around, dilation=dilation, groups=channels, bias=False),
        nn.Conv1d(channels, channels, 1, bias=False),
        nn.BatchNorm1d(channels),
        nn.ReLU(inplace=True),
    )


def _block(before: int, after: int, pool: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, _KERNEL, padding=_KERNEL // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        MeanPool(*pool) if pool != (1, 1) else nn.Identity(),
    )
