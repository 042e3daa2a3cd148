"""Running a study: worker processes side by side, watched until every cell is done or failed.

Killed at any point, workers end too and the next run goes on; two runs of one folder are just more workers.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aed.errors import AedError
from aed.storage import write_atomic
from aed.study.grid import Grid
from aed.study.parallel import last_line, termination_as_interrupt
from aed.study.progress import StudyProgress, study_progress
from aed.study.study_folder import Claim, StudyFolder
from aed.study.worker import RUN_ID_VARIABLE

_POLL_SECONDS = 0.5
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Each worker computes on one core: that many small trainings side by side make more clips a second than one on all."""
_TOKEN_BYTES = 3
"""Of chance in a name: two commands may start in one second."""
OnProgress = Callable[[StudyProgress], None]


@dataclass(frozen=True)
class Worker:
    """A worker process and its log before its first cell."""

    process: subprocess.Popen[bytes]
    log: Path


def run_study(
    study: StudyFolder, grid: Grid, command: Sequence[str], workers: int, on_progress: OnProgress
) -> StudyProgress:
    """Run every cell of a grid that is not done.

    Cells that failed in an earlier run are tried again. However this ends, the workers end and the results of all
    finished cells are collected.

    Args:
        study: The study's folder.
        grid: What is asked for.
        command: Starts a worker (`aed.study.worker`); the study's folder is appended.
        workers: Processes at once.
        on_progress: Told about twice a second how far the study is.

    Returns:
        How far the study is in the end.

    Raises:
        AedError: The folder holds another study; a worker ended before it began a cell.
        StorageError: The folder cannot be written.
    """
    study.write_grid(grid)
    for cell in grid.cells:
        study.cell(cell).forget_failure()
    running: list[Worker] = []
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(_TOKEN_BYTES)}"
    try:
        with termination_as_interrupt():
            while not (progress := study_progress(study, grid)).is_settled:
                running = [worker for worker in running if not _has_ended(worker, run_id, study, grid)]
                while len(running) < min(workers, progress.unsettled):
                    running.append(_start(study, command, run_id))
                on_progress(progress)
                time.sleep(_POLL_SECONDS)
    finally:
        _end(running)
        study.collect_results()
    on_progress(progress)
    return progress


def _start(study: StudyFolder, command: Sequence[str], run_id: str) -> Worker:
    """Start a worker in a session of its own: Ctrl-C is for this process, which ends the others."""
    log = study.path / "workers" / f"{run_id}-{secrets.token_hex(_TOKEN_BYTES)}.log"
    write_atomic(log, "")
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [*command, str(study.path)],
            stdin=subprocess.PIPE,  # never written to: it closes when this process ends, and the worker ends with it
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | ONE_THREAD | {"PYTHONUNBUFFERED": "1", RUN_ID_VARIABLE: run_id},
            start_new_session=True,
        )
    return Worker(process, log)


def _has_ended(worker: Worker, run_id: str, study: StudyFolder, grid: Grid) -> bool:
    """Whether a worker ended; the cell that it died in is noted as failed, so that no other dies in it too."""
    code = worker.process.poll()
    if code is None:
        return False
    mine = Claim(worker.process.pid, run_id)
    began = [cell for cell in grid.cells if study.cell(cell).claim == mine]
    if code and not began:
        raise AedError(f"a worker ended before it began a cell: {_how(code, last_line(worker.log))}; see {worker.log}")
    for cell in began:
        folder = study.cell(cell)
        with study.claim(cell) as is_free:
            if folder.is_settled or folder.claim != mine:
                continue
            if not is_free:  # somebody looks whether it runs, or takes it over
                return False
            folder.write_failure(_how(code, last_line(folder.log)))
    return True


def _how(code: int, line: str) -> str:
    ended = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"{ended}; its last line: {line or '(none)'}"


def _end(running: Sequence[Worker]) -> None:
    for worker in running:
        worker.process.terminate()
    for worker in running:
        worker.process.wait()
        if worker.process.stdin:
            worker.process.stdin.close()
