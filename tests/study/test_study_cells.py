from __future__ import annotations

from dataclasses import replace

import pytest

from aed.errors import DataError
from aed.study.study_cells import by_selection, recipe_settings
from tests.metrics.random_trees import tree_of
from tests.study.made_study import made_study


def test_methods_keep_their_order_and_budgets_are_sorted_by_size() -> None:
    cells = made_study(methods={"zebra": 1, "ape": 1}, budgets={100: (1,), 10: (1, 2)})
    (study,) = by_selection(cells)
    assert list(study.methods) == ["zebra", "ape"]
    assert [(budget.label, budget.percent, budget.labels_per_class) for budget in study.budgets] == [
        ("10 %", 10, pytest.approx(3.0)),
        ("100 %", 100, pytest.approx(30.0)),
    ]
    places = [(cell.label_draw, cell.fold) for cell in study.of("ape", study.budgets[0])]
    assert places == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_budgets_by_number_have_names_for_people() -> None:
    cells = [replace(cell, budget="4perclass") for cell in made_study(budgets={10: (1,)})]
    assert by_selection(cells)[0].budgets[0].label == "4 per class"


def test_methods_of_one_title_are_told_apart() -> None:
    cells = [replace(cell, title="same") for cell in made_study(methods={"a": 1, "b": 1})]
    assert by_selection(cells)[0].methods == {"a": "same (a)", "b": "same (b)"}


def test_selection_rules_are_never_mixed_and_the_honest_one_comes_first() -> None:
    optimistic = made_study(methods={"flat": 1}, selection="test_fold")
    honest = made_study(methods={"tree": 1})
    first, second = by_selection([*optimistic, *honest])
    assert (first.selection, list(first.methods)) == ("final", ["tree"])
    assert (second.selection, list(second.methods)) == ("test_fold", ["flat"])
    assert second.selection_title == "optimistic: best snapshot on the test fold (selection: test_fold)"


def test_missing_cells_are_named_by_run() -> None:
    cells = [
        cell
        for cell in made_study(methods={"flat": 1, "tree": 1}, folds=(1, 2, 3))
        if (cell.method, cell.labels_percent, cell.label_draw, cell.fold)
        not in {("tree", 10, 2, 1), ("tree", 10, 2, 3), ("flat", 100, 1, 2)}
    ]
    (study,) = by_selection(cells)
    assert study.missing() == (
        "tree, 10 %, label draw 2, seed 1: folds 1, 3",
        "flat, 100 %, label draw 1, seed 1: fold 2",
    )


def test_a_whole_study_misses_nothing() -> None:
    assert by_selection(made_study())[0].missing() == ()


def test_an_empty_study_is_refused() -> None:
    with pytest.raises(DataError, match="no finished cell: run 'aed study run' first"):
        by_selection(())


def test_a_cell_twice_is_refused() -> None:
    cells = made_study()
    with pytest.raises(DataError, match="a cell twice: method 'flat', budget 10percent, label draw 1, fold 1, seed 1"):
        by_selection([*cells, cells[0]])


def test_another_tree_or_study_is_refused() -> None:
    other_tree = made_study(tree_of([3, 2], none_of_these=True), methods={"other": 1})
    with pytest.raises(DataError, match="differ in their taxonomy"):
        by_selection([*made_study(), *other_tree])
    with pytest.raises(DataError, match="differ in their study: made, other"):
        by_selection([*made_study(), *made_study(methods={"a": 1}, study="other")])


def test_a_recipe_is_read_whatever_its_keys() -> None:
    assert recipe_settings("name: made\nfrom_a_later_version: 1\n")["name"] == "made"
    assert recipe_settings("") == {}
