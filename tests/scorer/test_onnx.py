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
import aed.scorer.onnx as onnx_scorer
from aed.detect.detector import Detector, DetectorConfig
from aed.detect.smooth import SmoothingKind
from aed.detect.window import BlockReader
from aed.errors import AudioError, ConfigError, ModelError
from aed.export.export import Export
from aed.scorer.onnx import OnnxScorer, load_scorer
from aed.scorer.onnx_stream import BLOCKS_AT_ONCE
from aed.scorer.protocol import Scorer, StreamingScorer
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


def rows_of(scorer: Scorer, pieces: list[np.ndarray], smoothing: SmoothingKind = "median") -> np.ndarray:
    seen: list[np.ndarray] = []
    detector = Detector(scorer, DetectorConfig(smoothing=smoothing), on_rows=seen.append)
    for piece in pieces:
        detector.push(piece)
    detector.flush()
    return np.concatenate(seen)


@pytest.mark.parametrize("samples", [1, 1_279, 1_281, 15_361, 64_000])
def test_clips_of_any_length_score_as_in_torch(made: Made, noise: np.ndarray, samples: int) -> None:
    folder, export = made
    tolerance = 1e-4 if export.variants[-1].precision == "float32" else 0.05
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    assert exported.taxonomy == trained.taxonomy
    found, expected = np.exp(exported.score_clip(noise[:samples])), np.exp(trained.score_clip(noise[:samples]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_blocks_score_as_in_torch(made: Made, noise: np.ndarray) -> None:
    folder, export = made
    tolerance = 1e-4 if export.variants[-1].precision == "float32" else 0.05
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    blocks = np.resize(noise, (2, trained.layout.block_samples))
    short = blocks[:, : exported.layout.block_samples]  # no more than its rows need
    found, expected = np.exp(exported.score_blocks(short)), np.exp(trained.score_blocks(blocks))
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


@pytest.mark.parametrize("samples", [1, 5_000, 12_800, 90_001])
def test_a_stream_decides_as_blocks_alone_and_as_torch_does(made: Made, noise: np.ndarray, samples: int) -> None:
    folder, export = made
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    tolerance = 1e-4 if exported.card.precision == "float32" else 0.05
    found = rows_of(exported, [noise[:samples]], smoothing="none")
    np.testing.assert_allclose(found, rows_of(trained, [noise[:samples]], smoothing="none"), atol=tolerance)
    blocks = BlockReader(exported.layout)
    alone = exported.score_blocks(np.concatenate([blocks.push(noise[:samples]), blocks.flush()]))
    np.testing.assert_allclose(found, np.exp(np.concatenate(alone)[: len(found)]), atol=1e-5)


def test_a_stream_is_no_later_than_blocks_and_hears_each_sample_once(made: Made) -> None:
    folder, export = made
    exported, trained = load_scorer(export.path), load_with_torch(folder)
    assert exported.layout.delay_seconds <= trained.layout.delay_seconds
    assert isinstance(exported, StreamingScorer)
    stream, heard = exported.open_stream(), []
    for line in {stream._one, stream._many}:
        line.run = lambda samples, run=line.run: (heard.append(samples.size), run(samples))[1]  # type: ignore[method-assign]
    blocks = np.zeros((20, exported.layout.block_samples), dtype=np.float32)
    stream.score_blocks(blocks)
    layout = exported.layout
    warming = -(-(layout.block_samples - layout.lead_samples) // layout.advance_samples) - 1
    assert sum(heard) == (len(blocks) + warming) * layout.advance_samples


def test_many_blocks_at_once_get_the_bits_of_one_by_one(made: Made, noise: np.ndarray) -> None:
    scorer = load_scorer(made[1].path)
    step, size = scorer.layout.advance_samples, scorer.layout.block_samples
    sound = np.tile(noise, 3)[: size + (2 * BLOCKS_AT_ONCE + 3) * step]
    blocks = np.lib.stride_tricks.sliding_window_view(sound, size)[::step]
    one_by_one = scorer.open_stream()
    alone = np.concatenate([one_by_one.score_blocks(block[None]) for block in blocks])
    at_once = scorer.open_stream()
    np.testing.assert_array_equal(at_once.score_blocks(blocks), alone)


def test_where_a_larger_call_gives_other_bits_blocks_go_one_by_one(
    single_export: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_scorer, "gives_same_bits_at_once", lambda session, card: False)
    stream = load_scorer(single_export[1].path).open_stream()
    assert stream._many is stream._one


def test_two_streams_do_not_hear_each_other(scorer: OnnxScorer, noise: np.ndarray) -> None:
    blocks = np.lib.stride_tricks.sliding_window_view(noise, scorer.layout.block_samples)
    blocks = blocks[:: scorer.layout.advance_samples][:6].copy()
    blocks[0, : scorer.layout.lead_samples] = 0
    alone = scorer.open_stream().score_blocks(blocks)
    first, second = scorer.open_stream(), scorer.open_stream()
    pairs = [(first.score_blocks(block[None]), second.score_blocks(0.1 * block[None])) for block in blocks]
    np.testing.assert_array_equal(np.concatenate([pair[0] for pair in pairs]), alone)
    assert not np.array_equal(np.concatenate([pair[1] for pair in pairs]), alone)


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
    "another graph": (with_our_metadata, "tell of different inputs and outputs (embeddings, kept_0"),
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
