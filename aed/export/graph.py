"""A `TreeModel` as an ONNX graph: waveform in, log P(node) over time and of the whole clip out.

    samples (1, samples) -> log-mel frames -> embeddings -> windows -> head -> log_p (1, row, node)
                                                        `-> clip    -> head -> clip_log_p (1, node)

The maths is the model's own; what is rewritten beforehand changes at most the order of sums: the front end
(`FoldedLogMel`), batch norms, which become part of the convolution before them, and convolutions over time, which
onnxruntime computes ten times as fast in two dimensions.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aed.errors import ModelError, missing_extra
from aed.export.folded_logmel import FoldedLogMel
from aed.features.logmel import LogMel
from aed.model import TreeModel
from aed.scorer.onnx_card import BLOCK_OUTPUT, CLIP_OUTPUT, INPUT

if TYPE_CHECKING:
    import onnx

_EXAMPLE_EMBEDDINGS = 500
"""Length of the trace, more than any context; it leaves no mark in the graph."""
_MOST_EMBEDDINGS = 2**20
"""An upper bound that torch asks for; a day of sound."""


def onnx_graph(model: TreeModel) -> onnx.ModelProto:
    """Turn a model into an ONNX graph, without metadata.

    Raises:
        ModelError: The encoder does something that ONNX cannot say.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    return traced(WaveformModel(model), model.embedding_samples, (BLOCK_OUTPUT, CLIP_OUTPUT))


def traced(module: nn.Module, step_samples: int, outputs: Sequence[str]) -> onnx.ModelProto:
    """Trace a network that takes a recording of any length.

    Args:
        module: Takes (1, samples).
        step_samples: The number of samples must be a multiple of it.
        outputs: Names of what it returns.

    Raises:
        ModelError: It does something that ONNX cannot say.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    length = step_samples * Dim("embeddings", min=2, max=_MOST_EMBEDDINGS)
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                module.eval(),
                (torch.zeros(1, _EXAMPLE_EMBEDDINGS * step_samples),),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=outputs,
                dynamic_shapes=({1: length},),
                custom_translation_table={torch.ops.aten.log_sigmoid.default: _log_sigmoid()},
            )
    except ImportError as error:
        raise missing_extra("Exporting a model", "export") from error
    except torch.onnx.errors.OnnxExporterError as error:
        raise ModelError(f"the model cannot be exported to ONNX: {_first_line(error)}; change its encoder") from error
    assert program is not None
    return _with_named_length(program.model_proto)


def _log_sigmoid() -> Callable[[Any], Any]:
    """The exporter's own log(sigmoid(x)) is -inf where a decision is sure, and the sums along a path then no number."""
    from onnxscript import opset20

    return lambda logits: opset20.Neg(opset20.Softplus(opset20.Neg(logits)))


class WaveformModel(nn.Module):
    """What is exported: both answers of a model about one recording.

    Args:
        model: The model; it is copied.
    """

    def __init__(self, model: TreeModel) -> None:
        super().__init__()
        assert isinstance(model.features, LogMel)
        self.front_end = FoldedLogMel(model.features)
        self.model = copy.deepcopy(model).cpu().eval()
        _fold_batch_norms(self.model.encoder)
        _put_in_two_dimensions(self.model.encoder)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Score: (1, samples) -> log P of the windows (1, row, node) and of the clip (1, node)."""
        embeddings: Tensor = self.model.encoder(self.front_end(samples))
        return self.model.decide_windows(embeddings), self.model.decide(embeddings).log_p


def _fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution right before it."""
    for sequence in [found for found in module.modules() if isinstance(found, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            first, second = sequence[place], sequence[place + 1]
            if isinstance(first, nn.Conv1d | nn.Conv2d) and isinstance(second, nn.BatchNorm1d | nn.BatchNorm2d):
                sequence[place], sequence[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()


def _put_in_two_dimensions(module: nn.Module) -> None:
    """Replace every convolution over time by one over maps of a width of one, and every ReLU that overwrites."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv1d):
                setattr(parent, name, _TimeConvolution(child))
            elif isinstance(child, nn.ReLU):  # one that overwrites a view is copied back by the graph
                setattr(parent, name, nn.ReLU())


class _TimeConvolution(nn.Module):
    """What a one-dimensional convolution computes, by a two-dimensional one."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, values: Tensor) -> Tensor:
        """Convolve: (batch, channel, time) -> (batch, channel, time)."""
        over = self.convolution
        assert not isinstance(over.padding, str)
        maps = nn.functional.conv2d(
            values.unsqueeze(-1),
            over.weight.unsqueeze(-1),
            over.bias,
            stride=(over.stride[0], 1),
            padding=(over.padding[0], 0),
            dilation=(over.dilation[0], 1),
            groups=over.groups,
        )
        return maps.squeeze(-1)


def _with_named_length(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Give the input's length, which torch calls by a formula, the name of the input."""
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_param = INPUT
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes to itself; what goes wrong is an exception."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
