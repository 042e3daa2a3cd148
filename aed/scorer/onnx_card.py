"""What an exported model says of itself: the metadata of its `.onnx` file, readable without aed as well.

aed_format       "aed-onnx-2"
input, output    what the graph takes and gives, in words
sample_rate_hz   rate of the samples
labels           names of the nodes, in the order of the output, a JSON list
taxonomy         the tree, as in a model folder's taxonomy.json
layout           the blocks that detection feeds it, see `BlockLayout`; all in samples or counts
step_samples     the number of samples must be a multiple of it
first_embedding  where the first window of a stream's call begins, see `aed.scorer.onnx`
pooling_exponent where decisions are taken at every time: that of the power mean that pools them, see
                 `aed.scorer.time_pooling`
kept             what each layer keeps of the past, see `KeptLayer`; a JSON list
precision        "float32" or "int8"
min_probability  how sure an answer must be, where the model was calibrated
calibration      what 'aed calibrate' found, as in a model folder's calibration.json
thresholds       how sure each node must be, as in a model folder's thresholds.json
licence          what whoever passes the file on must keep to
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from aed.errors import ModelError, OntologyError
from aed.ontology.structure import Taxonomy
from aed.scorer.kept_layer import KeptLayer
from aed.scorer.protocol import BlockLayout

FORMAT = "aed-onnx-2"
INPUT, ROWS, SCORES, EMBEDDINGS = "samples", "rows", "log_p", "embeddings"
"""Names in the graph; those of what layers keep are `KeptLayer`'s."""

Precision = Literal["float32", "int8"]


@dataclass(frozen=True)
class OnnxCard:
    """What stands in the file beside the network.

    Attributes:
        taxonomy: The tree of the output's nodes.
        layout: Blocks that detection feeds it.
        step_samples: Samples between two embeddings: the input must be whole ones.
        first_embedding: Where the first window of a stream's call begins, among the embeddings that the call knows.
        kept: What each layer keeps of the past.
        pooling_exponent: Decisions are taken at every time and pooled by a power mean of it; None where embeddings are
            pooled.
        precision: Of the encoder's weights and activations.
        calibration: Content of the model's `calibration.json`; None where it was not calibrated.
        thresholds: Content of the model's `thresholds.json`; None where it has none.
        licence: Content of the model's `LICENSE.md`; None where there was none.
    """

    taxonomy: Taxonomy
    layout: BlockLayout
    step_samples: int
    first_embedding: int
    kept: tuple[KeptLayer, ...]
    precision: Precision
    pooling_exponent: float | None = None
    calibration: str | None = None
    thresholds: str | None = None
    licence: str | None = None

    def to_metadata(self) -> dict[str, str]:
        """Return texts by key, as the top of this file lists them."""
        rate_hz, step = self.layout.rate_hz, self.step_samples
        words = {
            "aed_format": FORMAT,
            "input": f"{INPUT}: float32 (1, samples) in [-1, 1] at {rate_hz} Hz, a multiple of {step} samples. "
            f"{ROWS}, where there is no pooling_exponent: int64 (row, window), which embeddings each decision looks "
            "at. past_i, next_i: what stands before and after the inputs of layer i: zeros, 'before' and 'after' of "
            "them by 'kept', around a clip; in a stream what kept_i was after the last call, and nothing after",
            "output": f"{SCORES}: log P(node), float32 (1, row, node), or (1, time, node) where there is a "
            f"pooling_exponent. {EMBEDDINGS}: float32 (1, time, dim), one for {step} samples. kept_i: the past of "
            "layer i in the next call",
            "sample_rate_hz": str(rate_hz),
            "labels": _json([node.name for node in self.taxonomy.nodes]),
            "taxonomy": _json(self.taxonomy.to_dict()),
            "layout": _json(asdict(self.layout)),
            "step_samples": str(step),
            "first_embedding": str(self.first_embedding),
            "kept": _json([asdict(layer) for layer in self.kept]),
            "precision": self.precision,
        }
        if self.pooling_exponent is not None:
            words["pooling_exponent"] = str(self.pooling_exponent)
        if self.calibration is not None:
            words["min_probability"] = str(json.loads(self.calibration)["min_probability"])
            words["calibration"] = self.calibration
        if self.thresholds is not None:
            words["thresholds"] = self.thresholds
        if self.licence is not None:
            words["licence"] = self.licence
        return words

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], name: str) -> OnnxCard:
        """Read what `to_metadata` wrote.

        Args:
            metadata: Texts by key.
            name: Of the file, for messages.

        Raises:
            ModelError: They are not of a model of ours, or damaged.
        """
        found = metadata.get("aed_format")
        if found != FORMAT:
            raise ModelError(
                f"{name}: expected an ONNX file that 'aed export' wrote, of format {FORMAT}, got "
                f"{'one of another program' if found is None else found}; export the model anew"
            )
        try:
            return cls(
                taxonomy=Taxonomy.from_dict(_object(metadata["taxonomy"])),
                layout=BlockLayout(**_object(metadata["layout"])),
                step_samples=int(metadata["step_samples"]),
                first_embedding=int(metadata["first_embedding"]),
                kept=tuple(map(_kept_layer, json.loads(metadata["kept"]))),
                pooling_exponent=_exponent(metadata.get("pooling_exponent")),
                precision=_precision(metadata["precision"]),
                calibration=metadata.get("calibration"),
                thresholds=metadata.get("thresholds"),
                licence=metadata.get("licence"),
            )
        except (KeyError, TypeError, ValueError, ModelError, OntologyError) as error:
            raise ModelError(
                f"{name}: its metadata are damaged ({type(error).__name__}: {error}); export the model anew"
            ) from error


def _precision(text: str) -> Precision:
    for known in get_args(Precision):
        if text == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"unknown precision '{text}'")


def _exponent(text: str | None) -> float | None:
    return None if text is None else float(text)


def _kept_layer(entry: Any) -> KeptLayer:
    return KeptLayer(**{**entry, "shape": tuple(entry["shape"])})


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")  # noqa: TRY004  # as for no JSON
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
