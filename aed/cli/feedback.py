"""`aed feedback`: what people said of the monitor's events, to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    feedback = typer.Typer(help="Learn from what people said of events.", no_args_is_help=True)
    feedback.command("export")(_export)
    app.add_typer(feedback, name="feedback")


def _export(
    data: Annotated[Path, typer.Option("--data", help="Folder of the monitor's memory.")] = Path("aed_monitor"),
    out: Annotated[Path, typer.Option("--out", help="The manifest; copies of the clips lie beside it.")] = Path(
        "feedback.csv"
    ),
) -> None:
    """Write the marked events as a manifest: right ones with their label, wrong ones as hard negatives.

    Events that nobody marked are in it without a label: they may teach by consistency.
    """
    from aed.monitor.feedback import export_feedback

    found = export_feedback(data, out)
    typer.echo(
        f"{found.labelled} clips with a label ({found.right} right, {found.other} something else, {found.wrong} wrong: "
        f"hard negatives) and {found.unlabelled} without in {out}"
    )
    for count, why in (
        (found.without_clip, "no clip of them is kept"),
        (found.foreign, "their sound is no concept of the ontology"),
    ):
        if count:
            typer.echo(f"{count} marked events are left out: {why}", err=True)
    typer.echo(f"learn from them: aed train recipes/home/feedback.yaml --set data.source=csv:{out}")
