"""The grid of a study: every cell that is to be trained, each with its resolved recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pydantic

from aed.errors import ConfigError
from aed.train.recipe import Recipe

Selection = Literal["final", "test_fold"]
ALL_LABELS = "100percent"
"""The budget that no file says: every training clip is labelled."""
_FORMAT = 1
_SHARE = re.compile(r"(\d+)percent")


@dataclass(frozen=True)
class Cell:
    """One training of a study.

    Attributes:
        method: Name of the method.
        title: What the method is, for people.
        budget: Name of the label budget; `ALL_LABELS` for all of them.
        draw: Which of the budget's draws.
        fold: The test fold.
        seed: Seed of the training.
        recipe: All settings, the budget and the seed among them.
    """

    method: str
    title: str
    budget: str
    draw: int
    fold: int
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Names the cell within its study, also its folder."""
        return f"{self.method}-{self.budget}-draw{self.draw}-fold{self.fold}-seed{self.seed}"


@dataclass(frozen=True)
class Grid:
    """What a study asks for.

    Attributes:
        name: Name of the study; a slash makes folders.
        title: One line for people.
        selection: Which weights are tested: the `final` ones, or the best snapshot on the `test_fold` (optimistic).
        snapshots: How many snapshots the latter chooses from.
        recipes: Each method's recipe, without budget and seed, by the method's name.
        cells: In the order in which they are begun.
    """

    name: str
    title: str
    selection: Selection
    snapshots: int
    recipes: Mapping[str, Recipe]
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "title": self.title,
            "selection": self.selection,
            "snapshots": self.snapshots,
            "recipes": {method: recipe.model_dump(mode="json") for method, recipe in self.recipes.items()},
            "cells": [[cell.method, cell.title, cell.budget, cell.draw, cell.fold, cell.seed] for cell in self.cells],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Grid:
        """Undo `to_dict`.

        Raises:
            ConfigError: The content is no grid.
        """
        try:
            if content["format"] != _FORMAT:
                raise ConfigError(f"expected format {_FORMAT} of a grid, got {content['format']}")
            recipes = {method: Recipe.model_validate(recipe) for method, recipe in content["recipes"].items()}
            cells = tuple(_cell(recipes, *fields) for fields in content["cells"])
            names = content["name"], content["title"], content["selection"], content["snapshots"]
        except (KeyError, TypeError, pydantic.ValidationError) as error:
            raise ConfigError(f"not the grid of a study: {type(error).__name__}: {error}") from error
        return cls(*names, recipes, cells)


def _cell(recipes: Mapping[str, Recipe], method: str, title: str, budget: str, draw: int, fold: int, seed: int) -> Cell:
    return Cell(method, title, budget, draw, fold, seed, cell_recipe(recipes[method], budget, draw, seed))


def cell_recipe(recipe: Recipe, budget: str, draw: int, seed: int) -> Recipe:
    """Return a method's recipe with a label budget and a seed put in."""
    share = _SHARE.fullmatch(budget)
    labels = {"labels_percent": int(share[1])} if share else {"labels": budget}
    data = {**recipe.data.model_dump(), **labels, "label_draw": draw}
    return Recipe.model_validate({**recipe.model_dump(), "seed": seed, "data": data})
