"""A study's folder: its frozen grid, claims, and the results of all cells in one file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aed.errors import ConfigError
from aed.study.grid import Grid, is_same_recipe
from aed.study.progress import study_progress
from aed.study.results import read_results
from aed.study.study_file import load_study
from aed.study.study_folder import Claim, StudyFolder
from aed.study.worker import CellOptions, work
from tests.study.fake_worker import fake_cell
from tests.study.tiny_study import write_study


def grid_of(folder: Path, *changes: tuple[str, str]) -> Grid:
    return load_study(write_study(folder, *changes)).grid()


def work_here(study: StudyFolder, monkeypatch: pytest.MonkeyPatch, run_id: str = "run") -> None:
    """Be the worker, in this process."""
    monkeypatch.setattr("aed.study.worker._speak_into", lambda folder: None)
    trace = study.path.parent / "trace"

    def run(*arguments: object) -> None:
        fake_cell(trace, 0.0, *arguments)  # type: ignore[arg-type]

    work(study, CellOptions(study.path / "looks.jsonl"), run_id, run)


def test_the_grid_is_frozen_and_may_grow_and_shrink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = StudyFolder(tmp_path / "out")
    small = grid_of(tmp_path, ("  1perclass: [1, 2]\n", ""))
    large = grid_of(tmp_path)
    for grid, cells in ((small, 4), (large, 12), (small, 4)):
        study.write_grid(grid)
        assert study.read_grid() == grid
        work_here(study, monkeypatch)
        assert study.collect_results() == len(read_results(study.results)) == cells
    assert len((tmp_path / "trace").read_text().splitlines()) == 2 * 12  # begin and end: what was done was not repeated


def test_another_study_is_refused(tmp_path: Path) -> None:
    study = StudyFolder(tmp_path / "out")
    study.write_grid(grid_of(tmp_path))
    with pytest.raises(ConfigError, match=r"holds another study: its name is made/tiny, this one's made/other; use"):
        study.write_grid(grid_of(tmp_path, ("made/tiny", "made/other")))
    with pytest.raises(ConfigError, match="its selection is final, this one's test_fold"):
        study.write_grid(grid_of(tmp_path, ("seeds: [1]", "selection: test_fold")))


def test_cells_that_were_begun_keep_their_recipe(tmp_path: Path) -> None:
    study, grid = StudyFolder(tmp_path / "out"), grid_of(tmp_path)
    faster = ("recipe: recipe.yaml", "recipe: recipe.yaml\nset: {optim.lr: 0.1}")
    changed = grid_of(tmp_path, faster)
    study.write_grid(grid)
    study.write_grid(changed)  # nothing was begun
    study.cell(grid.cells[3]).write_claim(Claim(1, "run"))
    with pytest.raises(ConfigError, match=rf"{grid.cells[3].name} was begun with the hash \w+, now it is \w+"):
        study.write_grid(grid)
    retitled = grid_of(
        tmp_path, ("recipe: recipe.yaml", "recipe: recipe.yaml\nset: {optim.lr: 0.1}"), ("the tree", "a")
    )
    study.write_grid(retitled)


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no study's folder: expected grid\.json; run 'aed study run'"):
        StudyFolder(tmp_path).read_grid()
    (tmp_path / "grid.json").write_text("{")
    with pytest.raises(ConfigError, match=r"grid\.json is damaged .* remove it"):
        StudyFolder(tmp_path).read_grid()


def test_a_claim_is_exclusive_and_ends(tmp_path: Path) -> None:
    study, grid = StudyFolder(tmp_path), grid_of(tmp_path)
    cell, other = grid.cells[:2]
    study.cell(cell).write_claim(Claim(1, "run"))
    with study.claim(cell) as first, study.claim(cell) as second, study.claim(other) as third:
        assert (first, second, third) == (True, False, True)
        assert study.is_claimed(cell)
    assert not study.is_claimed(cell)


def test_a_cell_that_a_worker_of_this_run_died_in_is_left_to_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, grid = StudyFolder(tmp_path / "out"), grid_of(tmp_path)
    study.write_grid(grid)
    folder = study.cell(grid.cells[0])
    folder.write_claim(Claim(1, "run"))

    def note_failure(seconds: float) -> None:
        assert not folder.is_done
        folder.write_failure("ended by SIGKILL")

    monkeypatch.setattr("aed.study.worker.time.sleep", note_failure)
    work_here(study, monkeypatch, "run")
    assert study_progress(study, grid).failed[0].error == "ended by SIGKILL"
    folder.forget_failure()
    work_here(study, monkeypatch, "run")
    assert study_progress(study, grid).is_settled
    assert folder.is_done


def test_cells_finished_elsewhere_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, here, grid = StudyFolder(tmp_path / "elsewhere"), StudyFolder(tmp_path / "here"), grid_of(tmp_path)
    elsewhere.write_grid(grid_of(tmp_path, ("  1perclass: [1, 2]\n", "")))
    work_here(elsewhere, monkeypatch)
    elsewhere.collect_results()
    finished = read_results(elsewhere.results)
    here.write_grid(grid)
    here.cell(grid.cells[-1]).write_claim(Claim(1, "an earlier run"))
    assert here.adopt(finished) == len(finished) == 4
    assert here.adopt(finished) == 0
    before = traced_cells(tmp_path)
    work_here(here, monkeypatch)
    assert len(traced_cells(tmp_path)) - len(before) == 12 - 4
    assert here.collect_results() == 12


@pytest.mark.parametrize(
    "change",
    [("name: made/tiny", "name: made/other"), ("recipe: recipe.yaml", "recipe: recipe.yaml\nset: {optim.lr: 0.1}")],
)
def test_cells_of_another_study_or_recipe_are_not_taken_over(
    change: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, here = StudyFolder(tmp_path / "elsewhere"), StudyFolder(tmp_path / "here")
    elsewhere.write_grid(grid_of(tmp_path))
    work_here(elsewhere, monkeypatch)
    elsewhere.collect_results()
    here.write_grid(grid_of(tmp_path, change))
    assert here.adopt(read_results(elsewhere.results)) == 0


def test_a_recipe_of_an_earlier_version_is_the_same_where_what_it_lacked_is_left_as_it_was(tmp_path: Path) -> None:
    recipe = grid_of(tmp_path).cells[0].recipe
    text = recipe.to_yaml()
    assert "  inner: null\n" in text
    earlier = text.replace("  inner: null\n", "")
    assert is_same_recipe(text, recipe)
    assert is_same_recipe(earlier, recipe)
    assert not is_same_recipe(earlier.replace("lr: 0.003", "lr: 0.004"), recipe)
    assert not is_same_recipe(text + "no_such_key: 1\n", recipe)
    assert not is_same_recipe("", recipe)


def traced_cells(folder: Path) -> list[str]:
    return [line for line in (folder / "trace").read_text().splitlines() if line.startswith("begin ")]


def test_results_are_in_the_order_of_the_grid_and_always_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, grid = StudyFolder(tmp_path / "out"), grid_of(tmp_path)
    study.write_grid(grid)
    work_here(study, monkeypatch)
    study.collect_results()
    first = study.results.read_bytes()
    cells = read_results(study.results)
    assert [(cell.method, cell.budget, cell.label_draw, cell.fold) for cell in cells] == [
        (cell.method, cell.budget, cell.draw, cell.fold) for cell in grid.cells
    ]
    study.results.unlink()
    moved = StudyFolder((tmp_path / "out").rename(tmp_path / "moved"))
    moved.collect_results()
    assert moved.results.read_bytes() == first
    assert study_progress(moved, moved.read_grid()).is_settled


def test_nothing_in_the_folder_names_a_place_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = StudyFolder(tmp_path / "out")
    grid = grid_of(tmp_path)
    study.write_grid(grid)
    work_here(study, monkeypatch)
    content = json.loads((study.path / "grid.json").read_text())
    for method in content["methods"].values():
        method["recipe"]["data"].pop("source")  # the user's own words
    assert str(tmp_path) not in json.dumps(content)
    files = [path for path in (study.path / "cells").rglob("*") if path.is_file()]
    results = [cell for path in files if path.suffix == ".parquet" for cell in read_results(path)]
    assert len(results) == len(grid.cells)
    texts = [path.read_text() for path in files if path.suffix != ".parquet"]
    texts += [str(replace(cell, recipe="")) for cell in results]  # the recipe holds the user's own words
    assert not any(str(tmp_path) in text for text in texts)
