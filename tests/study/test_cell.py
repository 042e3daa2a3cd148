"""A cell that is really trained: what its result says, and that an interrupted one ends as one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aed.errors import AedError
from aed.model import TreeModel
from aed.study import cell as cell_module
from aed.study.cell import run_cell
from aed.study.grid import ALL_LABELS, Cell, Grid
from aed.study.ledger import read_looks
from aed.study.predict import load_test_fold
from aed.study.results import CellResult, read_results
from aed.study.study_file import load_study
from aed.study.study_folder import StudyFolder
from aed.study.worker import CellOptions
from aed.train.run import RunOptions, train_run
from tests.study.tiny_study import STEPS, write_study
from tests.tiny_corpus import Recorder

SNAPSHOTS = ("seeds: [1]", "seeds: [1]\nselection: test_fold\nsnapshots: 3")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    return load_study(write_study(tmp_path)).grid()


def run(folder: Path, grid: Grid, cell: Cell, *, keep_models: bool = False) -> CellResult:
    study = StudyFolder(folder)
    run_cell(study, grid, cell, CellOptions(folder.parent / "ledger.jsonl", "cpu", keep_models, parallel=3))
    (result,) = read_results(study.cell(cell).result)
    return result


def test_a_result_says_all_it_takes_to_repeat_the_cell(grid: Grid, tmp_path: Path) -> None:
    cell = next(cell for cell in grid.cells if cell.budget == "1perclass" and cell.fold == 2 and cell.method == "tree")
    result = run(tmp_path / "out", grid, cell)
    assert (result.study, result.method, result.title) == ("made/tiny", "tree", "the tree")
    assert (result.budget, result.label_draw, result.fold, result.seed) == ("1perclass", 1, 2, 1)
    assert (result.labelled_clips, result.labels_per_class, result.labels_percent) == (3, 1.0, 50)
    assert (result.steps, result.batch_size, result.forward_clips) == (STEPS, 4, 4 * STEPS)
    assert (result.recipe, result.recipe_hash) == (cell.recipe.to_yaml(), cell.recipe.digest)
    assert json.loads(result.environment)["parallel_cells"] == 3
    assert json.loads(result.environment)["versions"]["torch"]
    assert json.loads(result.taxonomy) == load_test_fold(cell.recipe, 2, None).taxonomy.to_dict()
    assert result.parameters > 10_000
    assert result.pretraining_seconds == 0
    assert result.seconds > 0


def test_it_is_tested_once_with_the_weights_of_the_last_step(grid: Grid, tmp_path: Path) -> None:
    cell = grid.cells[0]
    result = run(tmp_path / "out", grid, cell, keep_models=True)
    model = TreeModel.load(StudyFolder(tmp_path / "out").cell(cell).run)
    expected = load_test_fold(cell.recipe, cell.fold, None).predict(model)
    np.testing.assert_array_equal(result.predictions.log_p, expected.log_p)
    np.testing.assert_array_equal(result.predictions.clip_ids, expected.clip_ids)
    (look,) = read_looks(tmp_path / "ledger.jsonl")
    assert (look.recipe, look.recipe_hash, look.fold) == ("made_tiny-flat", cell.recipe.digest, cell.fold)
    assert (result.test_looks, result.selection) == (1, "final")


def test_cells_share_their_pretraining_and_say_what_it_took(tmp_path: Path) -> None:
    settings = "consistency: null\n      pretrain: {steps: 60, batch_size: 2, segment_seconds: 0.5}"
    path = write_study(tmp_path, ("consistency: null\n      model.head.name: flat", settings))
    grid = load_study(path).grid()
    cells = [cell for cell in grid.cells if cell.fold == 1]
    results = {cell.name: run(tmp_path / "out", grid, cell) for cell in cells if cell.method == "flat"}
    assert len(results) == 3
    (seconds,) = {result.pretraining_seconds for result in results.values()}
    assert seconds > 0
    assert {result.unlabelled_clips for result in results.values()} == {6}


def test_the_model_of_a_finished_cell_is_removed(grid: Grid, tmp_path: Path) -> None:
    run(tmp_path / "out", grid, grid.cells[0])
    folder = StudyFolder(tmp_path / "out").cell(grid.cells[0])
    assert folder.is_done
    assert not list(folder.path.rglob("*.safetensors"))
    assert not folder.run.exists()


class Stops(Recorder):
    def on_step(self, done: int, losses: dict[str, float]) -> None:
        if done == 3:
            raise KeyboardInterrupt


def test_an_interrupted_cell_ends_as_one_that_was_not(grid: Grid, tmp_path: Path) -> None:
    cell = grid.cells[0]
    folder = StudyFolder(tmp_path / "interrupted").cell(cell)
    with pytest.raises(KeyboardInterrupt):
        options = RunOptions(folder.run, accelerator="cpu", checkpoint_seconds=0)
        train_run(cell.recipe, cell.fold, None, options, Stops())
    folder.write_seconds(100.0)
    result = run(tmp_path / "interrupted", grid, cell)
    assert result.seconds > 100
    whole = run(tmp_path / "whole", grid, cell)
    np.testing.assert_array_equal(result.predictions.log_p, whole.predictions.log_p)


def test_a_cell_killed_before_its_result_was_written_is_tested_again_and_says_so(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_result(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "write_results", no_result)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "out", grid, grid.cells[0])
    result = run(tmp_path / "out", grid, grid.cells[0])
    assert result.test_looks == len(read_looks(tmp_path / "ledger.jsonl")) == 2
    assert (StudyFolder(tmp_path / "out").cell(grid.cells[0])).is_done


def test_an_inner_part_is_no_look_at_a_test_fold(tmp_path: Path) -> None:
    inner = ("recipe: recipe.yaml", "recipe: recipe.yaml\nset: {data.inner: {part: 1, parts: 2}}")
    grid = load_study(write_study(tmp_path, inner)).grid()
    cell = next(cell for cell in grid.cells if cell.budget == ALL_LABELS)
    result = run(tmp_path / "out", grid, cell)
    assert (result.test_looks, read_looks(tmp_path / "ledger.jsonl")) == (0, [])
    assert set(result.predictions.folds) == {cell.fold}
    assert result.labelled_clips == len(result.predictions) == 3


def optimistic_grid(folder: Path) -> Grid:
    return load_study(write_study(folder, SNAPSHOTS)).grid()


def test_the_optimistic_number_is_that_of_the_best_snapshot_and_counts_every_look(tmp_path: Path) -> None:
    grid = optimistic_grid(tmp_path)
    cell = grid.cells[1]
    result = run(tmp_path / "out", grid, cell)
    looks = read_looks(tmp_path / "ledger.jsonl")
    assert (result.selection, result.test_looks, len(looks)) == ("test_fold", 3, 3)
    right = result.predictions.log_p
    leaves = sorted(set(result.predictions.target_nodes.tolist()))
    accuracy = np.mean(np.array(leaves)[right[:, leaves].argmax(axis=1)] == result.predictions.target_nodes)
    assert accuracy == max(look.result["leaf_accuracy"] for look in looks)


def test_a_snapshot_that_was_tested_is_not_tested_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = optimistic_grid(tmp_path)
    cell = grid.cells[0]
    whole = run(tmp_path / "whole", grid, cell)

    def stop_at(step: int) -> Callable[..., object]:
        def train(recipe: object, fold: object, root: object, options: RunOptions, listener: object) -> object:
            def on_average(done: int, model: TreeModel) -> None:
                assert options.on_average is not None
                options.on_average(done, model)
                if done == step:
                    raise KeyboardInterrupt

            stopping = RunOptions(
                options.folder, resume=True, accelerator="cpu", checkpoint_seconds=0, on_average=on_average
            )
            return train_run(cell.recipe, cell.fold, None, stopping, Recorder())

        return train

    (tmp_path / "ledger.jsonl").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "train_run", stop_at(4))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "out", grid, cell)
    result = run(tmp_path / "out", grid, cell)
    assert result.test_looks == len(read_looks(tmp_path / "ledger.jsonl")) == 3
    np.testing.assert_array_equal(result.predictions.log_p, whole.predictions.log_p)


def test_what_makes_a_cell_impossible_is_an_error_of_ours(grid: Grid, tmp_path: Path) -> None:
    for path in (tmp_path / "sounds").glob("*.wav"):
        path.write_bytes(b"no audio")
    with pytest.raises(AedError, match="none of the 6 clips of the test fold can be read"):
        run(tmp_path / "out", grid, grid.cells[0])
