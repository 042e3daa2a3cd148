"""On which side of a recipe's folds each content group stands, for scenes mixed of what the recipe holds out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aed.data.splits import group_folds
from aed.train.dataset import FoldClips, fold_clips, load_clips
from aed.train.recipe import Recipe

TEACHES = 0
"""Stands for the fold of what is not held out."""
_DEALING_SEED = 0


def recipe_sides(recipe: Recipe, folds: Sequence[int], root: Path | None) -> dict[int, dict[str, int]]:
    """Say for each fold which groups teach and which are held out.

    What the recipe holds out in all of several folds (data sets that it only tests on, official test parts) is dealt
    among them, so that each clip is heard once.

    Args:
        recipe: The recipe.
        folds: Numbers of the folds.
        root: Data root.

    Returns:
        fold -> content group -> `TEACHES`, the fold if the group is held out and its turn is there, or the fold where
        its turn is.

    Raises:
        ConfigError: The recipe has no such fold.
        DataError: A source is missing.
    """
    loaded = load_clips(recipe, root)
    found = {number: fold_clips(recipe, number, root, loaded) for number in folds}
    turns = _turns(found) if len(found) > 1 else {}
    return {
        number: {clip.group: TEACHES for clip in clips.training}
        | {clip.group: turns.get(clip.group, number) for clip in clips.test}
        for number, clips in found.items()
    }


def _turns(found: dict[int, FoldClips]) -> dict[str, int]:
    """Fold in which each group that all hold out is heard."""
    everywhere = set.intersection(*({clip.group for clip in clips.test} for clips in found.values()))
    shared = {clip for clips in found.values() for clip in clips.test if clip.group in everywhere}
    if len(everywhere) < len(found):
        return dict.fromkeys(everywhere, min(found))
    numbers = sorted(found)
    parts = group_folds(shared, len(numbers), _DEALING_SEED)
    return {clip.group: number for number, part in zip(numbers, parts, strict=True) for clip in part.test}
