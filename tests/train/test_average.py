from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aed.model import TreeModel
from aed.train.average import start_average, update_average
from aed.train.labels import recipe_taxonomy
from aed.train.start import fresh_model
from tests.tiny_corpus import tiny_recipe


@pytest.fixture
def model(manifest: Path) -> TreeModel:
    recipe = tiny_recipe(manifest)
    return fresh_model(recipe, recipe_taxonomy(recipe, None))


def filled(model: TreeModel, value: float) -> None:
    """Set every weight and statistic."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(value)


def values(model: TreeModel) -> set[float]:
    return {round(float(value), 4) for parameter in model.parameters() for value in parameter.unique()}


@pytest.mark.parametrize(("steps", "expected"), [(0, 1.0), (1, 9 / 11), (10_000, 0.01)])
def test_the_average_forgets_faster_at_first(model: TreeModel, steps: int, expected: float) -> None:
    filled(model, 0)
    average = start_average(model)
    filled(model, 1)
    update_average(average, model, steps, decay=0.99)
    assert values(average) == {round(expected, 4)}
    norm = average.encoder.get_submodule("blocks.0.1")
    assert norm.running_mean[0] == pytest.approx(expected)
    assert norm.num_batches_tracked == 1, "counters are copied"


def test_the_average_is_a_model_apart_that_learns_nothing_by_itself(model: TreeModel) -> None:
    average = start_average(model.train())
    assert not average.training
    assert model.training
    assert not any(parameter.requires_grad for parameter in average.parameters())
    before = values(average)
    filled(model, 1)
    assert values(average) == before
