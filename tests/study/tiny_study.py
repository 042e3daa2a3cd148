"""A study small enough to run in a test: two methods on the clips of `tests.tiny_corpus`."""

from __future__ import annotations

from pathlib import Path

from aed.data.label_budget import BudgetRule, write_label_budget
from aed.data.source import load_source
from aed.data.splits import official_folds
from tests.tiny_corpus import write_corpus, write_recipe

STUDY = """\
name: made/tiny
title: Two methods on made sounds
recipe: recipe.yaml
methods:
  flat:
    title: flat softmax
    set:
      consistency: null
      model.head.name: flat
  tree:
    title: the tree
    set:
      consistency: null
budgets:
  1perclass: [1, 2]
  100: [1]
folds: [1, 2]
seeds: [1]
quick:
  steps: 2
  budgets: [100]
  folds: [2]
"""
STEPS = 5


def write_study(folder: Path, *changes: tuple[str, str]) -> Path:
    """The study's file, beside its recipe, sounds and budgets; each change replaces a piece of its text."""
    manifest = write_corpus(folder / "sounds")
    source = f"csv:{manifest}"
    dataset = load_source(source)
    write_label_budget(source, dataset, BudgetRule(1, "perclass"), official_folds(dataset.clips), draws=2)
    write_recipe(folder / "recipe.yaml", manifest)
    text = STUDY
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / "study.yaml"
    path.write_text(text)
    return path
