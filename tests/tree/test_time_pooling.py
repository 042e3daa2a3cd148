"""From decisions over time to one: between mean and maximum, and never a child likelier than its parent."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aed.tree.head import NodeScores, log_complement
from aed.tree.time_pooling import TimePoolingConfig, pool_decisions


def scores(p: torch.Tensor) -> NodeScores:
    return NodeScores(p.log(), log_complement(p.log()))


def probabilities(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 0.98 + 0.01


@given(st.integers(0, 1000), st.floats(1, 30))
def test_it_lies_between_mean_and_maximum_and_is_the_power_mean(seed: int, exponent: float) -> None:
    p = probabilities(seed, 2, 7, 3)
    pooled = pool_decisions(scores(p), TimePoolingConfig(exponent=exponent))
    expected = p.double().pow(exponent).mean(dim=1).pow(1 / exponent)
    torch.testing.assert_close(pooled.log_p.exp(), expected.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pooled.log_not_p.exp(), 1 - pooled.log_p.exp(), rtol=1e-3, atol=1e-5)
    assert (pooled.log_p.exp() <= p.amax(dim=1) + 1e-5).all()
    assert (pooled.log_p.exp() >= p.mean(dim=1) - 1e-5).all()


@given(st.integers(0, 1000), st.floats(1, 30))
def test_a_child_is_never_likelier_than_its_parent(seed: int, exponent: float) -> None:
    parent = probabilities(seed, 5, 9, 1)
    child = parent * probabilities(seed + 1, 5, 9, 1)
    pooled = pool_decisions(scores(torch.cat([parent, child], dim=2)), TimePoolingConfig(exponent=exponent)).log_p
    assert (pooled[:, 1] <= pooled[:, 0] + 1e-6).all()


def test_only_the_times_that_count() -> None:
    p = probabilities(3, 2, 6, 4)
    keep = torch.tensor([[True, True, False, False, False, True], [False, True, True, True, False, False]])
    pooled = pool_decisions(scores(p), TimePoolingConfig(), keep).log_p
    for clip in range(2):
        alone = pool_decisions(scores(p[clip, keep[clip]]), TimePoolingConfig()).log_p
        torch.testing.assert_close(pooled[clip], alone)


def test_a_sound_in_a_sixteenth_of_the_clip() -> None:
    p = torch.full((16, 1), 1e-6)
    p[5] = 1.0
    assert pool_decisions(scores(p), TimePoolingConfig()).log_p.exp().item() == pytest.approx(0.5, rel=1e-3)
