"""`aed study`: run a grid of methods, label budgets, folds and seeds; say how far it is; write its report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from aed.cli.study_findings import add_findings
from aed.errors import ConfigError
from aed.resources import recipes_folder

if TYPE_CHECKING:
    from aed.study.progress import StudyProgress

EXIT_FAILED_CELLS = 1
STUDY_FILE = "study.yaml"
REPORT_FOLDER = "report"

Folder = Annotated[Path, typer.Argument(help="Folder of a study, such as runs/label_efficiency/esc10.")]


def register(app: typer.Typer) -> None:
    """Add `aed study` to the command line."""
    verb = typer.Typer(help="Studies: methods compared over label budgets, folds and seeds.", no_args_is_help=True)
    verb.command("run")(_run)
    verb.command("status")(_status)
    verb.command("report")(_report)
    add_findings(verb)
    verb.command("worker", hidden=True)(_worker)
    app.add_typer(verb, name="study")


def _run(
    study: Annotated[Path, typer.Argument(help="Study file, or the name of a shipped one: label_efficiency/esc10.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the study; runs/NAME by default.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Cells at once; by default what cores, memory or GPU hold.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="The study's smaller grid, in a folder of its own.")] = False,
    methods: Annotated[list[str] | None, typer.Option("--method", help="Only this method; may be repeated.")] = None,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the models of finished cells.")] = False,
    adopt: Annotated[
        list[Path] | None,
        typer.Option("--adopt", help="Take cells from this results file, such as another machine's; may be repeated."),
    ] = None,
) -> None:
    """Train and test every cell of a study that is not done yet.

    Killed at any point, the same command goes on; several at once share the work. Exit code 1 where a cell failed: the
    next run tries it again.
    """
    from aed.study.capacity import default_workers
    from aed.study.results import read_results
    from aed.study.runner import run_study
    from aed.study.study_checks import check_study
    from aed.study.study_file import load_study
    from aed.study.study_folder import StudyFolder
    from aed.train.dataset import missing_notes
    from aed.train.device import check_accelerator

    check_accelerator(device)
    asked = load_study(find_study(study), quick=quick, methods=methods or [])
    check_study(asked)
    for note in missing_notes(asked.shared, None):
        typer.echo(note, err=True)
    grid = asked.grid()
    folder = StudyFolder(out or Path("runs") / grid.name)
    if adopt:
        finished = [result for path in adopt for result in read_results(path)]
        folder.write_grid(grid)
        typer.echo(f"took over {folder.adopt(finished)} of the {len(finished)} cells in {', '.join(map(str, adopt))}")
    at_once = min(workers or default_workers(device), len(grid.cells))
    command = [sys.executable, "-m", "aed", "study", "worker", "--device", device, "--parallel", str(at_once)]
    command += ["--ledger", str(folder.ledger), *(["--keep-models"] if keep_models else [])]
    with _progress(grid.name, at_once) as show:
        progress = run_study(folder, grid, command, at_once, show)
    typer.echo(f"{len(progress.done)} of {progress.cells} cells are done; results in {folder.results}")
    if progress.failed:
        typer.echo("\n".join(_failures(progress)), err=True)
        raise typer.Exit(EXIT_FAILED_CELLS)
    typer.echo(f"write the report with: aed study report {folder.path}")


def _status(folder: Folder, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say how far a study is, while it runs or after."""
    from aed.study.progress import study_progress
    from aed.study.study_folder import StudyFolder

    study = StudyFolder(folder)
    progress = study_progress(study, study.read_grid())
    if as_json:
        typer.echo(json.dumps(_as_json(progress), indent=2))
        return
    typer.echo(describe(progress))
    for cell in progress.running:
        typer.echo(f"  {cell.name}: {cell.line}")
    for line in _failures(progress):
        typer.echo(line)


def _report(
    study: Annotated[Path, typer.Argument(help="Folder of a study, or its results file.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; `report` beside the results.")] = None,
) -> None:
    """Write the report of a study from its results file: tables, pictures, Markdown and one HTML file."""
    from aed.study.ledger import ledger_path
    from aed.study.study_folder import StudyFolder
    from aed.study.study_report import write_study_report

    results = study if study.is_file() else StudyFolder(study).results
    if study.is_dir() and not results.is_file():
        raise ConfigError(f"{study} holds no results yet: 'aed study status {study}' says how far it is")
    report = write_study_report(results, out or results.parent / REPORT_FOLDER, ledger_path(results))
    typer.echo(f"report of {report.runs} runs: {report.markdown}, {report.html}")
    for missing in report.missing:
        typer.echo(f"missing: {missing}")


def _worker(
    folder: Path,
    ledger: Annotated[Path, typer.Option("--ledger")],
    device: Annotated[str, typer.Option("--device")] = "auto",
    parallel: Annotated[int, typer.Option("--parallel")] = 1,
    keep_models: Annotated[bool, typer.Option("--keep-models")] = False,
) -> None:
    """Work on a study's cells; `aed study run` starts as many as are wanted, and they end with it."""
    from aed.study.cell import run_cell
    from aed.study.worker import CellOptions, main

    main(folder, CellOptions(ledger, device, keep_models, parallel), run_cell)


def find_study(study: Path) -> Path:
    """A study file as named, or the shipped study of that name.

    Raises:
        ConfigError: There is neither.
    """
    shipped = recipes_folder() / study / STUDY_FILE
    if study.is_file():
        return study
    if shipped.is_file():
        return shipped
    known = sorted(path.parent.relative_to(recipes_folder()) for path in recipes_folder().glob(f"**/{STUDY_FILE}"))
    raise ConfigError(f"study {study} does not exist: name a file, or a shipped one: {', '.join(map(str, known))}")


def describe(progress: StudyProgress) -> str:
    """How far a study is, in one line."""
    from aed.train.listeners import duration

    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    return (
        f"{len(progress.done)} of {progress.cells} cells done, {len(progress.running)} running, "
        f"{len(progress.failed)} failed{left}"
    )


def _failures(progress: StudyProgress) -> Iterator[str]:
    for cell in progress.failed:
        yield f"aed: error: cell {cell.name} failed: {cell.error}; see {cell.log}"


def _as_json(progress: StudyProgress) -> dict[str, Any]:
    content = asdict(progress)
    return {**content, "failed": [{**cell, "log": str(cell["log"])} for cell in content["failed"]]}


@contextmanager
def _progress(title: str, at_once: int) -> Iterator[Callable[[StudyProgress], None]]:
    """A bar and the running cells on a terminal; elsewhere a line whenever a cell is done or failed."""
    console = Console(stderr=True)
    console.print(f"{title}: {at_once} cells at once", highlight=False)
    if not console.is_terminal:
        yield _line_printer()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(title, total=None, state="")

        def show(progress: StudyProgress) -> None:
            settled = progress.cells - progress.unsettled
            bars.update(task, total=progress.cells, completed=settled, state=describe(progress))

        yield show


def _line_printer() -> Callable[[StudyProgress], None]:
    printed: list[int] = []

    def show(progress: StudyProgress) -> None:
        if progress.unsettled not in printed:
            printed.append(progress.unsettled)
            typer.echo(describe(progress), err=True)

    return show
