"""The onnxruntime backend: the answers of the torch backend, in bits that do not depend on what comes beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aed
from aed.detect.detector import Detector, DetectorConfig
from aed.errors import AudioError, ConfigError, ModelError
from aed.export.export import Export
from aed.scorer.onnx import OnnxScorer, load_scorer
from aed.scorer.pytorch import load_scorer as load_with_torch
from tests.export.made_export import MIN_PROBABILITY

Made = tuple[Path, Export]


@pytest.fixture(params=["single", "multi"])
def made(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(f"{request.param}_export")
    return found


@pytest.fixture(scope="module")
def scorer(multi_export: Made) -> OnnxScorer:
    """Blocks of 8 rows, much shorter than a second of context on both sides."""
    return load_scorer(multi_export[1].path)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    generator = np.random.default_rng(0)
    loudness = np.repeat(10 ** generator.uniform(-4, 0, 12), 8_000)
    return (loudness * generator.normal(0, 0.3, len(loudness))).astype(np.float32)


def rows_of(scorer: OnnxScorer, pieces: list[np.ndarray]) -> np.ndarray:
    seen: list[np.ndarray] = []
    detector = Detector(scorer, DetectorConfig(), on_rows=seen.append)
    for piece in pieces:
        detector.push(piece)
    detector.flush()
    return np.concatenate(seen)


@pytest.mark.parametrize("samples", [1, 1_279, 1_281, 15_361, 64_000])
def test_clips_of_any_length_score_as_in_torch(made: Made, noise: np.ndarray, samples: int) -> None:
    folder, export = made
    tolerance = 1e-4 if export.variants[-1].precision == "float32" else 0.05
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    assert (exported.taxonomy, exported.layout) == (trained.taxonomy, trained.layout)
    found, expected = np.exp(exported.score_clip(noise[:samples])), np.exp(trained.score_clip(noise[:samples]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_blocks_score_as_in_torch(made: Made, noise: np.ndarray) -> None:
    folder, export = made
    tolerance = 1e-4 if export.variants[-1].precision == "float32" else 0.05
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    blocks = np.resize(noise, (2, exported.layout.block_samples))
    found, expected = np.exp(exported.score_blocks(blocks)), np.exp(trained.score_blocks(blocks))
    assert found.shape == (2, exported.layout.rows_per_block, exported.taxonomy.num_nodes)
    assert np.ptp(expected[..., 1:]) > 0.05  # they do differ from sound to sound
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert exported.score_blocks(blocks[:0]).shape[0] == 0


def test_a_blocks_scores_do_not_depend_on_the_others(scorer: OnnxScorer, noise: np.ndarray) -> None:
    blocks = np.resize(noise[:90_001], (5, scorer.layout.block_samples))
    together = scorer.score_blocks(blocks)
    alone = np.concatenate([scorer.score_blocks(block[None]) for block in blocks[::-1]])[::-1]
    np.testing.assert_array_equal(together, alone)
    scorer.score_clip(noise[:5_000])  # another length in between
    np.testing.assert_array_equal(scorer.score_blocks(blocks[2:3])[0], together[2])


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 60_000), max_size=6))
def test_a_stream_equals_its_file_bit_for_bit(scorer: OnnxScorer, noise: np.ndarray, cuts: list[int]) -> None:
    sound = noise[:60_000]
    np.testing.assert_array_equal(rows_of(scorer, np.split(sound, sorted(cuts))), rows_of(scorer, [sound]))


def test_the_calibration_comes_along(single_export: Made, noise: np.ndarray) -> None:
    folder, export = single_export
    trained, exported = aed.load(folder), aed.load(export.path)
    assert exported.min_probability == trained.min_probability == MIN_PROBABILITY
    assert exported.calibration == trained.calibration
    assert exported.detector_config == trained.detector_config
    assert list(exported.detector_config.node_probabilities.values()) == [0.8]
    expected = trained.predict(noise, 16_000).probabilities
    np.testing.assert_allclose(exported.predict(noise, 16_000).probabilities, expected, atol=1e-4)
    raw = np.exp(load_scorer(export.path).score_clip(noise))
    assert np.abs(raw - expected).max() > 1e-3


def test_refuses_what_cannot_be_scored(scorer: OnnxScorer, multi_export: Made) -> None:
    with pytest.raises(AudioError, match=r"got \(0,\)"):
        scorer.score_clip(np.zeros(0, dtype=np.float32))
    with pytest.raises(ConfigError, match="device 'cuda': an exported model runs on 'cpu'"):
        aed.load(multi_export[1].path, device="cuda")


def of_another_program() -> bytes:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "other", [value], [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def with_our_metadata(content: bytes) -> bytes:
    model, ours = onnx.load_from_string(of_another_program()), onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in ours.metadata_props})
    return bytes(model.SerializeToString())


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda content: content[:-100], "not an ONNX model, damaged or cut short"),
    "cut early": (lambda content: content[:1_000], "not an ONNX model, damaged or cut short"),
    "empty": (lambda content: b"", "not an ONNX model, damaged or cut short"),
    "text": (lambda content: b"This is my model.", "not an ONNX model, damaged or cut short"),
    "of another program": (lambda content: of_another_program(), "expected an ONNX file that 'aed export' wrote"),
    "another graph": (with_our_metadata, "the graph takes ['x'] and gives nodes {'y': 1}"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_gives_one_clear_line(
    single_export: Made, tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    break_it, words = DAMAGES[damage]
    path = tmp_path / "broken.onnx"
    path.write_bytes(break_it(single_export[1].path.read_bytes()))
    with pytest.raises(ModelError) as caught:
        aed.load(path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: cannot be read \(No such file or directory\)"):
        aed.load(tmp_path / "none.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match=r"folder\.onnx: cannot be read \(Is a directory\)"):
        aed.load(tmp_path / "folder.onnx")
