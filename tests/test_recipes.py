"""Every shipped recipe loads, and trains some steps on data laid out like its data set."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from aed.audio.scene import write_demo_corpus
from aed.data.label_budget import read_label_budget
from aed.model import TreeModel
from aed.resources import recipes_folder
from aed.train.dataset import recipe_folds
from aed.train.recipe import load_recipe
from aed.train.run import RunOptions, train_run
from tests.data.layouts import LAYOUTS
from tests.tiny_corpus import Recorder, write_audioset, write_esc50

NEEDS_MARKS = "feedback"
"""Learns from what a household said of its events; tests/cli/test_feedback.py trains it."""
RECIPES = sorted(path for path in recipes_folder().glob("*/*.yaml") if path.stem != NEEDS_MARKS)
FEW_STEPS = ("optim.steps=3", "optim.batch_size=8", "data.clip_seconds=1.0")


@pytest.fixture(autouse=True)
def _own_cache_and_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    torch.set_num_threads(1)


def test_the_recipes_of_the_first_issue_are_there() -> None:
    assert {path.parent.name for path in RECIPES} >= {"audioset_slice", "demo", "esc10", "esc50"}


def name_of(path: Path) -> str:
    return path.parent.name if path.stem == "recipe" else f"{path.parent.name}_{path.stem}"


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_a_shipped_recipe_trains(path: Path, tmp_path: Path) -> None:
    as_shipped = load_recipe(path)
    assert as_shipped.name == name_of(path)
    overrides = [*FEW_STEPS, *(["consistency.batch_size=4", "consistency.pool=all"] if as_shipped.consistency else [])]
    if as_shipped.data.source.startswith("folder:"):
        write_demo_corpus(tmp_path / "corpus", 2, np.random.default_rng(0))
        overrides.append(f"data.source=folder:{tmp_path / 'corpus'}")
    recipe = load_recipe(path, overrides)
    budget: frozenset[str] = frozenset()
    if name := recipe.data.label_budget:
        budget = read_label_budget(recipe.data.source, name, recipe.data.label_draw, 1)
    write_esc50(tmp_path, (clip_id.removeprefix("esc50/") for clip_id in budget))
    write_audioset(tmp_path)
    for source in recipe.data.every_judged_source:
        if source not in ("audioset", "esc10", "esc50") and source in LAYOUTS:
            LAYOUTS[source][0](tmp_path, ".wav")

    fold = next(iter(recipe_folds(recipe, tmp_path)), None)
    recorder = Recorder()
    record = train_run(recipe, fold, tmp_path, RunOptions(tmp_path / "run", accelerator="cpu"), recorder)
    assert recorder.steps == [1, 2, 3]
    assert all(math.isfinite(value) for losses in recorder.losses for value in losses.values())
    assert ("consistency" in recorder.losses[0]) == (recipe.consistency is not None)
    assert record["labelled_clips"] == (len(budget) or len(recorder.starts[0].labelled))
    scores = TreeModel.load(tmp_path / "run").score_clips(torch.zeros(1, recipe.model.features.rate_hz))
    assert torch.isfinite(scores.log_p).all()
