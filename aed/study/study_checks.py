"""Whether a study can be run and is fair: checked before anything runs, every refusal with the line of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aed.data.label_budget import BudgetRule, budget_path, make_label_budget
from aed.data.records import Clip
from aed.errors import AedError, ConfigError
from aed.study.grid import ALL_LABELS, cell_recipe
from aed.study.study_file import StudyFile, budget_name
from aed.train.dataset import FoldClips, SourceClips, fold_clips, load_clips, recipe_folds
from aed.train.labels import left_out_labels
from aed.train.recipe import Recipe

HELD_EQUAL = (
    *("data", "taxonomy", "model.features", "model.encoder", "model.window", "augment"),
    *("optim.steps", "optim.batch_size", "optim.made_silence_share"),
)
"""Settings that a fair comparison holds equal over its methods; a method that changes one must say so."""


def check_study(study: StudyFile, root: Path | None = None) -> None:
    """Refuse a study that would compare unequal things, or that the data cannot serve.

    Args:
        study: What is asked for.
        root: Data root; from the environment by default.

    Raises:
        ConfigError: A method changes what is held equal; a fold does not exist; a budget's file is missing, empty or
            larger than the data; a class has no labelled clip. The message names the line.
        DataError: A source is missing.
    """
    _check_held_equal(study)
    checked = []
    for method, recipe in study.recipes.items():
        if recipe.data not in checked:  # the same for all methods, unless one says that it differs
            checked.append(recipe.data)
            _check_data(study, method, recipe, root)


def _check_held_equal(study: StudyFile) -> None:
    expected = dict(_leaves(study.shared.model_dump(mode="json")))
    for method, recipe in study.recipes.items():
        settings = dict(_leaves(recipe.model_dump(mode="json")))
        differs = study.config.methods[method].differs
        for index, key in enumerate(differs):
            if not any(_is_below(leaf, key) for leaf in (*settings, *expected)):
                raise study.located.error(f"unknown key '{key}' of a recipe", "methods", method, "differs", index)
        for key in sorted({*settings, *expected}):
            if settings.get(key) == expected.get(key) or not any(_is_below(key, held) for held in HELD_EQUAL):
                continue
            if not any(_is_below(key, allowed) for allowed in differs):
                raise study.located.error(
                    f"method '{method}' has {key} = {settings.get(key)}, the shared recipe {expected.get(key)}: "
                    "methods are compared with this equal. Set it for all (set: at the top), or say "
                    f"'differs: [{key}]' under the method",
                    *_place(study, method, key),
                )


def _place(study: StudyFile, method: str, key: str) -> tuple[str, ...]:
    """Where a method sets a key of its recipe, or the method."""
    here = [("methods", method, "set", setting) for setting in study.config.methods[method].set]
    return next((place for place in here if _is_below(key, place[-1])), ("methods", method))


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _is_below(key: str, above: str) -> bool:
    return key == above or key.startswith(f"{above}.")


def _check_data(study: StudyFile, method: str, recipe: Recipe, root: Path | None) -> None:
    known = recipe_folds(recipe, root)
    for index, fold in enumerate(study.config.folds):
        if fold not in known:
            numbers = ", ".join(map(str, known)) or "none: it holds nothing out (data.folds)"
            raise study.located.error(
                f"there is no fold {fold}: the folds of method '{method}' are {numbers}", "folds", index
            )
    sources = load_clips(recipe, root)
    for fold in study.config.folds:
        everything = fold_clips(recipe, fold, root, sources)
        for key, draws in study.config.budgets.items():
            for index, draw in enumerate(draws):
                try:
                    _check_budget(recipe, budget_name(key), draw, everything, sources)
                except AedError as error:
                    raise study.located.error(
                        f"budget {key}, draw {draw}, fold {fold}: {error}", "budgets", key, index
                    ) from error


def _check_budget(recipe: Recipe, budget: str, draw: int, everything: FoldClips, sources: SourceClips) -> None:
    clips, fold = everything, everything.fold
    assert fold is not None
    if budget != ALL_LABELS:
        rule, path = BudgetRule.parse(budget), budget_path(recipe.data.source, budget)
        if rule is not None and not path.is_file():  # an amount that the data lack comes before a file that nobody made
            make_label_budget(everything.labelled, rule, draw, fold)
        clips = fold_clips(cell_recipe(recipe, budget, draw, recipe.seed), fold, None, sources)
    if recipe.taxonomy.task == "single":  # of several labels a clip some are so rare that one fold holds all of them
        labelled = _labels(clips.labelled) | left_out_labels(recipe, sources.own)
        for label in sorted(_labels((*everything.labelled, *everything.left_out, *everything.test))):
            if label not in labelled:
                raise ConfigError(f"class '{label}' has no labelled clip; choose a larger budget or another draw")


def _labels(clips: tuple[Clip, ...]) -> set[str]:
    return {label for clip in clips for label in clip.labels}
