"""A worker: a process that takes one free cell of a study after the other until all are done or failed.

A cell is taken by a lock that the operating system frees when its holder ends, however it ends, so no cell is worked on
twice at once and none is lost with its worker. Workers of several commands on one folder share its cells.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aed.errors import AedError
from aed.study.grid import Cell, Grid
from aed.study.study_folder import CellFolder, Claim, StudyFolder

_POLL_SECONDS = 0.5
"""Pause while all cells that are left are others' work."""
_STDIN = 0
RUN_ID_VARIABLE = "AED_STUDY_RUN"
"""Environment variable in which a worker finds the name of the command that started it."""


@dataclass(frozen=True)
class CellOptions:
    """How to run a cell, apart from what.

    Attributes:
        ledger: Where looks at the test folds are recorded.
        accelerator: `cpu`, `cuda` or `auto`.
        keep_models: Keep the run folder with the model of the last step.
        parallel: How many cells run at once here: it says what the seconds mean.
    """

    ledger: Path
    accelerator: str = "auto"
    keep_models: bool = False
    parallel: int = 1


RunCell = Callable[[StudyFolder, Grid, Cell, CellOptions], None]
"""Runs a cell to its result: `aed.study.cell.run_cell`."""


def main(folder: Path, options: CellOptions, run: RunCell) -> None:
    """Be a worker that ends with the command that started it."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    work(StudyFolder(folder), options, os.environ[RUN_ID_VARIABLE], run)


def work(study: StudyFolder, options: CellOptions, run_id: str, run: RunCell) -> None:
    """Work on the study until every cell of its grid is done or failed.

    A cell that fails with an error of ours is noted as failed; any other error ends the process, and the command that
    started it notes the failure and starts another. Until it does, its workers leave that cell alone.

    Args:
        study: The study.
        options: How to run a cell.
        run_id: Names the command that started this process.
        run: Runs one cell.

    Raises:
        ConfigError: The folder holds no study.
    """
    grid = study.read_grid()
    while waiting := [cell for cell in grid.cells if not study.cell(cell).is_settled]:
        if not any(_work_on(study, grid, cell, options, run_id, run) for cell in waiting):
            time.sleep(_POLL_SECONDS)


def _work_on(study: StudyFolder, grid: Grid, cell: Cell, options: CellOptions, run_id: str, run: RunCell) -> bool:
    """Run the cell if nobody else has it; returns whether that was so."""
    folder = study.cell(cell)
    with study.claim(cell) as is_mine:
        if not is_mine or folder.is_settled or _was_begun_by(run_id, folder):
            return False
        folder.write_claim(Claim(os.getpid(), run_id))
        _speak_into(folder)
        try:
            run(study, grid, cell, options)
        except AedError as error:
            print(f"failed: {error}", flush=True)
            folder.write_failure(" ".join(str(error).split()))
    return True


def _was_begun_by(run_id: str, folder: CellFolder) -> bool:
    return folder.claim is not None and folder.claim.run == run_id


def _speak_into(folder: CellFolder) -> None:
    """Let everything that this process says, a crash in native code too, go to the cell's log from here on."""
    with folder.log.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
    print(f"{datetime.now(UTC).isoformat(timespec='seconds')} process {os.getpid()}", flush=True)


def _end_with_input() -> None:
    """End this process, in the middle of whatever it does, when the one that holds its standard input ends."""
    while os.read(_STDIN, 1):
        pass
    os._exit(1)
