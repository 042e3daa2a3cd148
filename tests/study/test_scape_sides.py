"""Sides of a recipe's folds: what teaches, what is held out, and whose turn it is where all folds hold it out."""

from __future__ import annotations

from pathlib import Path

from aed.study.scape_sides import TEACHES, recipe_sides
from aed.train.dataset import fold_clips
from tests.tiny_corpus import MULTI_LABEL, tiny_recipe, write_corpus, write_glass_break

FOLDS = (1, 2, 3)


def test_each_group_is_heard_in_one_fold_and_never_where_it_teaches(tmp_path: Path) -> None:
    write_glass_break(tmp_path)
    settings = ("data.test_sources=[glass_break]", "data.folds={groups: 3}", *MULTI_LABEL[1:])
    recipe = tiny_recipe(write_corpus(tmp_path / "corpus"), *settings)
    sides = recipe_sides(recipe, FOLDS, tmp_path)
    groups = {group for of_fold in sides.values() for group in of_fold}
    for group in groups:
        assert sum(of_fold.get(group) == number for number, of_fold in sides.items()) == 1
    assert len([group for group in groups if group.startswith("glass_break")]) == 4
    for number, of_fold in sides.items():
        clips = fold_clips(recipe, number, tmp_path)
        assert {group for group, side in of_fold.items() if side == TEACHES} == {clip.group for clip in clips.training}


def test_a_single_fold_hears_all_that_it_holds_out(tmp_path: Path) -> None:
    write_glass_break(tmp_path)
    settings = ("data.test_sources=[glass_break]", "data.folds={groups: 3}", *MULTI_LABEL[1:])
    recipe = tiny_recipe(write_corpus(tmp_path / "corpus"), *settings)
    (sides,) = recipe_sides(recipe, [2], tmp_path).values()
    held_out = {clip.group for clip in fold_clips(recipe, 2, tmp_path).test}
    assert {group for group, side in sides.items() if side == 2} == held_out
