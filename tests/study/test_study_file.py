"""A study's file: what grid it makes, and that a wrong one is refused with the line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aed.errors import AedError, ConfigError
from aed.resources import recipes_folder
from aed.study.grid import Grid
from aed.study.study_checks import check_study
from aed.study.study_file import load_study
from tests.study.tiny_study import write_study


def test_the_grid_has_every_cell_once(tmp_path: Path) -> None:
    study = load_study(write_study(tmp_path))
    check_study(study)
    grid = study.grid()
    expected = {
        f"{method}-{budget}-draw{draw}-fold{fold}-seed1"
        for method in ("flat", "tree")
        for budget, draw in (("1perclass", 1), ("1perclass", 2), ("100percent", 1))
        for fold in (1, 2)
    }
    assert len(grid.cells) == len(expected)
    assert {cell.name for cell in grid.cells} == expected


def test_a_cell_has_its_budget_draw_and_seed_in_its_recipe(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("seeds: [1]", "seeds: [3, 4]"), ("  100: [1]", "  50: [2]"))
    for cell in load_study(path).grid().cells:
        recipe = cell.recipe
        assert recipe.data.label_budget == cell.budget
        assert recipe.data.label_draw == cell.draw
        assert recipe.seed == cell.seed
        assert recipe.model.head.name == cell.method
        assert recipe.consistency is None
        assert recipe.name == f"made_tiny-{cell.method}"


def test_what_is_compared_stands_together(tmp_path: Path) -> None:
    cells = load_study(write_study(tmp_path)).grid().cells
    assert [cell.method for cell in cells[:2]] == ["flat", "tree"]
    assert cells[0].name.removeprefix("flat") == cells[1].name.removeprefix("tree")
    assert [cell.draw for cell in cells] == sorted(cell.draw for cell in cells)


def test_a_grid_survives_being_written(tmp_path: Path) -> None:
    grid = load_study(write_study(tmp_path)).grid()
    again = Grid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert again == grid
    with pytest.raises(ConfigError, match="expected format 1 of a grid, got 9"):
        Grid.from_dict({**grid.to_dict(), "format": 9})
    with pytest.raises(ConfigError, match="not the grid of a study: KeyError: 'cells'"):
        Grid.from_dict({key: value for key, value in grid.to_dict().items() if key != "cells"})


def test_the_quick_grid_is_smaller_and_has_another_name(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("    title: the tree\n", "    title: the tree\n    quick: {optim.lr: 1e-4}\n"))
    grid = load_study(path, quick=True).grid()
    assert grid.name == "made/tiny_quick"
    assert [cell.name for cell in grid.cells] == [
        "flat-100percent-draw1-fold2-seed1",
        "tree-100percent-draw1-fold2-seed1",
    ]
    assert {cell.recipe.optim.steps for cell in grid.cells} == {2}
    assert [cell.recipe.optim.lr for cell in grid.cells] == [3e-3, 1e-4]


def test_the_quick_grid_takes_one_draw(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("  budgets: [100]\n", ""))
    assert {cell.draw for cell in load_study(path, quick=True).grid().cells} == {1}


def test_some_methods_alone(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    assert {cell.method for cell in load_study(path, methods=["tree"]).grid().cells} == {"tree"}
    with pytest.raises(ConfigError, match=r"study\.yaml: there is no method 'trea': did you mean 'tree'\?"):
        load_study(path, methods=["trea"])


WRONG = [
    # what to change, and what the message must hold after the line of the change
    (("    title: flat softmax\n", ""), "'methods.flat.title': Field required"),
    (("seeds: [1]", "sedes: [1]"), "unknown key 'sedes'"),
    (("seeds: [1]", "seeds: [0]"), "seeds: expected numbers from 1, each once, got [0]"),
    (("seeds: [1]", "selection: best"), "'selection': Input should be 'final' or 'test_fold', got 'best'"),
    (("name: made/tiny", "name: ../tiny"), "'name': String should match pattern"),
    (("title: Two methods", "title: Two: methods"), "not YAML: mapping values are not allowed here"),
    (("title: Two methods on made sounds", "name: made/again"), "'name' is there a second time, first in line 1"),
    (("recipe: recipe.yaml", "recipe: recipes.yaml"), "recipes.yaml does not exist"),
    (("      model.head.name: flat", "      model.head.nam: flat"), "unknown key 'model.head.nam'"),
    (("      model.head.name: flat", "      model.head.name: falt"), "Input should be"),
    (("      model.head.name: flat", "      encoder: flat"), "unknown key 'encoder'"),
    (("      model.head.name: flat", "      seed: 2"), "'seed' is set by the study's grid"),
    (
        ("      model.head.name: flat", "      data.labels_percent: 10"),
        "'data.labels_percent' is set by the",
    ),
    (("      model.head.name: flat", "      optim.steps: 6"), "method 'flat' has optim.steps = 6, the shared recipe 5"),
    (
        ("      model.head.name: flat", "      augment.mixup_alpha: 0"),
        "mixup_alpha = 0.0, the shared recipe 0.2",
    ),
    (("  tree:", "  Tree:"), "method 'Tree': expected a name of small letters"),
    (("  1perclass: [1, 2]", "  1perclass: []"), "budget 1perclass is empty: name its draws"),
    (("  1perclass: [1, 2]", "  0: [1]"), "label budget of 0: it is empty"),
    (("  1perclass: [1, 2]", "  150: [1]"), "label budget of 150 %: larger than the data"),
    (("  1perclass: [1, 2]", "  1perclass: [1, 1]"), "draws of budget 1perclass: expected numbers from 1, each once"),
    (("  100: [1]", "  100: [1, 2]"), "budget 100 is all labels, which has one draw: write [1]"),
    (
        ("  100: [1]", "  1perclass_seed20220522: [1]\n  100percent: [1]\n  100: [1]"),
        "budget 100 is budget 100percent again",
    ),
    (("  100: [1]", "  ../x: [1]"), "budget '../x': expected a share in percent, or the name of a budget"),
    # what only the data can tell
    (("folds: [1, 2]", "folds: [1, 3]"), "there is no fold 3: the folds of method 'flat' are 1, 2"),
    (
        ("  1perclass: [1, 2]", "  3perclass: [1]"),
        "larger than the data: 'dog_bark' has 2 in the training part of fold 1",
    ),
    (("  1perclass: [1, 2]", "  50: [1]"), "make it with: aed data budget csv:"),
    (("  1perclass: [1, 2]", "  2perclass_recordings: [6]"), "--per-class 2 --recordings --draws 6"),
    (("  1perclass: [1, 2]", "  mine: [1]"), "sounds/label_budgets/clips_mine.csv; write it with the columns draw"),
    (("  1perclass: [1, 2]", "  1perclass: [3]"), "no rows for draw 3, test fold 1: it has the draws 1, 2"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[change[1].strip() for change, _ in WRONG])
def test_a_wrong_study_is_refused_with_its_line(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    path = write_study(tmp_path, change)
    with pytest.raises(AedError) as raised:
        check_study(load_study(path))
    assert message in " ".join(str(raised.value).split())
    line = re.match(rf"{re.escape(str(path))}, line (\d+): ", str(raised.value))
    assert line is not None, raised.value
    text, culprit = path.read_text(), change[1].rstrip().splitlines()[-1] if change[1] else "  flat:"
    assert int(line[1]) == 1 + text[: text.index(culprit)].count("\n")


def test_a_quick_grid_of_what_the_study_lacks(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("  budgets: [100]", "  budgets: [25]"))
    with pytest.raises(ConfigError, match=r"line 21: there is no budget '25': expected one of 1perclass, 100"):
        load_study(path, quick=True)
    path.write_text(path.read_text().partition("quick:")[0])
    with pytest.raises(ConfigError, match="has no smaller grid: add 'quick:"):
        load_study(path, quick=True)


def test_a_class_without_a_labelled_clip(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    budget = next((tmp_path / "sounds/label_budgets").iterdir())
    rows = budget.read_text().splitlines()
    gone = next(row for row in rows if row.startswith("2,1,"))
    budget.write_text("\n".join(row for row in rows if row != gone) + "\n")
    with pytest.raises(
        ConfigError, match=r"line 15: budget 1perclass, draw 2, fold 1: class '\w+' has no labelled clip"
    ):
        check_study(load_study(path))


def test_a_budget_that_names_other_clips(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    budget = next((tmp_path / "sounds/label_budgets").iterdir())
    budget.write_text(budget.read_text().replace("1,1,", "1,1,other"))
    with pytest.raises(ConfigError, match=r"line 15: .*3 of the 3 clips of the label budget 1perclass are no"):
        check_study(load_study(path))


def test_a_setting_of_all_methods(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("methods:", "set: {optim.steps: 7}\nmethods:"))
    study = load_study(path)
    check_study(study)
    assert {cell.recipe.optim.steps for cell in study.grid().cells} == {7}
    path.write_text(path.read_text().replace("optim.steps: 7", "optim.stepz: 7"))
    with pytest.raises(ConfigError, match=r"line 4: .*unknown key 'optim\.stepz'"):
        load_study(path)


def test_a_method_may_differ_where_it_says_so(tmp_path: Path) -> None:
    change = ("      model.head.name: flat", "      augment.mixup_alpha: 0\n    differs: [augment]")
    check_study(load_study(write_study(tmp_path, change)))
    with pytest.raises(ConfigError, match=r"line 10: unknown key 'augmnt' of a recipe"):
        check_study(load_study(write_study(tmp_path, (change[0], change[1].replace("[augment]", "[augmnt]")))))


def test_the_shipped_study_makes_a_grid() -> None:
    study = load_study(recipes_folder() / "label_efficiency/esc10/study.yaml")
    cells = study.grid().cells
    assert len({cell.name for cell in cells}) == len(cells) == len(study.config.methods) * 8 * 5


@pytest.mark.audio
def test_the_shipped_study_fits_its_data(data_root: Path) -> None:
    check_study(load_study(recipes_folder() / "label_efficiency/esc10/study.yaml"), data_root)
