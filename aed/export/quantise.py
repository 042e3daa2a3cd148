"""Static quantisation of an exported graph: the encoder's convolutions in 8 bits, all else as it was.

Weights are scaled per channel, activations by their range on real clips. The first convolution stays in float: it is
cheap, and 8 bits of its input are a quarter of the whole error (the log-mel frames span the range from silence to full
scale, and what is quiet matters as much as what is loud). The front end and the head stay in float too.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aed.errors import missing_extra
from aed.scorer.onnx_card import OnnxCard
from aed.scorer.onnx_inputs import clip_rows, inputs_alone

if TYPE_CHECKING:
    import onnx

FloatArray = npt.NDArray[np.float32]


def quantised(graph: onnx.ModelProto, card: OnnxCard, clips: Sequence[FloatArray]) -> onnx.ModelProto:
    """Return the graph with its convolutions in 8 bits.

    Args:
        graph: From `onnx_graph`.
        card: What it says of itself.
        clips: Real recordings like those that the model will hear, each (samples,).

    Raises:
        MissingExtraError: onnx or onnxruntime's quantisation is not installed.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise missing_extra("Exporting a model in 8 bits", "export") from error
    convolutions = [node.name for node in graph.graph.node if node.op_type == "Conv"]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.shape_inference.infer_shapes(graph),
            path,
            _clip_reader(clips, card),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=convolutions[:1],
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return onnx.load(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime's advice to fold what is folded already from the user; it goes to the root logger."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _clip_reader(clips: Sequence[FloatArray], card: OnnxCard) -> object:
    """The clips as onnxruntime asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._clips: Iterator[FloatArray] = iter(clips)

        def get_next(self) -> dict[str, np.ndarray] | None:
            clip = next(self._clips, None)
            return None if clip is None else inputs_alone(card, clip, clip_rows(card, len(clip)))

    return Reader()
