"""The grid of a study: every cell that is to be trained.

Recipes are kept as plain settings and made on demand: who only asks how far a study is does not wait for torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pydantic
import yaml

from aed.errors import ConfigError

if TYPE_CHECKING:
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
        settings: The method's resolved recipe, without budget and seed, as JSON-able values.
    """

    method: str
    title: str
    budget: str
    draw: int
    fold: int
    seed: int
    settings: Mapping[str, Any]

    @property
    def recipe(self) -> Recipe:
        """All settings of this cell, the budget and the seed among them."""
        return cell_recipe(read_recipe(self.settings), self.budget, self.draw, self.seed)

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
        cells: In the order in which they are begun.
    """

    name: str
    title: str
    selection: Selection
    snapshots: int
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "title": self.title,
            "selection": self.selection,
            "snapshots": self.snapshots,
            "methods": {cell.method: {"title": cell.title, "recipe": cell.settings} for cell in self.cells},
            "cells": [[cell.method, cell.budget, cell.draw, cell.fold, cell.seed] for cell in self.cells],
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
            methods, cells = content["methods"], content["cells"]
            return cls(
                name=content["name"],
                title=content["title"],
                selection=content["selection"],
                snapshots=content["snapshots"],
                cells=tuple(
                    Cell(method, methods[method]["title"], budget, draw, fold, seed, methods[method]["recipe"])
                    for method, budget, draw, fold, seed in cells
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"not the grid of a study: {type(error).__name__}: {error}") from error


def read_recipe(settings: Mapping[str, Any]) -> Recipe:
    """Make a recipe of its settings."""
    from aed.train.recipe import Recipe

    return Recipe.model_validate(settings)


def is_same_recipe(text: str, recipe: Recipe) -> bool:
    """Tell whether a resolved recipe, perhaps of an earlier version that lacked some settings, asks for the same."""
    try:
        return type(recipe).model_validate(yaml.safe_load(text)).digest == recipe.digest
    except (pydantic.ValidationError, yaml.YAMLError):  # a setting that is no more, or no recipe
        return False


def cell_recipe(recipe: Recipe, budget: str, draw: int, seed: int) -> Recipe:
    """Return a method's recipe with a label budget and a seed put in."""
    share = _SHARE.fullmatch(budget)
    labels = {"labels_percent": int(share[1])} if share else {"labels": budget}
    data = {**recipe.data.model_dump(), **labels, "label_draw": draw}
    return type(recipe).model_validate({**recipe.model_dump(), "seed": seed, "data": data})
