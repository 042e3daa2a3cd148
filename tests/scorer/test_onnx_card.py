"""What an exported model says of itself comes back as it was, and nothing else is taken for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.errors import ModelError
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.kept_layer import KeptLayer
from aed.scorer.onnx_card import OnnxCard, Precision
from tests.fake_scorer import LAYOUT, small_taxonomy
from tests.metrics.random_trees import trees

KEPT = (KeptLayer(0, (1, 0), 100, 50, 50), KeptLayer(1, (1, 8, 0, 4), 2, 1, 1), KeptLayer(2, (1, 0, 8), 11, 0, 0))
CARD = OnnxCard(
    small_taxonomy(),
    LAYOUT,
    50,
    3,
    KEPT,
    "int8",
    pooling_exponent=4.0,
    calibration='{"min_probability": 0.6}',
    licence="Keep\nit ß.",
)


@given(trees(), st.sampled_from(["float32", "int8"]), st.booleans())
def test_comes_back_as_it_was(taxonomy: Taxonomy, precision: Precision, is_calibrated: bool) -> None:
    card = replace(
        CARD, taxonomy=taxonomy, precision=precision, calibration=CARD.calibration if is_calibrated else None
    )
    assert OnnxCard.from_metadata(card.to_metadata(), "x.onnx") == card


def test_other_programs_can_read_it() -> None:
    words = CARD.to_metadata()
    assert words["sample_rate_hz"] == "1000"
    assert json.loads(words["labels"]) == ["Sound", "Animal", "Glass", "None of these", "Dog", "Cat"]
    assert words["min_probability"] == "0.6"
    assert "a multiple of 50 samples" in words["input"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"aed_format": None}, "got one of another program"),
        ({"aed_format": "aed-onnx-9"}, "of format aed-onnx-2, got aed-onnx-9"),
        ({"taxonomy": None}, "metadata are damaged (KeyError: 'taxonomy')"),
        ({"taxonomy": "{"}, "metadata are damaged (JSONDecodeError"),
        ({"taxonomy": "[1]"}, "metadata are damaged"),
        ({"taxonomy": '{"version": 1, "nodes": [], "task": "single"}'}, "metadata are damaged (OntologyError"),
        ({"layout": "{}"}, "metadata are damaged (TypeError"),
        ({"layout": json.dumps({**json.loads(CARD.to_metadata()["layout"]), "rate_hz": 0})}, "rate_hz must be a whole"),
        ({"step_samples": "many"}, "metadata are damaged (ValueError"),
        ({"kept": "[{}]"}, "metadata are damaged (KeyError"),
        (
            {"kept": '[{"number": 0, "shape": [1, 2], "kept": 1, "before": 1, "after": 0}]'},
            "expected a shape with one 0",
        ),
        ({"pooling_exponent": "much"}, "metadata are damaged (ValueError"),
        ({"precision": "int4"}, "unknown precision 'int4'"),
    ],
)
def test_what_is_damaged_gives_one_line(change: dict[str, str | None], words: str) -> None:
    changed = {**CARD.to_metadata(), **change}
    metadata = {key: value for key, value in changed.items() if value is not None}
    with pytest.raises(ModelError) as caught:
        OnnxCard.from_metadata(metadata, "x.onnx")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.onnx: ")
    assert str(caught.value).endswith("export the model anew")
