"""`aed calibrate`: how sure an answer must be, for a wished share of right answers or a wished rate of false alarms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aed.cli.progress import counting, fold_table
from aed.errors import ConfigError

if TYPE_CHECKING:
    from aed.detect.calibration import HedgeCalibration
    from aed.detect.thresholds import NodeThresholds

ALARM_CONFIDENCE = 0.95
"""Of the bound of a node's false alarms where nobody says."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("calibrate")(_calibrate)


def _calibrate(
    model: Annotated[Path, typer.Option("--model", help="Folder of a trained fold, such as runs/esc10/fold1.")],
    accuracy: Annotated[
        float | None, typer.Option("--accuracy", help="Wished share of clips without a wrong answer, such as 0.95.")
    ] = None,
    false_alarms_per_day: Annotated[
        float | None, typer.Option("--false-alarms-per-day", help="Wished rate for each node by itself, such as 0.5.")
    ] = None,
    on: Annotated[
        list[Path] | None,
        typer.Option("--on", help="Recordings, or folders of them, in which nothing is to be reported; repeatable."),
    ] = None,
    held_out: Annotated[
        bool,
        typer.Option(
            "--on-held-out", help="Instead of --on: the clips that the training held out, each for the nodes it lacks."
        ),
    ] = False,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence", help="Probability of the promise; without, accuracy holds on average, alarms at 0.95."
        ),
    ] = None,
    parts: Annotated[int, typer.Option("--parts", min=2, help="Trainings, each without a part of the labels.")] = 5,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")] = "auto",
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Trainings at once; one per core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set how sure a model must be: of clips for a wished accuracy, or of each node for a wished rate of false alarms.

    --accuracy sets how deep it answers: "Dog", or "Animal", or nothing. The recipe is trained once without each part of
    its labelled clips, and every part is judged by the training that never heard it: no further labels are needed, and
    the test fold is not looked at. Another accuracy needs no new training; a killed call goes on.

    --false-alarms-per-day counts, in the recordings named by --on, how often each node would be reported though nothing
    is there, and sets its threshold so that the upper bound of the rate is low enough. Where there is too little sound
    for the promise, it says so.

    The result lies in the model's folder, where predict, detect and listen find it.
    """
    from aed.train.device import check_accelerator

    check_accelerator(device)
    _check(accuracy, false_alarms_per_day, on or [], confidence, held_out=held_out)
    if accuracy is not None:
        _calibrate_accuracy(model, accuracy, confidence, parts, device, jobs, as_json)
    elif false_alarms_per_day is not None:
        _calibrate_alarms(model, false_alarms_per_day, on, confidence or ALARM_CONFIDENCE, as_json)


def _check(
    accuracy: float | None, per_day: float | None, on: list[Path], confidence: float | None, *, held_out: bool
) -> None:
    if (accuracy is None) == (per_day is None):
        raise ConfigError("aed calibrate: expected either --accuracy or --false-alarms-per-day, got neither or both")
    if (per_day is None) != (not on and not held_out):
        raise ConfigError("--false-alarms-per-day and --on belong together: name recordings without a sound to report")
    if on and held_out:
        raise ConfigError("--on and --on-held-out exclude each other: leave one out")
    for name, value in (("accuracy", accuracy), ("confidence", confidence)):
        if value is not None and not 0 < value < 1:
            raise ConfigError(f"--{name} {value:g}: expected a number between 0 and 1, such as 0.95")
    if per_day is not None and per_day <= 0:
        raise ConfigError(f"--false-alarms-per-day {per_day:g}: expected a number above 0, such as 0.5")


def _calibrate_accuracy(
    model: Path,
    accuracy: float,
    confidence: float | None,
    parts: int,
    device: str,
    jobs: int | None,
    as_json: bool,
) -> None:
    from aed.study.capacity import cores
    from aed.study.cross_fit import check_single_label, cross_fit
    from aed.study.hedge_calibration import calibrate_model
    from aed.study.runs import read_taxonomy

    taxonomy = read_taxonomy(model)
    check_single_label(model)
    at_once = min(jobs or cores(), parts)
    options = ("--device", device, "--threads", str(max(1, cores() // at_once)))
    with fold_table(at_once, "part") as show:
        predictions = cross_fit(model, parts, at_once, options, show)
    found = calibrate_model(model, taxonomy, predictions, accuracy, confidence, parts)
    typer.echo(found.to_json(indent=2) if as_json else _described(found, model))


def _calibrate_alarms(model: Path, per_day: float, on: list[Path] | None, confidence: float, as_json: bool) -> None:
    from rich.console import Console

    from aed.api import load
    from aed.cli.detect import find_recordings
    from aed.study.alarm_thresholds import alarm_thresholds, held_out_thresholds
    from aed.study.model_card import held_out_clips
    from aed.study.table import thresholds_table

    loaded = load(model, enrolled=False)  # what was enrolled has thresholds of its own
    with counting("listening") as progress:
        if on:
            recordings = find_recordings(on)
            found = alarm_thresholds(model, loaded.scorer, recordings, per_day, confidence, progress)
        else:
            clips, targets = held_out_clips(model, None)
            found = held_out_thresholds(model, loaded.scorer, clips, targets, per_day, confidence, progress)
    if as_json:
        typer.echo(found.to_json(indent=2))
        return
    console = Console()
    console.print(thresholds_table(found, loaded.taxonomy))
    for line in _promise(found):
        console.print(line, highlight=False)
    typer.echo(f"detect and listen use it from now on: {model / 'thresholds.json'}")


def _promise(found: NodeThresholds) -> Iterator[str]:
    from aed.study.alarm_thresholds import least_hours

    heard = f"{found.hours:.2f} hours in {found.recordings} recordings"
    rate = f"{found.false_alarms_per_day:g} false alarms a day"
    if found.is_promised:
        yield f"{heard}: with confidence {found.confidence:g}, each node raises at most {rate}"
        return
    needed = least_hours(found.false_alarms_per_day, found.confidence)
    yield (
        f"{heard} are too few to promise at most {rate}: that takes {needed:.3g} hours even without any false alarm; "
        "what can be promised stands in the table"
    )


def _described(found: HedgeCalibration, model: Path) -> str:
    promise = "on average" if found.confidence is None else f"with confidence {found.confidence:g}"
    return "\n".join(
        (
            f"an answer must be {found.min_probability:.3f} sure: at least {found.accuracy:.1%} of the clips of a new "
            f"recording then get no wrong answer ({promise})",
            f"on the {found.clips} labelled clips ({found.recordings} recordings), judged by {found.parts} trainings "
            f"that never heard them: {found.answered_share:.1%} are answered, {found.leaf_share:.1%} with a leaf, "
            f"{found.wrong_share:.1%} wrongly",
            f"predict and detect use it from now on: {model / 'calibration.json'}",
        )
    )
