"""A model as a chain of layers over time, each of which says how far it reaches: what streaming needs to know of it.

A layer of kernel k and stride s that reads p inputs before its own (its padding) needs, for n new inputs, the last
k - s inputs of before: of those and the new ones it makes n / s outputs. For a clip by itself, p zeros stand before it
and k - s - p after it. So one module serves both, if whoever calls it puts before and after the new inputs what belongs
there:

    stream   |k - s kept|======== n new ========|
    clip       |p zeros|======== n inputs ========|zeros|

Batch norms are folded into the convolution before them; convolutions over time are computed in two dimensions, as which
onnxruntime computes them ten times as fast.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aed.encoder.base import Encoder
from aed.encoder.cnn import CnnEncoder
from aed.encoder.mean_pool import MeanPool
from aed.export.folded_logmel import FoldedLogMel
from aed.features.logmel import LogMel
from aed.model import TreeModel

MAPS_TIME_AXIS = 2
"""Of maps (batch, channel, time, mel)."""
FLAT_TIME_AXIS = 1
"""Of samples (batch, samples) and embeddings (batch, time, dim)."""

TO_THE_END = sys.maxsize
"""Where a part stops that goes on to the end."""


@torch.library.custom_op("aed::part", mutates_args=())
def part(values: Tensor, axis: int, start: int, stop: int) -> Tensor:
    """A part along an axis, as Python counts, from the end too: one step of the graph, whatever the length.

    torch's own slices become half a dozen of them where the length is not known.
    """
    return values.movedim(axis, 0)[start:stop].movedim(0, axis).clone()


@part.register_fake
def _shape_of_part(values: Tensor, axis: int, start: int, stop: int) -> Tensor:
    size = values.shape[axis]
    first, last = (size + place if place < 0 else place for place in (start, stop))
    shape = [*values.shape]
    shape[axis] = (size if stop == TO_THE_END else last) - first
    return values.new_empty(shape)


@dataclass(frozen=True)
class Reach:
    """How far a layer reaches over time, in its inputs.

    Attributes:
        kernel: Inputs that one output sees.
        stride: Inputs from an output to the next.
        before: Inputs that it sees before its own.
    """

    kernel: int
    stride: int
    before: int

    @property
    def kept(self) -> int:
        """Inputs of before that a stream keeps."""
        return self.kernel - self.stride

    def first_new(self, output: int) -> int:
        """Index of the first new input of the call that makes this output first."""
        return output * self.stride - self.before + self.kept


class TimedLayer(nn.Module):
    """A layer that takes its inputs with what stands before and after them.

    Attributes:
        reach: How far it sees.
        time_axis: Axis of the time in its input.
        is_padded: Whether zeros stand around a clip; else the layer sees to that itself.
    """

    reach: Reach
    time_axis = MAPS_TIME_AXIS
    is_padded = True

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self.reach = reach

    @property
    def zeros_before(self) -> int:
        """Zeros that stand before a clip by itself."""
        return self.reach.before if self.is_padded else 0

    @property
    def zeros_after(self) -> int:
        """Zeros that stand after it."""
        return self.reach.kept - self.reach.before if self.is_padded else 0


class FrontEndLayer(TimedLayer):
    """Samples (1, samples) to maps (1, 1, frames, mel)."""

    time_axis = FLAT_TIME_AXIS

    def __init__(self, logmel: LogMel) -> None:
        config = logmel.config
        super().__init__(Reach(config.fft_samples, config.hop_samples, config.edge_samples))
        self.front_end = FoldedLogMel(logmel)

    def forward(self, samples: Tensor) -> Tensor:
        """Compute log-mel frames."""
        return self.front_end.of_padded(samples)[:, None]


class MapsLayer(TimedLayer):
    """A convolution over maps and what follows it up to the next: activation and pooling."""

    def __init__(self, block: nn.Sequential, mean_over_mel: nn.Module | None) -> None:
        convolution = block[0]
        assert isinstance(convolution, nn.Conv2d)
        pools = [part.rows for part in block if isinstance(part, MeanPool)]
        pool = pools[0] if pools else 1
        before, stride = int(convolution.padding[0]), convolution.stride[0]
        super().__init__(Reach(convolution.kernel_size[0] + (pool - 1) * stride, stride * pool, before))
        convolution.padding = (0, int(convolution.padding[1]))
        self.block, self.mean_over_mel = block, mean_over_mel or nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve: (1, channel, time, mel) -> (1, channel, fewer times, mel)."""
        result: Tensor = self.mean_over_mel(self.block(maps))
        return result


class TemporalLayer(TimedLayer):
    """A residual block over time on maps of a width of one."""

    def __init__(self, block: nn.Sequential) -> None:
        self_reach = [_reach_over_time(part) for part in block if isinstance(part, nn.Conv1d)]
        around = sum(reach.before for reach in self_reach)
        super().__init__(Reach(2 * around + 1, 1, around))
        self.around = around
        self.block = nn.Sequential(*(_in_two_dimensions(part) for part in block))

    def forward(self, maps: Tensor) -> Tensor:
        """Add what the block says of its surroundings to each time: (1, channel, time, 1), fewer times."""
        inner: Tensor = part(maps, MAPS_TIME_AXIS, self.around, -self.around)
        result: Tensor = inner + self.block(maps)
        return result


class WholeEncoder(TimedLayer):
    """An encoder whose layers nobody here knows: a stream computes its context anew.

    Its outputs at both ends have not seen what they should; whoever reads them leaves those out.
    """

    is_padded = False

    def __init__(self, encoder: Encoder, context_frames: int) -> None:
        super().__init__(Reach(2 * context_frames + encoder.stride_frames, encoder.stride_frames, context_frames))
        self.encoder = encoder

    def forward(self, maps: Tensor) -> Tensor:
        """Embed: (1, 1, frames, mel) -> (1, dim, time, 1)."""
        embeddings: Tensor = self.encoder(maps[:, 0])
        return embeddings.transpose(1, 2)[..., None]


def layers_of(model: TreeModel) -> list[TimedLayer]:
    """Take a model apart, up to its embeddings (1, dim, time, 1); it is copied."""
    assert isinstance(model.features, LogMel)
    encoder = copy.deepcopy(model.encoder).cpu().eval()
    _fold_batch_norms(encoder)
    _write_nowhere(encoder)
    front_end = FrontEndLayer(model.features)
    if not isinstance(encoder, CnnEncoder):
        context = model.layout.lead_samples // model.config.features.hop_samples
        return [front_end, WholeEncoder(encoder, context)]
    *blocks, last = map(_sequential, encoder.blocks)
    maps = [MapsLayer(block, None) for block in blocks] + [MapsLayer(last, encoder.mean_over_mel)]
    return [front_end, *maps, *(TemporalLayer(_sequential(block)) for block in encoder.temporal)]


def _sequential(block: nn.Module) -> nn.Sequential:
    assert isinstance(block, nn.Sequential)
    return block


def _fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution right before it."""
    for sequence in [found for found in module.modules() if isinstance(found, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            first, second = sequence[place], sequence[place + 1]
            if isinstance(first, nn.Conv1d | nn.Conv2d) and isinstance(second, nn.BatchNorm1d | nn.BatchNorm2d):
                sequence[place], sequence[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()


def _write_nowhere(module: nn.Module) -> None:
    """Replace every ReLU that overwrites: one that overwrites a view is copied back by the graph."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.ReLU())


def _reach_over_time(convolution: nn.Conv1d) -> Reach:
    kernel = (convolution.kernel_size[0] - 1) * convolution.dilation[0] + 1
    return Reach(kernel, 1, (kernel - 1) // 2)


def _in_two_dimensions(part: nn.Module) -> nn.Module:
    """What a convolution over time computes, without its padding, over maps of a width of one."""
    if not isinstance(part, nn.Conv1d):
        return part
    over_maps = nn.Conv2d(
        part.in_channels,
        part.out_channels,
        (part.kernel_size[0], 1),
        dilation=(part.dilation[0], 1),
        groups=part.groups,
        bias=part.bias is not None,
    )
    over_maps.weight = nn.Parameter(part.weight[..., None])
    over_maps.bias = part.bias
    return over_maps.to(torch.float32)
