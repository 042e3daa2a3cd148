"""The first block of a convolutional encoder, trained on a processor at a third of the usual cost, to the same result.

Convolution, batch norm, ReLU and 2 x 2 pooling of a single input map move the largest maps of the network through the
memory some ten times, and that is what takes the time. Two exact rewritings avoid most of it:

- A map that a convolution makes is linear in the taps under the kernel. So its mean and variance over the batch follow
  from the taps' own mean and second moment (16 x 16) before any map is made; the normalisation is folded into the
  kernel, and autograd differentiates the small matrices.
- The four maps that pooling averages are made apart, each by one matrix product with the same patches of 4 x 4 taps, so
  that pooling is a sum of whole arrays.

A miniature in one dimension, kernel (u, v, w), pooling by 2: of the patch (a, b, c, d) of the padded signal, the kernel
(u, v, w, 0) makes one of the two neighbours that are averaged and (0, u, v, w) the other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from aed.encoder.mean_pool import MeanPool, sum_in_pairs

_KERNEL, _POOL = 3, 2
_PATCH = _KERNEL + _POOL - 1
_PHASES = tuple((row, column) for row in range(_POOL) for column in range(_POOL))
"""Where in the patch the kernel lies, for each of the maps that are averaged."""
_PATCHES_AT_ONCE = 8_192
"""Whose products are summed at once: half a megabyte in float32."""


class FirstBlock(nn.Sequential):
    """Convolution of one map into several, batch norm, ReLU, average pooling by 2 x 2.

    Args:
        channels: Number of maps made.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(1, channels, _KERNEL, padding=_KERNEL // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            MeanPool(_POOL, _POOL),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Make pooled maps: (batch, frames, mel) -> (batch, channels, frames / 2, mel / 2), channels last in memory."""
        halves = frames.shape[1] % _POOL == frames.shape[2] % _POOL == 0
        if self.training and halves and frames.device.type == "cpu":
            return self._train_folded(frames)
        return self._plainly(frames)

    def _plainly(self, frames: Tensor) -> Tensor:
        maps: Tensor = frames[:, None].contiguous(memory_format=torch.channels_last)
        for part in self:
            maps = part(maps)
        return maps

    def _train_folded(self, frames: Tensor) -> Tensor:
        convolution, norm = self[0], self[1]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else frames.dtype
        with torch.autocast("cpu", enabled=False):
            patches = _patches(frames.detach().to(dtype))
            moments = _moments(patches, norm.weight.dtype)
            kernels = _folded_kernels(convolution.weight, norm, moments, len(_PHASES) * patches.shape[1], dtype)
            maps = [(patches.T @ kernel).relu_() for kernel in kernels]
            pooled = sum_in_pairs(maps)
            shape = (len(frames), frames.shape[1] // _POOL, frames.shape[2] // _POOL, -1)
            return pooled.view(shape).permute(0, 3, 1, 2)


def _folded_kernels(
    weight: Tensor, norm: nn.BatchNorm2d, moments: Tensor, num_values: int, dtype: torch.dtype
) -> Tensor:
    """Fold a batch norm and the pooling's mean into a kernel: (phase, tap, channel), the last tap being a constant 1.

    Args:
        weight: (channel, 1, 3, 3), the convolution's.
        norm: Its running statistics follow the batch.
        moments: (tap, tap) mean products of the taps and of the constant.
        num_values: Values of a map in the batch.
        dtype: Of the result. The constant makes good for the rounding of the kernel, so that the mean is met.
    """
    tap_means, tap_products = moments[-1, :-1], moments[:-1, :-1]
    kernels = torch.stack([_placed(weight[:, 0], *phase) for phase in _PHASES])
    mean = (kernels @ tap_means).mean(dim=0)
    variance = (((kernels @ tap_products) * kernels).sum(dim=2).mean(dim=0) - mean.square()).clamp_min(0)
    _follow(norm, mean, variance, num_values)
    scale = norm.weight * torch.rsqrt(variance + norm.eps) / len(_PHASES)
    folded = (kernels * scale[:, None]).to(dtype)
    bias = norm.bias / len(_PHASES) - (folded.to(moments.dtype) @ tap_means).mean(dim=0)
    constant = bias.to(dtype).expand(len(_PHASES), -1)
    return torch.cat([folded, constant[:, :, None]], dim=2).transpose(1, 2)


def _patches(frames: Tensor) -> Tensor:
    """Taps of all 4 x 4 patches at a stride of 2, and a constant 1: (tap, patch)."""
    batch, num_frames, num_mels = frames.shape
    padded = pad(frames, (1, 1, 1, 1))
    places = ((row, column) for row in range(_PATCH) for column in range(_PATCH))
    taps = [padded[:, row : row + num_frames : _POOL, column : column + num_mels : _POOL] for row, column in places]
    return torch.stack([*taps, frames.new_ones(batch, num_frames // _POOL, num_mels // _POOL)]).flatten(1)


def _moments(patches: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean products of the taps, (tap, patch) -> (tap, tap): of some patches at a time, which stay in the cache."""
    parts = (part.to(dtype) for part in torch.split(patches, _PATCHES_AT_ONCE, dim=1))
    return torch.stack([part @ part.T for part in parts]).sum(dim=0) / patches.shape[1]


def _placed(kernel: Tensor, row: int, column: int) -> Tensor:
    """Kernel at a place in the patch, zero around it: (channel, 3, 3) -> (channel, tap)."""
    room = _PATCH - _KERNEL
    return pad(kernel, (column, room - column, row, room - row)).flatten(1)


@torch.no_grad()
def _follow(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, num_values: int) -> None:
    """Let the running statistics of a batch norm follow a batch, as its own forward pass does."""
    assert norm.momentum is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (num_values / (num_values - 1)), norm.momentum)
    norm.num_batches_tracked += 1
