"""A worker whose cells cost a moment: it says when it begins and ends one, and fails as it is told.

Arguments: trace file, seconds a cell takes, folder of the study. The trace gets a line `begin CELL` and `end CELL`. A
file `CELL.error`, `CELL.crash` or `CELL.kill` beside the trace makes that cell fail with an error of ours, a defect, or
a signal.

It runs as a process of its own and so imports nothing of `tests`: a dependency installs a package of that name.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from aed.errors import DataError
from aed.study.grid import Cell, Grid
from aed.study.predictions import Predictions
from aed.study.results import CellResult, write_results
from aed.study.study_folder import StudyFolder
from aed.study.worker import CellOptions, main


def fake_cell(trace: Path, seconds: float, study: StudyFolder, grid: Grid, cell: Cell, options: CellOptions) -> None:
    _note(trace, f"begin {cell.name}")
    print(f"working on {cell.name}", flush=True)
    time.sleep(seconds)
    if (trace.parent / f"{cell.name}.error").exists():
        raise DataError("no such\nsound")
    if (trace.parent / f"{cell.name}.crash").exists():
        raise RuntimeError("a defect")
    if (trace.parent / f"{cell.name}.kill").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    _note(trace, f"end {cell.name}")
    study.cell(cell).write_seconds(seconds)
    write_results(study.cell(cell).result, [_result(grid, cell)])


def _note(trace: Path, line: str) -> None:
    with trace.open("a") as file:
        file.write(f"{line}\n")


def _result(grid: Grid, cell: Cell) -> CellResult:
    predictions = Predictions(
        clip_ids=np.array([f"clip{cell.fold}"]),
        groups=np.array(["group"]),
        folds=np.array([cell.fold]),
        log_p=np.zeros((1, 2), dtype=np.float32),
        taxonomy_digest="tree",
        target_nodes=np.array([1]),
    )
    return CellResult(
        study=grid.name,
        method=cell.method,
        title=cell.title,
        labels_percent=100,
        label_draw=cell.draw,
        fold=cell.fold,
        seed=cell.seed,
        selection=grid.selection,
        labelled_clips=6,
        unlabelled_clips=0,
        labels_per_class=2.0,
        steps=5,
        batch_size=4,
        forward_clips=20,
        parameters=100,
        seconds=0.1,
        recipe=cell.recipe.to_yaml(),
        recipe_hash=cell.recipe.digest,
        commit="",
        environment="{}",
        taxonomy="{}",
        test_looks=1,
        predictions=predictions,
        budget=cell.budget,
    )


if __name__ == "__main__":
    trace, seconds, folder = sys.argv[1:]
    main(Path(folder), CellOptions(Path(folder) / "looks.jsonl"), partial(fake_cell, Path(trace), float(seconds)))
