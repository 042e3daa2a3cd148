"""One cell of a study: train it, or go on with it, test it, and leave one result behind."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.study.grid import Cell, Grid, read_recipe
from aed.study.ledger import TestLook, append_look, read_looks
from aed.study.predict import LoadedTestFold, load_test_fold
from aed.study.predictions import Predictions
from aed.study.report import without_nan
from aed.study.results import CellResult, write_results
from aed.study.score import Scores, score
from aed.study.snapshots import Snapshots
from aed.study.study_folder import CellFolder, StudyFolder
from aed.study.worker import CellOptions
from aed.train.dataset import FoldClips, fold_clips
from aed.train.listeners import LineListener, Listeners
from aed.train.provenance import source_commit
from aed.train.run import RunOptions, train_run

_SECONDS_NOTED_EVERY = 5.0
"""A killed attempt's time is known to within this."""


def run_cell(study: StudyFolder, grid: Grid, cell: Cell, options: CellOptions) -> None:
    """Run a cell to its result; goes on from the checkpoint of an earlier attempt.

    Raises:
        AedError: Whatever makes training or testing impossible; what was trained so far stays.
    """
    folder = study.cell(cell)
    test = load_test_fold(cell.recipe, cell.fold, None)
    look = partial(_record_look, cell, source_commit(), folder, options.ledger)
    snapshots = None
    if grid.selection == "test_fold":
        snapshots = Snapshots(folder.path, cell.recipe.optim.steps, grid.snapshots, test, look)
    timer = _Timer(folder)
    run_options = RunOptions(
        folder.run,
        resume=True,
        accelerator=options.accelerator,
        on_average=snapshots.on_average if snapshots else None,
    )
    record = train_run(cell.recipe, cell.fold, None, run_options, Listeners(LineListener(_say), timer))
    timer.note()
    predictions = snapshots.best() if snapshots else _test_final(folder, test, look)
    for reason in (*record["skipped"].values(), *test.skipped.values()):
        _say(f"clip left out: {reason}")
    write_results(folder.result, [_result(grid, cell, folder, record, test.taxonomy, predictions, options)])
    if not options.keep_models:
        shutil.rmtree(folder.run)


def _test_final(folder: CellFolder, test: LoadedTestFold, look: Any) -> Predictions:
    predictions = test.predict(TreeModel.load(folder.run))
    look(score(predictions, test.taxonomy))
    return predictions


def _record_look(cell: Cell, commit: str | None, folder: CellFolder, ledger: Path, scores: Scores) -> None:
    """Record a look where all looks are, and in the cell's folder, to count them; an inner part is no test fold."""
    if cell.recipe.data.inner:
        return
    date = datetime.now(UTC).isoformat(timespec="seconds")
    recipe, figures = cell.recipe, without_nan(scores.figures())
    look = TestLook(date, commit, recipe.name, recipe.digest, cell.fold, cell.seed, scores.clips, figures)
    append_look(look, ledger)
    append_look(look, folder.looks)


def _result(
    grid: Grid,
    cell: Cell,
    folder: CellFolder,
    record: dict[str, Any],
    taxonomy: Taxonomy,
    predictions: Predictions,
    options: CellOptions,
) -> CellResult:
    labelled = len(fold_clips(cell.recipe, cell.fold, None).labelled)
    all_labels = fold_clips(read_recipe(cell.settings), cell.fold, None).labelled
    classes = {label for clip in all_labels for label in clip.labels}
    return CellResult(
        study=grid.name,
        method=cell.method,
        title=cell.title,
        labels_percent=max(1, round(100 * labelled / len(all_labels))),
        label_draw=cell.draw,
        fold=cell.fold,
        seed=cell.seed,
        selection=grid.selection,
        labelled_clips=record["labelled_clips"],
        unlabelled_clips=record["unlabelled_clips"],
        labels_per_class=labelled / len(classes),
        steps=record["steps"],
        batch_size=cell.recipe.optim.batch_size,
        forward_clips=record["forward_clips"],
        parameters=record["parameters"],
        seconds=folder.seconds,
        recipe=cell.recipe.to_yaml(),
        recipe_hash=cell.recipe.digest,
        commit=record["commit"] or "",
        environment=_environment(record, options),
        taxonomy=json.dumps(taxonomy.to_dict(), sort_keys=True),
        test_looks=len(read_looks(folder.looks)),
        predictions=predictions,
        budget=cell.budget,
        pretraining_seconds=pretraining["seconds"] if (pretraining := record["pretraining"]) else 0.0,
    )


def _environment(record: dict[str, Any], options: CellOptions) -> str:
    kept = {key: record[key] for key in ("versions", "python", "precision", "threads", "processes")}
    cuda = options.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else "cpu"
    return json.dumps({**kept, "device": device, "parallel_cells": options.parallel}, sort_keys=True)


def _say(line: str) -> None:
    print(line, flush=True)


class _Timer:
    """Notes the time that training takes over all attempts at a cell, so that a killed one counts.

    What comes before the first step is left out: decoding, frames and pretraining are made once for many cells.

    Args:
        folder: The cell's.
    """

    def __init__(self, folder: CellFolder) -> None:
        self._folder = folder
        self._before = folder.seconds
        self._started = self._noted = 0.0

    def note(self) -> None:
        """Write the time down; nothing where this attempt found the training finished."""
        if self._started:
            self._noted = time.monotonic()
            self._folder.write_seconds(self._before + self._noted - self._started)

    def on_decode(self, what: str, done: int, total: int) -> None:
        """Not yet training."""

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""
        self._started = self._noted = time.monotonic()

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        if time.monotonic() - self._noted > _SECONDS_NOTED_EVERY:
            self.note()
