"""`aed evaluate`: how good a trained model is on the fold that it never saw, and whether it is better than another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from aed.errors import ConfigError, DataError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("evaluate")(_evaluate)


def _evaluate(
    model: Annotated[
        Path | None, typer.Option("--model", help="A run folder, or a folder that holds fold1, fold2 and so on.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", help="Compare two evaluated runs, or folders of folds, clip by clip. Looks at no test fold."
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            help="Evaluate when, not only what: a table of events (filename, onset, offset, event_label, separated by "
            "tabs), a folder from 'aed data scape', or one that holds fold1, fold2 and so on.",
        ),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", help="Folder of the recordings of --events; by default beside the table.")
    ] = None,
    durations: Annotated[
        Path | None,
        typer.Option(
            "--durations", help="Their lengths (filename, duration), which also names recordings without events."
        ),
    ] = None,
    label_map: Annotated[
        Path | None, typer.Option("--label-map", help="What the labels of --events mean, where they are no concepts.")
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", help="How sure an event must be; what 'aed calibrate' found, else 0.5."),
    ] = None,
    false_alarms_per_hour: Annotated[
        float | None,
        typer.Option(
            "--false-alarms-per-hour",
            min=0,
            help="With --events of all folds: set each fold's thresholds on the scenes of the others, with at most so "
            "many of each node.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    draw: Annotated[bool, typer.Option("--draw/--no-draw", help="Draw confusion.png into the folders.")] = True,
) -> None:
    """Evaluate a trained model on its own test fold, or all folds of a recipe; or on recordings with --events.

    Writes predictions.npz, metrics.json and confusion.png into the run folder. Every look at a test fold is recorded in
    test_looks.jsonl.

    With --events it writes nothing, and prints for every node PSDS 1 and 2, F1 of events (collar 0.2 s) and of segments
    (1 s), average precision over time, how many events were found and how late, and the false alarms an hour and a day
    with the upper bound of their rate. A folder of scenes of all folds needs a --model folder with the same folds: each
    model hears the scenes of its own.
    """
    if events is not None:
        from aed.cli.evaluate_events import EventOptions, evaluate_events

        if model is None or compare is not None:
            raise ConfigError("aed evaluate --events: expected --model FOLDER beside it, and no --compare")
        if min_probability is not None and false_alarms_per_hour is not None:
            raise ConfigError("aed evaluate: --min-probability and --false-alarms-per-hour exclude each other")
        options = EventOptions(events, audio, durations, label_map, min_probability, false_alarms_per_hour)
        evaluate_events(model, options, as_json)
        return
    for option, value in (("--audio", audio), ("--durations", durations), ("--label-map", label_map)):
        if value is not None:
            raise ConfigError(f"aed evaluate {option}: expected only together with --events")
    for option, number in (("--min-probability", min_probability), ("--false-alarms-per-hour", false_alarms_per_hour)):
        if number is not None:
            raise ConfigError(f"aed evaluate {option}: expected only together with --events")
    if (model is None) == (compare is None):
        raise ConfigError(
            "aed evaluate: expected either --model FOLDER or --compare FOLDER FOLDER, got neither or both"
        )
    if model is not None:
        _evaluate_model(model, as_json, draw)
    elif compare is not None:
        _compare(*compare, as_json)


def _evaluate_model(folder: Path, as_json: bool, draw: bool) -> None:
    """Evaluate and print.

    Raises:
        DataError: Clips could not be read; raised after everything else was done and printed.
    """
    from aed.study.evaluate import evaluate_run
    from aed.study.report import evaluation_to_dict
    from aed.study.table import evaluation_tables
    from aed.train.run import RECIPE_FILE

    with _progress() as progress:
        found = evaluate_run(folder, draw=draw, progress=progress)
    if as_json:
        typer.echo(json.dumps(evaluation_to_dict(found), indent=2, allow_nan=False))
    else:
        console = Console()
        for table in evaluation_tables(found):
            console.print(table)
        console.print(
            f"looks at test folds by recipe '{found.folds[0].run.recipe}' so far: {found.looks} ({found.ledger})"
        )
        if any(fold.run.is_inner for fold in found.folds):
            console.print("tested on a part of the labelled training clips (data.inner): no look at a test fold")
        console.print(f"written to {folder}")
    if found.missing_folds:
        numbers = ", ".join(map(str, found.missing_folds))
        recipe = found.folds[0].run.folder / RECIPE_FILE
        typer.echo(
            f"{folder}: left out, since there is no finished run of it: fold {numbers}; to train what is missing: "
            f"aed train {recipe} --all-folds --resume --out {folder}",
            err=True,
        )
    skipped = {clip: reason for fold in found.folds for clip, reason in fold.skipped.items()}
    if skipped:
        first = next(iter(skipped.values()))
        raise DataError(
            f"{len(skipped)} clips could not be read and were left out: {', '.join(skipped)}; the first: {first}"
        )


def _compare(first: Path, second: Path, as_json: bool) -> None:
    from aed.study.compare import compare_runs
    from aed.study.report import comparison_to_dict
    from aed.study.table import comparison_table

    difference = compare_runs(first, second)
    if as_json:
        typer.echo(json.dumps(comparison_to_dict(difference), indent=2, allow_nan=False))
    else:
        Console().print(comparison_table(difference, str(first), str(second)))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each run on stderr, gone when done."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(run: str, done: int, total: int) -> None:
            if run not in tasks:
                tasks[run] = bars.add_task(f"evaluating {run}", total=total)
            bars.update(tasks[run], completed=done)

        yield show
