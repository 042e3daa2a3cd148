"""Export a trained model to one ONNX file, checked against the model that it was made of."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from aed.errors import ConfigError, DataError, ModelError
from aed.export.graph import WaveformModel, onnx_graph
from aed.export.held_out import HeldOut, compare_on_test_fold
from aed.export.onnx_file import card_of, file_content
from aed.export.parity import Parity, compare
from aed.export.quantise import quantised
from aed.export.sounds import Sounds, sounds_for
from aed.model import ModelConfig, TreeModel
from aed.scorer.onnx import OnnxScorer
from aed.scorer.onnx_card import Precision
from aed.scorer.pytorch import PyTorchScorer
from aed.storage import check_writable, write_atomic

LARGEST_FLOAT_DIFFERENCE = 1e-4
"""Of P(node): sums in another order differ by a hundredth of it, so more is a defect of the export."""


@dataclass(frozen=True)
class Variant:
    """One form of the exported model.

    Attributes:
        precision: Of its convolutions.
        file_bytes: Size of the file.
        parity: How far its answers lie from those of the trained model.
    """

    precision: Precision
    file_bytes: int
    parity: Parity


@dataclass(frozen=True)
class Export:
    """What was exported and how well.

    Attributes:
        path: The file.
        variants: Float first; the last one is what was written.
        weights_bytes: Size of the trained model's weights.
        compared_on: Sounds of the comparison, in words.
        rows_per_block: Decisions of one call; more share its context and are later known.
        delay_seconds: Longest time from a sound to its decision.
        held_out: Both backends on the test fold; None where that was not asked for or could not be.
        no_held_out: Why it could not be.
    """

    path: Path
    variants: tuple[Variant, ...]
    weights_bytes: int
    compared_on: str
    rows_per_block: int
    delay_seconds: float
    held_out: HeldOut | None
    no_held_out: str | None


def export_model(
    folder: Path,
    out: Path,
    *,
    int8: bool = False,
    calibrate_on: Path | None = None,
    rows_per_block: int | None = None,
    held_out: bool = False,
    root: Path | None = None,
) -> Export:
    """Export a model; nothing is written where it does not answer as the trained one does.

    Args:
        folder: The model's folder.
        out: The file to write.
        int8: The encoder's convolutions in 8 bits.
        calibrate_on: Folder of recordings for the ranges of 8 bits and for the comparison; the model's training clips
            by default.
        rows_per_block: Decisions of one call of the network, in place of the model's own number.
        held_out: Compare on the test fold too, where its data are here; a recorded look.
        root: Data root; from the environment by default.

    Raises:
        ModelError: The folder holds no whole model, or the exported graph answers otherwise.
        ConfigError: A block has no row, or the front end cannot be exported.
        DataError: There are no recordings to set the ranges of 8 bits on.
        StorageError: The file cannot be written.
        MissingExtraError: A part that exporting needs is not installed.
    """
    model = TreeModel.load(folder)
    if rows_per_block is not None:
        model.config = _with_blocks_of(model.config, rows_per_block)
    check_writable(out)
    sounds = sounds_for(folder, calibrate_on, root, model.layout.rate_hz)
    if int8 and not sounds.are_real:
        raise DataError(
            f"{folder}: the ranges of 8 bits are set on real recordings, and the model's training clips are not here: "
            "name a folder with --calibrate-on, or set AED_DATA_ROOT"
        )
    module = WaveformModel(model)
    graph = onnx_graph(module)
    precisions: tuple[Precision, ...] = ("float32", "int8") if int8 else ("float32",)
    variants, content = [], b""
    for precision in precisions:
        card = card_of(model, module, folder, precision)
        changed = graph if precision == "float32" else quantised(graph, card, sounds.for_ranges)
        content = file_content(copy.deepcopy(changed), card)
        variants.append(_checked(precision, content, model, sounds, out))
    write_atomic(out, content)
    found, why_not = _held_out(folder, OnnxScorer(content, str(out)), root) if held_out else (None, None)
    weights_bytes = (folder / "model.safetensors").stat().st_size
    return Export(
        path=out,
        variants=tuple(variants),
        weights_bytes=weights_bytes,
        compared_on=sounds.where,
        rows_per_block=model.layout.rows_per_block,
        delay_seconds=card.layout.delay_seconds,
        held_out=found,
        no_held_out=why_not,
    )


def _with_blocks_of(config: ModelConfig, rows: int) -> ModelConfig:
    """Change how many decisions one call makes: the network is the same, and what it computes twice becomes less."""
    if rows < 1:
        raise ConfigError(f"a block must have at least 1 row, got {rows}")
    return config.model_copy(update={"window": config.window.model_copy(update={"rows_per_block": rows})})


def _checked(precision: Precision, content: bytes, model: TreeModel, sounds: Sounds, out: Path) -> Variant:
    parity = compare(PyTorchScorer(model), OnnxScorer(content, str(out)), sounds.for_comparing)
    if precision == "float32" and not parity.largest <= LARGEST_FLOAT_DIFFERENCE:  # a comparison with nan is false
        raise ModelError(
            f"the exported graph differs from the trained model by {parity.largest:.2g} in P, expected at most "
            f"{LARGEST_FLOAT_DIFFERENCE:g}: its encoder does what the export does not keep; nothing was written"
        )
    return Variant(precision, len(content), parity)


def _held_out(folder: Path, scorer: OnnxScorer, root: Path | None) -> tuple[HeldOut | None, str | None]:
    try:
        return compare_on_test_fold(folder, scorer, root), None
    except (DataError, ModelError) as error:
        return None, str(error)
