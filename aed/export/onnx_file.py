"""The exported file: a graph and what it says of itself, and nothing of the machine that made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aed.detect.calibration import FILE_NAME as CALIBRATION_FILE
from aed.detect.calibration import read_calibration
from aed.detect.thresholds import FILE_NAME as THRESHOLDS_FILE
from aed.detect.thresholds import read_thresholds
from aed.export.graph import WaveformModel
from aed.model import TreeModel
from aed.scorer.onnx_card import OnnxCard, Precision
from aed.train.run import LICENCE_FILE

if TYPE_CHECKING:
    import onnx


def card_of(model: TreeModel, module: WaveformModel, folder: Path, precision: Precision) -> OnnxCard:
    """Say what a model is, from its folder; a block ends where a stream has heard enough for its rows.

    Raises:
        ModelError: The folder's calibration is damaged, or belongs to other weights.
    """
    block_samples = model.layout.lead_samples + model.layout.advance_samples + module.trail_samples
    pooling = model.config.time_pooling
    calibration, thresholds = read_calibration(folder), read_thresholds(folder)
    licence = folder / LICENCE_FILE
    return OnnxCard(
        taxonomy=model.taxonomy,
        layout=replace(model.layout, block_samples=block_samples),
        step_samples=model.embedding_samples,
        first_embedding=module.first_embedding,
        kept=module.kept_layers(),
        precision=precision,
        pooling_exponent=None if pooling is None else pooling.exponent,
        calibration=None if calibration is None else (folder / CALIBRATION_FILE).read_text(encoding="utf-8"),
        thresholds=None if thresholds is None else (folder / THRESHOLDS_FILE).read_text(encoding="utf-8"),
        licence=licence.read_text(encoding="utf-8") if licence.is_file() else None,
    )


def file_content(graph: onnx.ModelProto, card: OnnxCard) -> bytes:
    """Return the content of the file; the graph is changed.

    The exporter's notes go: they name the files of the machine that made the graph, and the formulas of every shape.
    """
    import onnx

    import aed

    of_graph = graph.graph
    del of_graph.value_info[:]
    for part in _parts(graph):
        del part.metadata_props[:]
        part.doc_string = ""
    graph.producer_name, graph.producer_version = "aed", aed.__version__
    onnx.helper.set_model_props(graph, card.to_metadata())
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString()
    return content


def _parts(graph: onnx.ModelProto) -> Iterable[onnx.NodeProto]:
    """Everything that can carry a note."""
    of_graph = graph.graph
    yield graph
    yield of_graph
    for parts in (of_graph.node, of_graph.input, of_graph.output, of_graph.initializer):
        yield from parts
