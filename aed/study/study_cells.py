"""The cells of a study in order: methods as in the results file, budgets by size, one selection rule at a time.

Results with another selection rule are another study: the optimistic number (the best snapshot on the test fold) never
stands beside an honest one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import yaml

from aed.errors import DataError
from aed.ontology.taxonomy import Taxonomy
from aed.study.results import CellResult

FINAL = "final"
SELECTIONS = {
    FINAL: "weights at the last step",
    "test_fold": "optimistic: best snapshot on the test fold",
}
"""What each selection rule means, for people; the honest one first."""


@dataclass(frozen=True)
class Budget:
    """A label budget.

    Attributes:
        name: Its name in the results.
        label: Its name for people: `10 %`, `4 per class`.
        percent: Labelled share of the training clips in percent.
        labels_per_class: Labelled clips per class, mean over its cells.
    """

    name: str
    label: str
    percent: int
    labels_per_class: float


@dataclass(frozen=True, eq=False)
class StudyCells:
    """The finished cells of one study under one selection rule.

    Attributes:
        study: Name of the study.
        selection: Which weights were tested.
        taxonomy: The tree of all cells.
        cells: All cells, in the order of the results file.
        methods: Name of each method -> what it is called in tables and pictures, in the order of the results file.
        budgets: Smallest first.
    """

    study: str
    selection: str
    taxonomy: Taxonomy
    cells: tuple[CellResult, ...]
    methods: dict[str, str]
    budgets: tuple[Budget, ...]

    @property
    def selection_title(self) -> str:
        """What the selection rule means, and its very name."""
        meaning = SELECTIONS.get(self.selection)
        return f"{meaning} (selection: {self.selection})" if meaning else f"selection: {self.selection}"

    def titled(self, title: str) -> str:
        """Return a title that bears the selection rule's name, unless it is the honest one."""
        return title if self.selection == FINAL else f"{title} ({self.selection_title})"

    @property
    def is_multi_label(self) -> bool:
        """Whether a clip may carry several labels."""
        return self.cells[0].predictions.is_multi_label

    def of(self, method: str, budget: Budget) -> tuple[CellResult, ...]:
        """Return the cells of a method with a budget, by draw, seed and fold."""
        found = [cell for cell in self.cells if cell.method == method and _budget_name(cell) == budget.name]
        return tuple(sorted(found, key=lambda cell: (cell.label_draw, cell.seed, cell.fold)))

    def missing(self) -> tuple[str, ...]:
        """Name the cells that some other method or fold has and that are not there, the folds of a run in one line.

        A method, draw, fold or seed without a single finished cell leaves no trace in the results and is not named.
        """
        folds, seeds = ({getattr(cell, field) for cell in self.cells} for field in ("fold", "seed"))
        found = []
        for budget in self.budgets:
            draws = {cell.label_draw for cell in self.cells if _budget_name(cell) == budget.name}
            for method in self.methods:
                there = {(cell.label_draw, cell.seed, cell.fold) for cell in self.of(method, budget)}
                for draw in sorted(draws):
                    for seed in sorted(seeds):
                        lacking = [fold for fold in sorted(folds) if (draw, seed, fold) not in there]
                        if lacking:
                            where = f"{method}, {budget.label}, label draw {draw}, seed {seed}"
                            found.append(f"{where}: fold{'s' * (len(lacking) > 1)} {', '.join(map(str, lacking))}")
        return tuple(found)


def by_selection(cells: Sequence[CellResult]) -> tuple[StudyCells, ...]:
    """Return the cells of each selection rule, the honest ones first.

    Raises:
        DataError: There is no cell, a cell stands there twice, or the cells differ in study, task or tree.
    """
    if not cells:
        raise DataError("the results hold no finished cell: run 'aed study run' first")
    _check(cells)
    order = [*SELECTIONS, *sorted({cell.selection for cell in cells} - SELECTIONS.keys())]
    parts = ([cell for cell in cells if cell.selection == selection] for selection in order)
    return tuple(_study_cells(part) for part in parts if part)


@cache
def recipe_settings(recipe: str) -> dict[str, Any]:
    """Return the settings of a resolved recipe as YAML, whatever version of aed wrote it; not to be changed."""
    settings = yaml.safe_load(recipe)
    return settings if isinstance(settings, dict) else {}


def _study_cells(cells: Sequence[CellResult]) -> StudyCells:
    titles = {cell.method: cell.title or cell.method for cell in cells}
    called = list(titles.values())
    names = {method: title if called.count(title) == 1 else f"{title} ({method})" for method, title in titles.items()}
    by_name = groupby(sorted(cells, key=_budget_name), key=_budget_name)
    budgets = sorted((_budget(name, list(of_budget)) for name, of_budget in by_name), key=_size)
    return StudyCells(
        study=cells[0].study,
        selection=cells[0].selection,
        taxonomy=Taxonomy.from_dict(json.loads(cells[0].taxonomy)),
        cells=tuple(cells),
        methods=names,
        budgets=tuple(budgets),
    )


def _check(cells: Sequence[CellResult]) -> None:
    seen = set()
    for cell in cells:
        place = (cell.method, _budget_name(cell), cell.label_draw, cell.fold, cell.seed, cell.selection)
        if place in seen:
            method, budget, draw, fold, seed, _ = place
            raise DataError(
                f"the results hold a cell twice: method '{method}', budget {budget}, label draw {draw}, fold {fold}, "
                f"seed {seed}; merge the cells of one study only, each once"
            )
        seen.add(place)
    for what, values in (
        ("study", {cell.study for cell in cells}),
        ("taxonomy", {cell.predictions.taxonomy_digest for cell in cells}),
        ("number of labels a clip", {"several" if cell.predictions.is_multi_label else "one" for cell in cells}),
    ):
        if len(values) > 1:
            raise DataError(
                f"the cells differ in their {what}: {', '.join(sorted(values))}; report each such study by itself"
            )


def _budget(name: str, cells: Sequence[CellResult]) -> Budget:
    label = name.replace("percent", " %").replace("perclass", " per class").replace("_", " ")
    per_class = [cell.labels_per_class for cell in cells]
    return Budget(name, label, round(_mean(cell.labels_percent for cell in cells)), _mean(per_class))


def _budget_name(cell: CellResult) -> str:
    return cell.budget or f"{cell.labels_percent}percent"


def _size(budget: Budget) -> tuple[float, str]:
    return budget.labels_per_class, budget.name


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
