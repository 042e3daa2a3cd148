"""Explanations add up, hear nothing in silence, and tell the model's own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aed.errors import AudioError
from aed.explain.decisions import explain_clip
from aed.model import ModelConfig, TreeModel
from tests.fake_scorer import small_taxonomy

RATE_HZ = 16_000


@pytest.fixture(scope="module", params=["single", "multi"])
def model(request: pytest.FixtureRequest) -> TreeModel:
    """Random, with batch norms that have seen noise: its decisions depend on the sound."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TreeModel(ModelConfig(), small_taxonomy(request.param))
        with torch.no_grad():
            for parameter in model.head.parameters():
                parameter.mul_(5)
            model.train()(model.frames(0.1 * torch.randn(8, RATE_HZ)))
    return model.eval()


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Half a second of noise in the middle of a second and a half."""
    samples = np.zeros(3 * RATE_HZ // 2, dtype=np.float32)
    samples[RATE_HZ // 2 : RATE_HZ] = np.random.default_rng(0).normal(0, 0.1, RATE_HZ // 2)
    return samples


def test_probabilities_are_the_models(model: TreeModel, clip: np.ndarray) -> None:
    found = explain_clip(model, clip)
    with torch.no_grad():
        p = model.score_clips(torch.from_numpy(clip)[None]).log_p[0].exp().numpy()
    leaf = max(model.taxonomy.leaves, key=lambda leaf: p[leaf])
    path = model.taxonomy.path(leaf)
    assert [decision.chosen.node for decision in found.decisions] == list(path)
    assert found.decisions[0].parent == model.taxonomy.nodes[0].name
    np.testing.assert_allclose([decision.probability for decision in found.decisions], p[list(path)], rtol=1e-5)
    product = np.cumprod([decision.chosen.probability for decision in found.decisions])
    np.testing.assert_allclose(product, p[list(path)], rtol=1e-5)
    for decision in found.decisions:
        others = [other.probability for other in decision.others]
        assert others == sorted(others, reverse=True)
        if model.taxonomy.task == "single":
            assert decision.chosen.probability + sum(others) == pytest.approx(1, abs=1e-5)


def test_attributions_sum_to_what_the_decision_gained_over_silence(model: TreeModel, clip: np.ndarray) -> None:
    for node in range(1, model.taxonomy.num_nodes):
        found = explain_clip(model, clip, node, steps=256)
        with torch.no_grad():
            both = torch.stack([torch.from_numpy(found.frames), torch.zeros(*found.frames.shape)])
            log_p = model(both).log_p.numpy()
        path = (0, *model.taxonomy.path(node))
        for decision, parent, child in zip(found.decisions, path, path[1:], strict=False):
            gained = float((log_p[0] - log_p[1])[child] - (log_p[0] - log_p[1])[parent])
            assert decision.attribution.sum() == pytest.approx(gained, abs=0.02 + 0.03 * abs(gained))


def test_silence_gets_nothing(model: TreeModel, clip: np.ndarray) -> None:
    found = explain_clip(model, clip)
    silent = found.frames.sum(axis=1) == 0
    assert 0.5 < silent.mean() < 0.7
    for decision in found.decisions:
        assert decision.attribution.shape == found.frames.shape
        assert not decision.attribution[silent].any()
        assert decision.attribution[~silent].any()


def test_bands_are_where_the_front_end_hears_them(model: TreeModel) -> None:
    for hz in (200.0, 1_000.0, 4_000.0):
        tone = 0.1 * np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
        found = explain_clip(model, tone, steps=1)
        assert found.band_hz[found.frames.mean(axis=0).argmax()] == pytest.approx(hz, rel=0.1)


def test_no_sample_is_an_error(model: TreeModel) -> None:
    with pytest.raises(AudioError, match="holds no sample"):
        explain_clip(model, np.zeros(0, dtype=np.float32))
