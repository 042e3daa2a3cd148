"""What an export checks, reports and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import aed.export.export
from aed.detect.detector import Detector, DetectorConfig
from aed.errors import ConfigError, DataError, ModelError
from aed.export.export import Export, export_model
from aed.export.held_out import compare_on_test_fold
from aed.export.parity import compare
from aed.export.sounds import sounds_for
from aed.scorer.onnx import load_scorer
from tests.export.made_export import LICENCE, multi_label_model, noises
from tests.fake_scorer import LAYOUT, FakeScorer, scene, small_scorer

Made = tuple[Path, Export]


def test_float_answers_as_torch_does_and_the_report_says_on_what(single_export: Made) -> None:
    _, export = single_export
    (variant,) = export.variants
    assert variant.precision == "float32"
    assert variant.parity.largest <= 1e-4
    assert (variant.parity.clips, export.compared_on) == (3, "clips that the model was trained on")
    assert variant.file_bytes == export.path.stat().st_size
    assert load_scorer(export.path).card.licence == LICENCE


def test_eight_bits_are_smaller_nearly_as_right_and_only_in_the_encoder(multi_export: Made) -> None:
    _, export = multi_export
    assert [variant.precision for variant in export.variants] == ["float32", "int8"]
    in_float, in_int8 = export.variants
    assert in_float.parity.largest <= 1e-4 < in_int8.parity.largest < 0.05
    assert in_int8.parity.mean < 0.005
    assert export.path.stat().st_size == in_int8.file_bytes < 0.8 * in_float.file_bytes
    assert load_scorer(export.path).card.precision == "int8"
    graph = onnx.load(export.path).graph
    dequantised = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert [node.input[1] in dequantised for node in convolutions] == [False, *[True] * (len(convolutions) - 1)]


def test_the_file_tells_nothing_of_the_machine_that_made_it(single_export: Made, multi_export: Made) -> None:
    for _, export in (single_export, multi_export):
        content = export.path.read_bytes()
        for words in (str(Path(aed.__file__).parents[1]), "site-packages", "stack_trace", str(export.path.parent)):
            assert words.encode() not in content


def test_the_test_fold_is_compared_and_the_look_recorded(single_export: Made) -> None:
    run, export = single_export
    found = compare_on_test_fold(run, load_scorer(export.path), None)
    assert (found.figure, found.clips) == ("leaf_accuracy", 6)
    assert found.exported == found.trained
    (look,) = (run.parent / "test_looks.jsonl").read_text().splitlines()
    assert json.loads(look)["result"]["leaf_accuracy"] == found.exported
    (run.parent / "test_looks.jsonl").unlink()


def test_ranges_need_real_recordings(tmp_path: Path) -> None:
    model = multi_label_model(tmp_path / "model")
    with pytest.raises(DataError, match="name a folder with --calibrate-on, or set AED_DATA_ROOT"):
        export_model(model, tmp_path / "x.onnx", int8=True)
    noises(tmp_path / "noise", 1)
    with pytest.raises(DataError, match="a folder with at least two recordings"):
        export_model(model, tmp_path / "x.onnx", int8=True, calibrate_on=tmp_path / "noise")
    assert not (tmp_path / "x.onnx").exists()


def test_sounds_come_from_the_folder_the_training_clips_or_a_formula(single_export: Made, tmp_path: Path) -> None:
    run, _ = single_export
    by_formula = sounds_for(tmp_path, None, None, 16_000)
    assert (by_formula.where, by_formula.are_real) == ("sounds made by formula", False)
    trained_on = sounds_for(run, None, None, 16_000)
    assert trained_on.are_real
    assert len(trained_on.for_ranges) == len(trained_on.for_comparing) == 3
    noises(tmp_path / "noise", 3)
    (tmp_path / "noise" / "broken.wav").write_bytes(b"RIFF")
    named = sounds_for(run, tmp_path / "noise", None, 16_000)
    assert named.where == str(tmp_path / "noise")
    assert len(named.for_ranges) + len(named.for_comparing) == 3


def test_a_graph_that_answers_otherwise_is_not_written(
    single_export: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, export = single_export
    monkeypatch.setattr(aed.export.export, "LARGEST_FLOAT_DIFFERENCE", -1.0)
    monkeypatch.setattr(aed.export.export, "onnx_graph", lambda module: onnx.load(export.path))
    with pytest.raises(ModelError, match=r"differs from the trained model by .* in P, expected at most -1"):
        export_model(run, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_more_decisions_at_once_are_later_known_and_the_same(
    multi_export: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, export = multi_export
    graph = onnx.load(export.path)
    monkeypatch.setattr(aed.export.export, "onnx_graph", lambda module: graph)
    monkeypatch.setattr(aed.export.export, "LARGEST_FLOAT_DIFFERENCE", 0.1)  # this graph is the one in 8 bits
    longer = export_model(model, tmp_path / "x.onnx", rows_per_block=20)
    assert (export.rows_per_block, longer.rows_per_block) == (8, 20)
    assert longer.delay_seconds == pytest.approx(export.delay_seconds + 12 * 0.08)
    noise = np.random.default_rng(0).normal(0, 0.1, 50_000).astype(np.float32)
    rows = []
    for path in (export.path, longer.path):
        scorer, seen = load_scorer(path), []
        detector = Detector(scorer, DetectorConfig(smoothing="none"), on_rows=seen.append)
        detector.push(noise)
        detector.flush()
        rows.append(np.concatenate(seen))
    np.testing.assert_allclose(*rows, atol=1e-5)
    with pytest.raises(ConfigError, match="at least 1 row, got 0"):
        export_model(model, tmp_path / "x.onnx", rows_per_block=0)


def test_the_largest_difference_is_found_wherever_it_is() -> None:
    first = small_scorer()
    table = first.table.copy()
    table[4] = table[4] * 0.9
    second = FakeScorer(first.taxonomy, table)
    same, other = scene((1, 2.0)), scene((1, 2.0), (4, 0.3), (1, 2.0))
    assert compare(first, second, [same]).largest == 0
    found = compare(first, second, [same, other])
    assert found.largest == pytest.approx(0.1, abs=0.01)  # the root has P = 1
    assert 0 < found.mean < 0.02
    assert (found.clips, found.rows) == (2, sum(LAYOUT.num_rows(len(clip)) for clip in (same, other)))
    assert np.isnan(compare(first, FakeScorer(first.taxonomy, table * np.nan), [same]).largest)
