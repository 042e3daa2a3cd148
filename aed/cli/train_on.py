"""`aed train` of a recipe that starts from a trained model: compare before and after, keep the better one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from aed.cli.progress import counting

if TYPE_CHECKING:
    from aed.study.replacement import Comparison
    from aed.train.recipe import Recipe

EXIT_WORSE = 3
"""The new model got worse and is not put in place; 1 and 2 mean something else."""
NEW, REFUSED, BEFORE = ".new", ".refused", ".before"
"""What is added to the folder's name: while it trains; a model that got worse; the model that was there before."""


def train_on(recipe: Recipe, fold: int | None, folder: Path, train: Callable[[Path], bool]) -> None:
    """Train beside the model's folder, then replace the model there unless the new one is worse.

    Args:
        recipe: One with `start_from`.
        fold: The part that is held out.
        folder: Where the model stands, or is to stand.
        train: Trains into the folder that it is given; tells whether this process speaks for all.

    Raises:
        typer.Exit: The new model got worse.
    """
    from aed.study.replacement import compare_models
    from aed.study.runs import RUN_FILE
    from aed.train.start import start_folder

    former = folder if (folder / RUN_FILE).is_file() else start_folder(recipe)
    new = folder.with_name(folder.name + NEW)
    if not train(new):
        return
    with counting("comparing") as progress:
        found = compare_models(recipe, fold, former, new, progress)
    Console().print(_table(found))
    if any(one.is_worse for one in found):
        kept = _moved(new, folder.with_name(folder.name + REFUSED))
        typer.echo(
            f"aed: the new model got worse and replaces nothing: {former} stays, the new one is kept in {kept}",
            err=True,
        )
        raise typer.Exit(EXIT_WORSE)
    if folder.exists():
        typer.echo(f"the model before is kept in {_moved(folder, folder.with_name(folder.name + BEFORE))}")
    _moved(new, folder)
    typer.echo(
        f"not worse: the new model is in {folder}. Thresholds of the one before do not hold for it: aed calibrate "
        f"--model {folder} --false-alarms-per-day 480 --on AN_ORDINARY_DAY, then aed export {folder} --to onnx"
    )


def _moved(source: Path, target: Path) -> Path:
    if target.exists():
        shutil.rmtree(target)
    return source.rename(target)


def _table(found: tuple[Comparison, ...]) -> Table:
    title = "Held-back clips: mistakes (missed + told falsely), log loss"
    table = Table("data", "clips", "there", "not there", "before", "after", "", title=title)
    for one in found:
        before, after = (
            f"{part.total} ({part.missed} + {part.false}), {part.log_loss:.3f}" for part in (one.before, one.after)
        )
        verdict = "worse" if one.is_worse else "not worse"
        table.add_row(one.dataset, str(one.clips), str(one.present), str(one.absent), before, after, verdict)
    return table
