"""The front end for export: the discrete Fourier transform as four small matrices.

A convolution with sines and cosines multiplies every sample of a frame with every frequency. Two symmetries of these
waves, for a frame x of N samples that is windowed already and every k = 0 .. N / 2, quarter the work and change only
the order of sums:

    a(n) = x(n) + x(N - n),  b(n) = x(n) - x(N - n)                                      for n = 0 .. N / 2          (1)
    Re X(k) = sum over n = 0 .. N / 4 of (a(n) + a(N / 2 - n)) cos(2 pi k n / N)         for even k                  (2)
    Re X(k) = sum over n = 0 .. N / 4 of (a(n) - a(N / 2 - n)) cos(2 pi k n / N)         for odd k
    Im X(k) = sum over n = 0 .. N / 4 of (b(N / 2 - n) - b(n)) sin(2 pi k n / N)         for even k
    Im X(k) = - sum over n = 0 .. N / 4 of (b(n) + b(N / 2 - n)) sin(2 pi k n / N)       for odd k

Where n and its partner are one sample, it is counted half. The mel filters follow as one matrix, with the floor's power
divided out; the sign of Im X is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from aed.errors import ConfigError
from aed.features.logmel import LogMel, logmel_from_power

Waves = Callable[[Tensor], Tensor]


class FoldedLogMel(nn.Module):
    """Computes what a `LogMel` does, for one recording of whole hops.

    Args:
        logmel: The model's front end.

    Raises:
        ConfigError: Its frames have an odd length, which cannot be folded.
    """

    window: Tensor
    cos_even: Tensor
    cos_odd: Tensor
    sin_even: Tensor
    sin_odd: Tensor
    mel_even: Tensor
    mel_odd: Tensor

    def __init__(self, logmel: LogMel) -> None:
        super().__init__()
        config = logmel.config
        size = config.fft_samples
        if size % 2:
            raise ConfigError(f"model.features.fft_samples must be even for an export, got {size}")
        self.config, self.quarter = config, size // 4 + 1
        self.register_buffer("window", logmel.spectrum.window.clone())
        mel = logmel.mel.fb / config.floor_power
        for name, first in (("even", 0), ("odd", 1)):
            frequencies = torch.arange(first, size // 2 + 1, 2)
            self.register_buffer(f"cos_{name}", _waves(torch.cos, frequencies, size))
            self.register_buffer(f"sin_{name}", _waves(torch.sin, frequencies, size))
            self.register_buffer(f"mel_{name}", mel[frequencies].contiguous())

    def forward(self, samples: Tensor) -> Tensor:
        """Compute log-mel frames with silence around: (1, samples), whole hops, -> (1, frames, mel)."""
        edge = self.config.edge_samples
        return self.of_padded(nn.functional.pad(samples, (edge, edge)))

    def of_padded(self, samples: Tensor) -> Tensor:
        """Compute log-mel frames: (1, edge + whole hops + edge) samples -> (1, frames, mel)."""
        frames = self.window * self._frames(samples)
        power = self._power(frames)
        return logmel_from_power(power)[None]

    def _frames(self, samples: Tensor) -> Tensor:
        """Cut into overlapping frames: (1, edge + whole hops + edge) -> (frames, fft)."""
        config = self.config
        hops = -(-config.fft_samples // config.hop_samples)
        last = hops - 1
        missing = last * config.hop_samples - 2 * config.edge_samples
        if missing:
            samples = nn.functional.pad(samples, (0, missing))
        pieces = samples.reshape(-1, config.hop_samples)
        shifted = [pieces[first : first - last if first < last else None] for first in range(hops)]
        return torch.cat(shifted, dim=1)[:, : config.fft_samples]

    def _power(self, frames: Tensor) -> Tensor:
        """Mel power in units of the floor, by (1) and (2): (frames, fft) -> (frames, mel)."""
        half, quarter = self.config.fft_samples // 2, self.quarter
        first, third = frames[:, :quarter], frames[:, half : half + quarter]
        second = frames[:, half + 1 - quarter : half + 1].flip(1)
        # x(N) is the next frame's; x(0) may stand for it, since the window is 0 there
        fourth = torch.cat([frames[:, :1], frames[:, half + half + 1 - quarter :].flip(1)], dim=1)
        near_sum, near_difference = first + fourth, first - fourth
        far_sum, far_difference = second + third, second - third
        even = _square((near_sum + far_sum) @ self.cos_even) + _square(
            (near_difference - far_difference) @ self.sin_even
        )
        odd = _square((near_sum - far_sum) @ self.cos_odd) + _square((near_difference + far_difference) @ self.sin_odd)
        return even @ self.mel_even + odd @ self.mel_odd


def _square(values: Tensor) -> Tensor:
    """As a product, which onnxruntime computes faster than a power."""
    return values * values


def _waves(function: Waves, frequencies: Tensor, size: int) -> Tensor:
    """Samples of a sine or cosine at frequencies, half where n is its own partner: (quarter, frequency) float32."""
    places = torch.arange(size // 4 + 1)
    weights = torch.where((places == 0) | (4 * places == size), 0.5, 1.0).double()
    phases = 2 * math.pi * ((places[:, None] * frequencies) % size).double() / size
    return (weights[:, None] * function(phases)).float()
