"""A `TreeModel` as an ONNX graph that leaves what its layers need of the past in the caller's hands.

    samples (1, samples) -> log-mel frames -> ... -> embeddings (1, time, dim) -> decisions -> log_p (1, row, node)
                          ^ past_0, next_0  ^ past_1, next_1, ...               ^ rows

Every layer puts `past_i` before and `next_i` after its inputs and gives back `kept_i`, the past of the next call. So
one graph serves a stream (nothing after, before it what the last call kept) and a clip by itself (zeros, as many as
the layer pads with, on both sides). `rows` says which embeddings each decision looks at; where a decision is taken at
every time and decisions are pooled, there is no such input, and whoever asks pools them (`aed.scorer.time_pooling`).

The maths is the model's own; what is rewritten beforehand (`aed.export.layers`) changes at most the order of sums.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim

from aed.errors import ModelError, missing_extra
from aed.export.layers import FLAT_TIME_AXIS, TO_THE_END, Reach, TimedLayer, WholeEncoder, layers_of, part
from aed.model import TreeModel
from aed.scorer.kept_layer import KeptLayer
from aed.scorer.onnx_card import EMBEDDINGS, INPUT, ROWS, SCORES

if TYPE_CHECKING:
    import onnx

_EXAMPLE_EMBEDDINGS = 100
"""Length of the trace, more than any window; it leaves no mark in the graph."""
_EXAMPLE_ROWS, _EXAMPLE_WINDOW = 5, 3
_EXAMPLE_PAST = 4
"""Inputs of a layer before and after its own in the trace: a trace with none or one would take that for a law."""
_MOST = 2**20
"""An upper bound that torch asks for; a day of sound."""


class Example(NamedTuple):
    """An input to trace with.

    Attributes:
        value: The input.
        sizes: Its axes whose size may be another, and which, as `torch.export` says it.
    """

    value: Tensor
    sizes: dict[int, Any]


Examples = Example | Sequence["Examples"]
"""What a network takes, nested as it takes it."""


def onnx_graph(module: WaveformModel) -> onnx.ModelProto:
    """Turn a model into an ONNX graph, without metadata.

    Raises:
        ModelError: The encoder does something that ONNX cannot say.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    kept, pools_before = module.kept_layers(), module.model.config.time_pooling is None
    return traced(
        module,
        _examples(module.model, kept),
        inputs=[INPUT, *(name for layer in kept for name in layer.around_clip()), *([ROWS] if pools_before else [])],
        outputs=[SCORES, EMBEDDINGS, *(layer.output for layer in kept)],
    )


def traced(module: nn.Module, examples: Examples, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
    """Trace a network.

    Args:
        module: The network.
        examples: What it takes, in the order of its arguments.
        inputs: Names of what it takes.
        outputs: Names of what it returns.

    Raises:
        ModelError: It does something that ONNX cannot say.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                module.eval(),
                _values(examples),
                dynamo=True,
                verbose=False,
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=_sizes(examples),
                custom_translation_table=_translations(),
            )
    except ImportError as error:
        raise missing_extra("Exporting a model", "export") from error
    except torch.onnx.errors.OnnxExporterError as error:
        raise ModelError(f"the model cannot be exported to ONNX: {_first_line(error)}; change its encoder") from error
    assert program is not None
    return program.model_proto


def _values(examples: Examples) -> Any:
    return examples.value if isinstance(examples, Example) else tuple(map(_values, examples))


def _sizes(examples: Examples) -> Any:
    """What `torch.export` wants to know of sizes, in the nesting of the examples."""
    if isinstance(examples, Example):
        return examples.sizes
    return tuple(map(_sizes, examples))


def _translations() -> dict[Any, Callable[..., Any]]:
    """What the exporter says badly, or does not know."""
    from onnxscript import opset20

    def log_sigmoid(logits: Any) -> Any:
        """The exporter's own is -inf where a decision is sure, and the sums along a path then no number."""
        return opset20.Neg(opset20.Softplus(opset20.Neg(logits)))

    def sliced(values: Any, axis: int, start: int, stop: int) -> Any:
        numbers = [opset20.Constant(value_ints=[number]) for number in (start, stop, axis)]
        part: Any = opset20
        return part.Slice(values, *numbers)

    return {torch.ops.aten.log_sigmoid.default: log_sigmoid, torch.ops.aed.part.default: sliced}


class WaveformModel(nn.Module):
    """What is exported; see the top of this file.

    Args:
        model: The model; it is copied where it is changed.
    """

    def __init__(self, model: TreeModel) -> None:
        super().__init__()
        window = model.config.window
        self.layers = nn.ModuleList(layers_of(model))
        self.model = model
        overhang = (window.window_embeddings - window.row_embeddings) // 2
        self.windows = Reach(window.window_embeddings, window.row_embeddings, overhang)
        self.is_whole = isinstance(self.layers[-1], WholeEncoder)
        self.shares_embeddings = self.windows.kept > 0 and not self.is_whole

    @property
    def trail_samples(self) -> int:
        """Samples beyond a row that a stream must have heard to decide about it."""
        first = 0 if self.is_whole else self.windows.first_new(0)
        for layer in reversed(list(self._timed())):
            first = layer.reach.first_new(first)
        return first

    @property
    def first_embedding(self) -> int:
        """Where the first window of a stream's call begins, among the embeddings that the call knows."""
        layout = self.model.layout
        return layout.lead_samples // self.model.embedding_samples - self.windows.before if self.is_whole else 0

    def kept_layers(self) -> tuple[KeptLayer, ...]:
        """What the layers keep, in order; the last one is of the embeddings, where windows share some."""
        values, found = torch.zeros(1, self.model.embedding_samples), []
        for number, layer in enumerate(self._timed()):
            shape = [0 if axis == layer.time_axis else size for axis, size in enumerate(values.shape)]
            reach = layer.reach
            found.append(KeptLayer(number, tuple(shape), reach.kept, layer.zeros_before, layer.zeros_after))
            values = layer(torch.cat([torch.zeros(found[-1].over(reach.kept)), values], layer.time_axis))
        if self.shares_embeddings:
            found.append(KeptLayer(len(found), (1, 0, self.model.encoder.dim), self.windows.kept, 0, 0))
        return tuple(found)

    def forward(self, samples: Tensor, around: tuple[Tensor, ...], rows: Tensor | None = None) -> tuple[Tensor, ...]:
        """Score.

        Args:
            samples: (1, samples).
            around: Past and next of every layer, in order; no next of one that pads with nothing.
            rows: (row, window) int64, which embeddings each decision looks at; one decision about each without.

        Returns:
            log P (1, row, node) or (1, time, node), embeddings (1, time, dim), and what each layer keeps.
        """
        values, kept, given = samples, [], iter(around)
        for layer in self._timed():
            parts = [next(given), values, *([next(given)] if layer.zeros_after else [])]
            values = torch.cat(parts, layer.time_axis)
            kept.append(_last(values, layer.reach.kept, layer.time_axis))
            values = layer(values)
        embeddings = values.squeeze(-1).transpose(1, 2)
        known = embeddings
        if self.shares_embeddings:
            known = torch.cat([next(given), embeddings], FLAT_TIME_AXIS)
            kept.append(_last(known, self.windows.kept, FLAT_TIME_AXIS))
        return self._decide(known, rows), embeddings, *kept

    def _decide(self, embeddings: Tensor, rows: Tensor | None) -> Tensor:
        if rows is None:
            log_p: Tensor = self.model.head(embeddings).log_p
            return log_p
        return self.model.decide(embeddings[0, rows]).log_p[None]

    def _timed(self) -> Iterator[TimedLayer]:
        for layer in self.layers:
            assert isinstance(layer, TimedLayer)
            yield layer


def _last(values: Tensor, count: int, axis: int) -> Tensor:
    last: Tensor = part(values, axis, -count, TO_THE_END)
    return last


def _examples(model: TreeModel, kept: Sequence[KeptLayer]) -> list[Examples]:
    step, hop = model.embedding_samples, model.config.features.hop_samples
    rows = torch.arange(_EXAMPLE_ROWS)[:, None] + torch.arange(_EXAMPLE_WINDOW)
    around: list[Examples] = []
    for layer in kept:
        axis = layer.time_axis
        for name, given in layer.around_clip().items():
            if layer.number == 0:  # whole frames
                count = given.shape[axis]
                size = hop * Dim(name, min=1, max=_MOST) + count
                around.append(Example(torch.zeros(layer.over(count + _EXAMPLE_PAST * hop)), {axis: size}))
            else:
                around.append(Example(torch.zeros(layer.over(_EXAMPLE_PAST)), {axis: Dim.DYNAMIC}))
    samples = Example(torch.zeros(1, _EXAMPLE_EMBEDDINGS * step), {1: step * Dim("embeddings", min=2, max=_MOST)})
    pools_before = model.config.time_pooling is None
    return [samples, around, *([Example(rows, {0: Dim.DYNAMIC, 1: Dim.DYNAMIC})] if pools_before else [])]


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
