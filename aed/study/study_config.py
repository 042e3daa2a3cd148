"""What the YAML file of a study may hold."""

from __future__ import annotations

from typing import Any

import pydantic
from pydantic import Field

from aed.settings import Settings
from aed.study.grid import Selection


class MethodConfig(Settings):
    """A method: a recipe.

    Attributes:
        title: What the method is, for people.
        recipe: Its own recipe file, relative to the study's; the study's recipe by default.
        set: Settings of the recipe to change: `model.head.name: flat`.
        differs: Settings that the study holds equal over its methods and this one changes all the same.
        quick: Further settings to change in a quick run.
    """

    title: str
    recipe: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    differs: tuple[str, ...] = ()
    quick: dict[str, Any] = Field(default_factory=dict)


class QuickConfig(Settings):
    """A smaller grid of the same kind, to try a study; the first draw of each budget.

    Attributes:
        steps: Optimiser steps.
        methods: Which methods; all by default.
        budgets: Which budgets; all by default.
        folds: Which folds; all by default.
    """

    steps: int = Field(gt=0)
    methods: tuple[str, ...] | None = Field(None, min_length=1)
    budgets: tuple[str | int, ...] | None = Field(None, min_length=1)
    folds: tuple[int, ...] | None = Field(None, min_length=1)


class StudyConfig(Settings):
    """One study.

    Attributes:
        name: Short name; also the study's folder under `runs`, so a slash makes folders.
        title: One line for people.
        recipe: Recipe file that the methods share, relative to the study's file.
        set: Settings of the recipe to change for all methods: `optim.steps: 900`.
        methods: By name.
        budgets: Draws of each label budget: a number is a share in percent, a text the name of a budget (`4perclass`).
        folds: Test folds.
        seeds: Seeds of the training.
        selection: Which weights are tested: the `final` ones, or the best snapshot on the `test_fold` (optimistic).
        snapshots: How many snapshots, evenly spaced over the steps, the latter chooses from.
        quick: A smaller grid.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*(/[a-z0-9][a-z0-9_]*)*$")
    title: str
    recipe: str
    set: dict[str, Any] = Field(default_factory=dict)
    methods: dict[str, MethodConfig] = Field(min_length=1)
    budgets: dict[str, tuple[int, ...]] = Field(min_length=1)
    folds: tuple[int, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    selection: Selection = "final"
    snapshots: int = Field(20, ge=2)
    quick: QuickConfig | None = None

    @pydantic.field_validator("budgets", mode="before")
    @classmethod
    def _shares_are_numbers(cls, value: Any) -> Any:
        return {str(key): draws for key, draws in value.items()} if isinstance(value, dict) else value
