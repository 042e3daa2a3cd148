"""`aed calibrate`: how sure an answer must be, so that a wished share of answers is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aed.cli.progress import fold_table
from aed.errors import ConfigError

if TYPE_CHECKING:
    from aed.detect.calibration import HedgeCalibration


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("calibrate")(_calibrate)


def _calibrate(
    model: Annotated[Path, typer.Option("--model", help="Folder of a trained fold, such as runs/esc10/fold1.")],
    accuracy: Annotated[float, typer.Option("--accuracy", help="Wished share of clips without a wrong answer.")],
    confidence: Annotated[
        float | None,
        typer.Option("--confidence", help="Promise it with this probability; without, it is promised on average."),
    ] = None,
    parts: Annotated[int, typer.Option("--parts", min=2, help="Trainings, each without a part of the labels.")] = 5,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")] = "auto",
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Trainings at once; one per core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set how deep a model answers: "Dog", or "Animal", or nothing, so that the wished share of answers is not wrong.

    The model's recipe is trained once without each part of its labelled clips, and every part is judged by the training
    that never heard it: no further labels are needed, and the test fold is not looked at. The result lies in the
    model's folder, where predict and detect find it. Another accuracy needs no new training; a killed call goes on.
    """
    from aed.study.capacity import cores
    from aed.study.cross_fit import check_single_label, cross_fit
    from aed.study.hedge_calibration import calibrate_model
    from aed.study.runs import read_taxonomy
    from aed.train.device import check_accelerator

    check_accelerator(device)
    for name, value in (("accuracy", accuracy), ("confidence", confidence)):
        if value is not None and not 0 < value < 1:
            raise ConfigError(f"--{name} {value:g}: expected a number between 0 and 1, such as 0.95")
    taxonomy = read_taxonomy(model)
    check_single_label(model)
    at_once = min(jobs or cores(), parts)
    options = ("--device", device, "--threads", str(max(1, cores() // at_once)))
    with fold_table(at_once, "part") as show:
        predictions = cross_fit(model, parts, at_once, options, show)
    found = calibrate_model(model, taxonomy, predictions, accuracy, confidence, parts)
    typer.echo(found.model_dump_json(indent=2) if as_json else _described(found, model))


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
