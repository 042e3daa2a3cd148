"""The loop: learning rate and what decays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.train.labels import recipe_taxonomy
from aed.train.loop import learning_rate, parameter_groups
from aed.train.recipe import OptimConfig
from aed.train.start import fresh_model
from tests.tiny_corpus import tiny_recipe


def test_the_learning_rate_rises_to_its_highest_and_falls_to_nearly_zero() -> None:
    optim = OptimConfig(steps=100, lr=1.0, warmup_fraction=0.1)
    rates = [learning_rate(optim, step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert 0 < rates[-1] < 1e-3


@given(st.integers(1, 300), st.floats(0, 0.99), st.floats(1e-6, 10))
def test_the_learning_rate_stays_between_zero_and_its_highest(steps: int, warmup: float, highest: float) -> None:
    optim = OptimConfig(steps=steps, lr=highest, warmup_fraction=warmup)
    rates = [learning_rate(optim, step) for step in range(steps)]
    assert all(0 < rate <= highest * (1 + 1e-9) for rate in rates)


def test_biases_and_scales_do_not_decay(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    model = fresh_model(recipe, recipe_taxonomy(recipe, None))
    decayed, others = parameter_groups(model, 0.01)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert len(decayed["params"]) + len(others["params"]) == len(list(model.parameters()))
    assert others["params"]
