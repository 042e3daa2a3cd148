"""`aed enroll`: add a sound of your own to a model, from a few clips and without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aed.cli.progress import counting
from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.detect.enrolled_files import EnrolledSound


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("enroll")(_enroll)


def _enroll(
    name: Annotated[str, typer.Argument(help='What you call it, such as "our doorbell".')],
    clips: Annotated[list[Path], typer.Argument(help="1 to 10 recordings of it, each of it alone.", metavar="CLIP...")],
    under: Annotated[str, typer.Option("--under", help="The node of the tree that it is a kind of, such as Doorbell.")],
    model: Annotated[
        Path,
        typer.Option("--model", help="A shipped model (home), the folder of a trained one, or an exported .onnx file."),
    ] = Path(DEFAULT_MODEL),
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Recordings, or folders of them, in which it is not; repeatable."),
    ] = None,
    most_per_hour: Annotated[
        float, typer.Option("--false-alarms-per-hour", help="Wished rate in such recordings, on average.")
    ] = 1.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the sound; the model's own, or the user's for an .onnx file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Teach a model a sound from a few clips; detect, listen and monitor know it at once.

    What is heard is compared with what the model's network makes of the clips. How alike it must be is set by counting
    false alarms in the recordings that --against names: an ordinary evening of your home is best. Without them nothing
    can be promised.
    """
    from aed.api import load_scorer, model_path
    from aed.cli.detect import find_recordings
    from aed.detect.enrolled_files import check_name, enrolled_folder, pack, write_enrolled
    from aed.detect.enrolled_tree import tree_with
    from aed.detect.enrolment import Enrolment, enroll
    from aed.scorer.embedding import as_embedding_scorer

    enrolment = Enrolment(check_name(name), under, tuple(clips), tuple(find_recordings(against or [])), most_per_hour)
    model = model_path(model)
    scorer = as_embedding_scorer(load_scorer(model, "cpu"), str(model))
    with counting("listening") as progress:
        sound, prototypes = enroll(scorer, model, enrolment, progress)
    tree_with(scorer.taxonomy, [sound.leaf(prototypes)])  # refuses a name that the tree has
    path = write_enrolled(out or enrolled_folder(model), sound, pack(prototypes))
    typer.echo(sound.to_json(indent=2) if as_json else _described(sound, path, len(enrolment.against)))


def _described(sound: EnrolledSound, path: Path, num_recordings: int) -> str:
    lines = [f"'{sound.name}' is now known under {sound.under_name}, from {len(sound.clips)} clips: {path}"]
    if sound.heard_again is not None:
        lines.append(f"{sound.heard_again} of the {len(sound.clips)} clips are found by the other ones")
        if sound.heard_again < len(sound.clips):
            lines.append("expect to miss some: more clips, or recordings that are more like your home, may help")
    else:
        lines.append("with one clip nobody knows how well others are found: three are a good start")
    if sound.false_alarms is None or sound.most_per_hour is None:
        lines.append("nothing can be promised about false alarms: name recordings without the sound with --against")
    else:
        lines.append(
            f"{sound.false_alarms} false alarms in {sound.hours:.2f} hours ({num_recordings} recordings): at most "
            f"{sound.most_per_hour:.2g} an hour in sound like it, with 95 % confidence"
        )
    return "\n".join(lines)
