"""The folder of a study: its frozen grid, a folder for each cell, and how far each is, read from the files alone.

    grid.json                    what is asked for
    cells/<cell>/result.parquet  the cell is done
    cells/<cell>/failure.json    it failed in the latest run
    cells/<cell>/cell.log        what its attempts said
    cells/<cell>/claim.json      who began it last
    cells/<cell>/seconds.json    time that its attempts took
    cells/<cell>/test_looks.jsonl  how often it was tested
    cells/<cell>/run/            checkpoint, later the model; removed when the cell is done
    locks/                       held by whoever works on a cell; freed when that process ends, however it ends
    results.parquet              the results of all finished cells
    test_looks.jsonl             looks at the test folds, where there is no checkout to keep them in

Nothing in it names a place outside it: a study's folder can be moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aed.errors import ConfigError
from aed.json_object import read_json_object
from aed.storage import write_atomic
from aed.study.grid import Cell, Grid, is_same_recipe
from aed.study.ledger import ledger_path
from aed.study.results import FILE_NAME as RESULTS_FILE
from aed.study.results import CellResult, read_results, write_results

GRID_FILE = "grid.json"
_RESULT, _FAILURE, _CLAIM, _SECONDS = "result.parquet", "failure.json", "claim.json", "seconds.json"
_GRID_LOCK, _RESULTS_LOCK = "grid", "results"


@dataclass(frozen=True)
class Claim:
    """Who began a cell.

    Attributes:
        process: Id of the worker's process.
        run: Names the command that started the worker.
    """

    process: int
    run: str


@dataclass(frozen=True)
class CellFolder:
    """One cell's files.

    Attributes:
        path: The cell's folder.
    """

    path: Path

    @property
    def run(self) -> Path:
        """Run folder of the training."""
        return self.path / "run"

    @property
    def log(self) -> Path:
        """What the attempts said."""
        return self.path / "cell.log"

    @property
    def looks(self) -> Path:
        """Looks at the test fold, those of all attempts."""
        return self.path / "test_looks.jsonl"

    @property
    def result(self) -> Path:
        """Results file of this cell alone."""
        return self.path / _RESULT

    @property
    def failure(self) -> str | None:
        """Why the cell failed in the latest run; None where it did not."""
        content = _read_json(self.path / _FAILURE)
        return None if content is None else str(content["error"])

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self.result.is_file()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do in this run."""
        return self.is_done or (self.path / _FAILURE).is_file()

    @property
    def claim(self) -> Claim | None:
        """Who began the cell last; None where nobody did."""
        content = _read_json(self.path / _CLAIM)
        return None if content is None else Claim(int(content["process"]), str(content["run"]))

    @property
    def seconds(self) -> float:
        """Time that all attempts took, up to some seconds before a kill."""
        content = _read_json(self.path / _SECONDS)
        return 0.0 if content is None else float(content["seconds"])

    def write_claim(self, claim: Claim) -> None:
        """Note who works on the cell."""
        write_atomic(self.path / _CLAIM, json.dumps(asdict(claim)))

    def write_failure(self, error: str) -> None:
        """Note that the cell failed."""
        write_atomic(self.path / _FAILURE, json.dumps({"error": error}))

    def forget_failure(self) -> None:
        """Let the cell be tried again, by anybody."""
        if (self.path / _FAILURE).is_file():
            (self.path / _CLAIM).unlink(missing_ok=True)
            (self.path / _FAILURE).unlink(missing_ok=True)

    def write_seconds(self, seconds: float) -> None:
        """Note the time that all attempts took."""
        write_atomic(self.path / _SECONDS, json.dumps({"seconds": round(seconds, 3)}))


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder.

    Attributes:
        path: Where it lies.
    """

    path: Path

    @property
    def results(self) -> Path:
        """Results file of all finished cells."""
        return self.path / RESULTS_FILE

    @property
    def ledger(self) -> Path:
        """Where looks at the test folds are recorded: the checkout's ledger, else one in this folder."""
        return ledger_path(self.path / GRID_FILE)

    def cell(self, cell: Cell) -> CellFolder:
        """Return the files of a cell."""
        return CellFolder(self.path / "cells" / cell.name)

    def read_grid(self) -> Grid:
        """Read what is asked for.

        Raises:
            ConfigError: This is no study's folder, or its grid is damaged.
        """
        path = self.path / GRID_FILE
        try:
            return Grid.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise ConfigError(f"{self.path} is no study's folder: expected {GRID_FILE}; run 'aed study run'") from error
        except (ConfigError, OSError, ValueError) as error:
            raise ConfigError(f"{path} is damaged ({error}): remove it and run 'aed study run' again") from error

    def write_grid(self, grid: Grid) -> None:
        """Freeze what is asked for; cells may be added to an earlier grid, or left out.

        Raises:
            ConfigError: The folder belongs to another study, or a cell that was begun had another recipe.
            StorageError: The folder cannot be written.
        """
        with self._lock(_GRID_LOCK):
            if (self.path / GRID_FILE).exists():
                self._check_same_study(self.read_grid(), grid)
            write_atomic(self.path / GRID_FILE, json.dumps(grid.to_dict(), indent=1) + "\n")

    def _check_same_study(self, former: Grid, grid: Grid) -> None:
        for field in ("name", "selection", "snapshots"):
            if (was := getattr(former, field)) != (now := getattr(grid, field)):
                raise ConfigError(
                    f"{self.path} holds another study: its {field} is {was}, this one's {now}; use --out for another "
                    "folder"
                )
        settings = {cell.name: cell.settings for cell in former.cells}
        for cell in grid.cells:
            if settings.get(cell.name, cell.settings) == cell.settings or not self.cell(cell).path.exists():
                continue
            was, now = (replace(cell, settings=each).recipe.digest for each in (settings[cell.name], cell.settings))
            if was != now:
                raise ConfigError(
                    f"{self.path} holds cells of another recipe: {cell.name} was begun with the hash {was}, now it is "
                    f"{now}; use --out for another folder"
                )

    @contextmanager
    def claim(self, cell: Cell) -> Iterator[bool]:
        """Try to become the only one to work on a cell; yields whether that went well."""
        lock = self._lock(cell.name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def is_claimed(self, cell: Cell) -> bool:
        """Whether a living process works on the cell."""
        if self.cell(cell).claim is None:
            return False
        with self.claim(cell) as free:
            return not free

    def adopt(self, results: Sequence[CellResult]) -> int:
        """Take over cells that were finished elsewhere, such as on another machine, where they are still to be done.

        Args:
            results: Of any studies; a cell is taken only where the grid here asks for the same cell of the same recipe.

        Returns:
            How many cells were taken over.

        Raises:
            ConfigError: This is no study's folder.
            StorageError: The folder cannot be written.
        """
        grid, adopted = self.read_grid(), 0
        finished = {_identity(result): result for result in results}
        for cell in grid.cells:
            identity = (grid.name, grid.selection, cell.method, cell.budget, cell.draw, cell.fold, cell.seed)
            result, folder = finished.get(identity), self.cell(cell)
            if result is None or folder.is_done or not is_same_recipe(result.recipe, cell.recipe):
                continue
            folder.write_seconds(result.seconds)
            write_results(folder.result, [result])
            adopted += 1
        return adopted

    def collect_results(self) -> int:
        """Write the results of all finished cells, in the order of the grid, and return their number.

        Raises:
            ConfigError: This is no study's folder.
            DataError: A cell's result is damaged.
            StorageError: The file cannot be written.
        """
        with self._lock(_RESULTS_LOCK):
            paths = [self.cell(cell).result for cell in self.read_grid().cells]
            results = [result for path in paths if path.is_file() for result in read_results(path)]
            write_results(self.results, results)
        return len(results)

    def _lock(self, name: str) -> FileLock:
        locks = self.path / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{name}.lock")


def _identity(result: CellResult) -> tuple[str, str, str, str, int, int, int]:
    """What makes a result that of a cell: study, selection, method, budget, draw, fold, seed."""
    run = (result.method, result.budget, result.label_draw, result.fold, result.seed)
    return result.study, result.selection, *run


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return read_json_object(path, ConfigError, "remove it and run the study again")
    except FileNotFoundError:
        return None
