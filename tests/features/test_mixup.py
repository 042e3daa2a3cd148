from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.features.mixup import mix, mixup_weights
from tests.tree.heads import seeds


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40)
@given(seeds, st.floats(0.0, 10.0), st.integers(1, 16))
def test_the_clip_itself_stays_the_louder_one(seed: int, alpha: float, batch: int) -> None:
    weight, partner = mixup_weights(batch, alpha, generator(seed))
    assert weight.shape == partner.shape == (batch,)
    assert ((weight >= 0.5) & (weight <= 1)).all()
    assert sorted(partner.tolist()) == list(range(batch))


def test_one_seed_gives_one_draw_and_leaves_the_global_generator() -> None:
    state = torch.get_rng_state()
    first, second, other = (mixup_weights(8, 0.5, generator(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_alpha_zero_mixes_nothing() -> None:
    weight, partner = mixup_weights(8, 0.0, generator(0))
    values = torch.rand(8, 3, 2, generator=generator(1))
    assert torch.equal(mix(values, weight, partner), values)


def test_weights_follow_the_beta_distribution() -> None:
    """Of max(w, 1 - w) with w ~ Beta(1, 1): uniform in [0.5, 1]; a large alpha mixes half and half."""
    uniform, _ = mixup_weights(20_000, 1.0, generator(0))
    assert abs(uniform.mean() - 0.75) < 0.01
    half, _ = mixup_weights(1_000, 1e4, generator(0))
    assert (half - 0.5).max() < 0.03


def test_mix_against_a_loop() -> None:
    values = torch.rand(5, 3, 2, generator=generator(0))
    weight, partner = mixup_weights(5, 0.7, generator(1))
    expected = torch.stack([weight[row] * values[row] + (1 - weight[row]) * values[partner[row]] for row in range(5)])
    torch.testing.assert_close(mix(values, weight, partner), expected)
    assert mix(values.bfloat16(), weight, partner).dtype == torch.bfloat16
