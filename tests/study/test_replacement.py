"""When a model counts as worse than the one that it is to replace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aed.errors import DataError
from aed.study.replacement import Comparison, Mistakes, compare_models, known_nodes
from aed.train.dataset import fold_clips
from aed.train.labels import recipe_taxonomy
from tests.tiny_corpus import tiny_recipe, write_corpus


def comparison(before: tuple[int, int, float], after: tuple[int, int, float], dataset: str = "feedback") -> Comparison:
    return Comparison(dataset, 10, 20, 20, Mistakes(*before), Mistakes(*after))


@pytest.mark.parametrize(
    ("before", "after", "dataset", "is_worse"),
    [
        ((2, 3, 1.0), (3, 1, 1.5), "feedback", False),  # fewer mistakes, whatever the loss
        ((2, 3, 1.0), (3, 3, 0.5), "feedback", True),
        ((2, 3, 1.0), (3, 2, 1.1), "feedback", True),  # as many: the loss decides
        ((2, 3, 1.0), (3, 2, 1.0), "feedback", False),
        ((60, 40, 1.0), (63, 41, 1.0), "esc50", False),  # a known set may lose a little
        ((60, 40, 1.0), (64, 42, 1.0), "esc50", True),
    ],
)
def test_more_mistakes_are_worse(
    before: tuple[int, int, float], after: tuple[int, int, float], dataset: str, is_worse: bool
) -> None:
    assert comparison(before, after, dataset).is_worse is is_worse


def test_of_one_label_what_stands_above_is_there_and_what_stands_beside_is_not(tmp_path: Path) -> None:
    recipe = tiny_recipe(write_corpus(tmp_path))
    taxonomy = recipe_taxonomy(recipe, None)
    clips = fold_clips(recipe, 1, None).test
    known = known_nodes(recipe, taxonomy, clips)
    for clip, row in zip(clips, known, strict=True):
        name = {"dog_bark": "Bark", "siren": "Siren", "smoke_alarm": "Smoke detector, smoke alarm"}[clip.labels[0]]
        present = {taxonomy.nodes[node].name for node in np.flatnonzero(row == 1)}
        assert name in present
        assert row[0] == -1
        assert set(np.flatnonzero(row == 0)) & set(taxonomy.leaves)


def test_without_a_held_back_mark_it_says_what_to_do(tmp_path: Path) -> None:
    recipe = tiny_recipe(write_corpus(tmp_path), "data.folds=none")
    with pytest.raises(DataError, match="holds back no marked clip"):
        compare_models(recipe, None, tmp_path, tmp_path)
