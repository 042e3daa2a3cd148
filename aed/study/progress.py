"""How far a study is, read from its folder: while it runs, by any process, and after it ended."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from aed.study.grid import Cell, Grid
from aed.study.parallel import last_line
from aed.study.study_folder import StudyFolder


@dataclass(frozen=True)
class FailedCell:
    """A cell that failed in the latest run.

    Attributes:
        name: Name of the cell.
        log: What its attempts said.
        error: Why it failed.
    """

    name: str
    log: Path
    error: str


@dataclass(frozen=True)
class RunningCell:
    """A cell that a process works on.

    Attributes:
        name: Name of the cell.
        line: What it said last.
    """

    name: str
    line: str


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is.

    Attributes:
        cells: Cells asked for.
        done: Names of those with a result.
        running: Those that a process works on now.
        failed: Those that failed in the latest run.
        seconds_left: Estimate; None where nothing is done yet, or nothing runs.
    """

    cells: int
    done: tuple[str, ...]
    running: tuple[RunningCell, ...]
    failed: tuple[FailedCell, ...]
    seconds_left: float | None

    @property
    def unsettled(self) -> int:
        """Number of cells that are neither done nor failed."""
        return self.cells - len(self.done) - len(self.failed)

    @property
    def is_settled(self) -> bool:
        """Whether every cell is done or failed."""
        return self.unsettled == 0


def study_progress(study: StudyFolder, grid: Grid) -> StudyProgress:
    """Look at every cell of the grid."""
    done, running, failed = list[Cell](), list[Cell](), list[FailedCell]()
    for cell in grid.cells:
        folder = study.cell(cell)
        if folder.is_done:
            done.append(cell)
        elif (error := folder.failure) is not None:
            failed.append(FailedCell(cell.name, folder.log, error))
        elif study.is_claimed(cell):
            running.append(cell)
    settled = {cell.name for cell in done} | {cell.name for cell in failed}
    unsettled = [cell for cell in grid.cells if cell.name not in settled]
    return StudyProgress(
        cells=len(grid.cells),
        done=tuple(cell.name for cell in done),
        running=tuple(RunningCell(cell.name, last_line(study.cell(cell).log)) for cell in running),
        failed=tuple(failed),
        seconds_left=_seconds_left(study, done, unsettled, len(running)),
    )


def _seconds_left(study: StudyFolder, done: list[Cell], unsettled: list[Cell], running: int) -> float | None:
    """Mean time of the method's finished cells, or of all, for each cell that is left, shared by those that run."""
    if not done or not running:
        return None
    of_method: dict[str, list[float]] = defaultdict(list)
    for cell in done:
        of_method[cell.method].append(study.cell(cell).seconds)
    overall = mean(seconds for each in of_method.values() for seconds in each)
    expected = {method: mean(seconds) for method, seconds in of_method.items()}
    left = [max(0.0, expected.get(cell.method, overall) - study.cell(cell).seconds) for cell in unsettled]
    return sum(left) / running
