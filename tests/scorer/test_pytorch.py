from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from aed.detect.detector import Detector, DetectorConfig  # noqa: E402  # after the check for torch
from aed.errors import AudioError, ConfigError, ModelError  # noqa: E402
from aed.model import ModelConfig, TreeModel  # noqa: E402
from aed.scorer.pytorch import PyTorchScorer, load_scorer  # noqa: E402
from tests.fake_scorer import small_taxonomy  # noqa: E402


@pytest.fixture(scope="module")
def model() -> TreeModel:
    torch.manual_seed(0)
    return TreeModel(ModelConfig(), small_taxonomy()).eval()


@pytest.fixture(scope="module")
def noise(model: TreeModel) -> np.ndarray:
    samples = 3 * model.layout.advance_samples + 12_345
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("batch_blocks", [1, 4])
def test_a_blocks_scores_do_not_depend_on_the_others(model: TreeModel, batch_blocks: int) -> None:
    scorer = PyTorchScorer(model, batch_blocks=batch_blocks)
    blocks = np.random.default_rng(1).normal(0, 0.1, (3, scorer.layout.block_samples)).astype(np.float32)
    together = scorer.score_blocks(blocks)
    alone = np.concatenate([scorer.score_blocks(block[None]) for block in blocks])
    assert together.shape == (3, scorer.layout.rows_per_block, scorer.taxonomy.num_nodes)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[::-1], scorer.score_blocks(blocks[::-1]))


def test_a_model_that_gives_no_number_is_no_silence(model: TreeModel, noise: np.ndarray) -> None:
    broken = copy.deepcopy(model)
    with torch.no_grad():
        next(broken.head.parameters()).fill_(float("nan"))
    scorer = PyTorchScorer(broken)
    with pytest.raises(ModelError, match="log P = nan: its weights are damaged or its training diverged"):
        scorer.score_clip(noise[:20_000])
    with pytest.raises(ModelError, match="log P = nan"):
        Detector(scorer, DetectorConfig()).push(noise)


def test_a_stream_equals_its_file_bit_for_bit(model: TreeModel, noise: np.ndarray) -> None:
    scorer = PyTorchScorer(model)

    def rows(chunk_samples: int) -> np.ndarray:
        seen: list[np.ndarray] = []
        detector = Detector(scorer, DetectorConfig(), on_rows=seen.append)
        for start in range(0, len(noise), chunk_samples):
            detector.push(noise[start : start + chunk_samples])
        detector.flush()
        return np.concatenate(seen)

    whole = rows(len(noise))
    assert len(whole) == scorer.layout.num_rows(len(noise))
    for chunk_samples in (1_000, 37_777):
        np.testing.assert_array_equal(rows(chunk_samples), whole)


def test_a_row_is_the_score_of_its_window_in_place(model: TreeModel, noise: np.ndarray) -> None:
    """The blocks are cut right: a row equals the score of the same window in an embedding of the whole file."""
    layout = model.layout
    scorer = PyTorchScorer(model)
    seen: list[np.ndarray] = []
    detector = Detector(scorer, DetectorConfig(smoothing="none"), on_rows=seen.append)
    detector.push(noise)
    detector.flush()
    got = np.concatenate(seen)
    whole = np.pad(noise, (layout.lead_samples, 2 * layout.block_samples))
    with torch.inference_mode():
        embeddings = model.embed(torch.from_numpy(whole[None]))[0]
    from aed.model import pool_over_time

    step = model.embedding_samples
    for row in (0, 1, layout.rows_per_block - 1, layout.rows_per_block, len(got) - 1):
        centre = layout.lead_samples + (row + 0.5) * layout.row_samples
        start = round((centre - layout.window_samples / 2) / step)
        window = embeddings[start : start + layout.window_samples // step]
        with torch.inference_mode():
            expected = model.head(pool_over_time(window[None])).log_p[0].exp().numpy()
        np.testing.assert_allclose(got[row], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("num_samples", [1, 100, 50_000])
def test_scores_a_clip_of_any_length(model: TreeModel, num_samples: int) -> None:
    log_p = PyTorchScorer(model).score_clip(np.ones(num_samples, dtype=np.float32) * 0.1)
    assert log_p.shape == (model.taxonomy.num_nodes,)
    leaves = np.exp(log_p[list(model.taxonomy.leaves)])
    assert leaves.sum() == pytest.approx(1, abs=1e-5)


def test_refuses_what_cannot_be_scored(model: TreeModel) -> None:
    with pytest.raises(AudioError, match=r"got \(0,\)"):
        PyTorchScorer(model).score_clip(np.zeros(0, dtype=np.float32))
    with pytest.raises(ConfigError, match="batch_blocks"):
        PyTorchScorer(model, batch_blocks=0)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta"])
def test_an_unusable_device_is_named(model: TreeModel, device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}'"):
        PyTorchScorer(model, device)


def test_loads_a_folder(model: TreeModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    assert load_scorer(tmp_path / "model").taxonomy == model.taxonomy
    with pytest.raises(ModelError, match="not a model folder"):
        load_scorer(tmp_path / "nothing")
