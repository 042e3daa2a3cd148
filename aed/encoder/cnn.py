"""A small convolutional network over log-mel frames, in three sizes.

A plain VGG-like stack (PANNs' Cnn6 without its fully connected layers, Kong et al. 2020), with these departures: the
time axis is pooled in the first two blocks only, so that an embedding comes every 80 ms; frequency is averaged at the
end; time is left to the model's own pooling.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from aed.encoder.base import Encoder
from aed.encoder.first_block import FirstBlock
from aed.encoder.mean_pool import MeanPool

Size = Literal["small", "medium", "large"]

CHANNELS: dict[Size, tuple[int, ...]] = {
    "small": (16, 32, 64, 128),  # 0.1 M parameters
    "medium": (32, 64, 128, 320),  # 0.5 M
    "large": (96, 192, 384, 896),  # 4 M
}
_TIME_STRIDES = (2, 2, 1, 1)
"""Pooling of time after each block: 4 frames of 20 ms make an embedding of 80 ms."""
_MEL_STRIDES = (2, 2, 2, 1)
_KERNEL = 3


class CnnConfig(BaseModel):
    """Settings of the convolutional encoder.

    Attributes:
        name: Which encoder this is.
        size: small, medium or large: about 0.1, 0.5 and 4 million parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["cnn"] = "cnn"
    size: Size = "small"


class CnnEncoder(Encoder):
    """Four blocks of convolution, batch norm, ReLU and average pooling.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        channels = CHANNELS[config.size]
        self.blocks = nn.ModuleList()
        self.dim, self.stride_frames, self.receptive_field_frames = channels[-1], 1, 1
        for before, after, time, mel in zip((1, *channels), channels, _TIME_STRIDES, _MEL_STRIDES, strict=False):
            self.blocks.append(_block(before, after, (time, mel)) if self.blocks else FirstBlock(after))
            self.receptive_field_frames += (_KERNEL - 1 + time - 1) * self.stride_frames
            self.stride_frames *= time
        self.mean_over_mel = MeanPool(1, None)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack memory_format

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames; see `Encoder.forward`."""
        maps = frames
        for block in self.blocks:
            maps = block(maps)
        pooled: Tensor = self.mean_over_mel(maps)
        return pooled[..., 0].transpose(1, 2)


def _block(before: int, after: int, pool: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, _KERNEL, padding=_KERNEL // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        MeanPool(*pool) if pool != (1, 1) else nn.Identity(),
    )
