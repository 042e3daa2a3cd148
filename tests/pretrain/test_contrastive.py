"""The contrastive loss against an obvious slow one, and that it learns to tell clips apart without collapsing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aed.encoder.cnn import CnnConfig, CnnEncoder
from aed.pretrain.config import PretrainConfig
from aed.pretrain.contrastive import ContrastiveLearner, cosine_similarities, normalised_cross_entropy
from aed.pretrain.registry import LEARNERS, build_learner
from aed.pretrain.views import ViewConfig, draw_view

TEMPERATURE = 0.2


def slow_loss(projected: torch.Tensor) -> float:
    """Chen et al. 2020, eq. 1, pair by pair."""
    count, total = len(projected), 0.0
    for i in range(count):
        partner = (i + count // 2) % count
        scores = {
            k: math.exp(float(torch.cosine_similarity(projected[i], projected[k], dim=0)) / TEMPERATURE)
            for k in range(count)
            if k != i
        }
        total -= math.log(scores[partner] / sum(scores.values()))
    return total / count


@given(st.integers(2, 6), st.integers(0, 1000))
def test_the_loss_is_that_of_the_paper(batch: int, seed: int) -> None:
    projected = torch.randn(2 * batch, 5, generator=torch.Generator().manual_seed(seed))
    loss, match = normalised_cross_entropy(cosine_similarities(projected) / TEMPERATURE)
    assert float(loss) == pytest.approx(slow_loss(projected), rel=1e-4)
    assert 0 <= float(match) <= 1


def test_partners_that_agree_match_and_cost_little() -> None:
    directions = torch.eye(4)
    loss, match = normalised_cross_entropy(cosine_similarities(torch.cat([directions, 3 * directions])) / 0.05)
    assert (float(match), float(loss)) == (1.0, pytest.approx(0.0, abs=1e-6))


def test_a_collapsed_network_pays_the_loss_of_guessing() -> None:
    loss, _ = normalised_cross_entropy(cosine_similarities(torch.ones(8, 3)) / TEMPERATURE)
    assert float(loss) == pytest.approx(math.log(7))


def tones(batch: int, generator: torch.Generator) -> torch.Tensor:
    """Clips that differ by their band, over noise: (batch, frames, mel)."""
    frames = 0.3 * torch.rand(batch, 16, 32, generator=generator)
    for row in range(batch):
        frames[row, :, 2 + 3 * row : 5 + 3 * row] += 1.5
    return frames


@pytest.mark.training
def test_it_learns_to_tell_clips_apart_and_does_not_collapse() -> None:
    generator = torch.Generator().manual_seed(0)
    config = PretrainConfig(hidden_dim=32, projection_dim=16)
    views = ViewConfig(frames=ViewConfig().frames.model_copy(update={"mel_shift": 0.0, "mel_stretch": 0.05}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        learner = build_learner(config, CnnEncoder(CnnConfig()))
    assert isinstance(learner, ContrastiveLearner)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        first, second = (draw_view(tones(8, generator), views, generator) for _ in range(2))
        named = learner(first, second)
        optimizer.zero_grad()
        named["loss"].backward()
        optimizer.step()
        losses.append(float(named["loss"].detach()))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    with torch.no_grad():
        named = learner(tones(8, generator), tones(8, generator))
        embedding = learner.encoder(tones(8, generator)).mean(dim=1)
    assert named["match"] == 1.0
    spread = torch.nn.functional.normalize(embedding, dim=1).std(dim=0).norm()
    assert spread > 0.1, "embeddings of different clips differ"


def test_every_weight_is_trained_and_bf16_costs_no_precision_of_the_loss() -> None:
    learner = LEARNERS["contrastive"](CnnEncoder(CnnConfig()), PretrainConfig())
    generator = torch.Generator().manual_seed(0)
    pair = torch.rand(4, 16, 32, generator=generator), torch.rand(4, 16, 32, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        named = learner(*pair)
    assert named["loss"].dtype == torch.float32
    named["loss"].backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or name.endswith("3.bias"), name  # cosines forget a common offset's size
