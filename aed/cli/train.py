"""`aed train`: train the folds of a recipe."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aed.cli.progress import fold_table, progress_listener
from aed.errors import ConfigError
from aed.resources import recipes_folder
from aed.study.capacity import cores

if TYPE_CHECKING:
    from aed.train.recipe import Recipe

EXIT_INCOMPLETE = 1
"""Some folds failed, or some clips could not be read."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("train")(_train)


def _train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, or the name of a shipped recipe.")],
    fold: Annotated[int | None, typer.Option("--fold", help="Fold to hold out; the first by default.")] = None,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="Train every fold, several at once.")] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override, such as optim.lr=1e-3.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the runs; runs/NAME by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")] = "auto",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes per fold that make batches.")] = 0,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Folds at once; one per core by default.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads per fold.")] = None,
) -> None:
    """Train a recipe; the model folder is runs/NAME/foldK.

    A run that was killed goes on with --resume and ends with the same weights as one that was not. A recipe with
    start_from trains that model on, compares it before and after on the clips held out, and replaces nothing by a model
    that got worse (exit code 3).
    """
    from aed.train.dataset import missing_notes, recipe_folds
    from aed.train.device import check_accelerator
    from aed.train.recipe import load_recipe
    from aed.train.run import RunOptions, check_folder

    check_accelerator(device)
    path = find_recipe(recipe)
    loaded = load_recipe(path, settings or [])
    folder = out or Path("runs") / loaded.name
    folds = recipe_folds(loaded, None)
    if all_folds and fold is not None:
        raise ConfigError("--fold and --all-folds exclude each other")
    if all_folds and loaded.start_from:
        raise ConfigError(
            "--all-folds would put several models in one place: a recipe with start_from trains one fold at a time"
        )
    if all_folds and not folds:
        raise ConfigError(
            f"recipe {loaded.name} holds nothing out (data.folds is none), so there are no folds for --all-folds: "
            "leave it out to train on everything, or use --set data.folds=official or --set 'data.folds={groups: 5}'"
        )
    if _is_first_process():
        for note in missing_notes(loaded, None):
            typer.echo(note, err=True)
    if all_folds:
        options = ["--device", device, "--workers", str(workers), *(["--resume"] if resume else [])]
        options += [part for setting in settings or [] for part in ("--set", setting)]
        for number in folds:
            check_folder(loaded, RunOptions(folder / f"fold{number}", resume=resume))
        _train_all(path, folder, folds, options, jobs, threads)
        return
    chosen = fold if fold is not None or not folds else folds[0]
    target = folder / f"fold{chosen}" if chosen is not None else folder
    train = partial(_train_one, loaded, chosen, resume=resume, device=device, workers=workers, threads=threads)
    if loaded.start_from:
        from aed.cli.train_on import train_on

        train_on(loaded, chosen, target, train)
    else:
        train(target)


def _is_first_process() -> bool:
    """Under torchrun, the first process speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def find_recipe(recipe: Path) -> Path:
    """A recipe file as named, or the shipped recipe of that name."""
    shipped = recipes_folder() / recipe / "recipe.yaml"
    return shipped if not recipe.is_file() and shipped.is_file() else recipe


def _train_one(
    recipe: Recipe, fold: int | None, folder: Path, *, resume: bool, device: str, workers: int, threads: int | None
) -> bool:
    """Train into a folder; returns whether this process speaks for all."""
    import torch

    from aed.train.listeners import Listeners, TensorBoardListener
    from aed.train.run import RunOptions, train_run

    torch.set_num_threads(threads or max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    options = RunOptions(folder, resume=resume, accelerator=device, workers=workers)
    with progress_listener(recipe.name if fold is None else f"{recipe.name} fold {fold}") as listener:
        record = train_run(
            recipe, fold, None, options, Listeners(listener, TensorBoardListener(folder / "tensorboard"))
        )
    if not _is_first_process():
        return False
    typer.echo(f"model written to {folder} ({record['seconds']:.0f} s, {record['steps']} steps)")
    if record["skipped"]:
        typer.echo(f"aed: error: {len(record['skipped'])} clips could not be read and taught nothing:", err=True)
        for reason in record["skipped"].values():
            typer.echo(f"  {reason}", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)
    return True


def _train_all(
    recipe: Path, folder: Path, folds: tuple[int, ...], options: list[str], jobs: int | None, threads: int | None
) -> None:
    from aed.study.parallel import FoldJob, last_line, train_folds

    at_once = min(jobs or cores(), len(folds))
    options = [*options, "--threads", str(threads or max(1, cores() // at_once))]
    fold_jobs = [
        FoldJob(
            number,
            folder / f"fold{number}",
            ("train", str(recipe), "--fold", str(number), "--out", str(folder), *options),
        )
        for number in folds
    ]
    with fold_table(at_once, "fold") as show:
        codes = train_folds(fold_jobs, at_once, show)
    failed = [job for job in fold_jobs if codes[job.fold]]
    for job in fold_jobs:
        typer.echo(f"fold {job.fold}: {_outcome(codes[job.fold], last_line(job.log))}", err=job in failed)
    if failed:
        names = ", ".join(str(job.log) for job in failed)
        typer.echo(f"aed: error: {len(failed)} of {len(folds)} folds did not end well; see {names}", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)


def _outcome(code: int, line: str) -> str:
    """What a fold's process said last, and which signal ended it, if any: a process without memory says nothing."""
    return line if code >= 0 else f"ended by {signal.Signals(-code).name}; its last line: {line or '(none)'}"
