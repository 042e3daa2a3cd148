"""`aed export`: a trained model as one file that runs without torch."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from aed.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    from aed.export.export import Export

BYTES_PER_KB = 1_000


class Target(StrEnum):
    """What a model can be exported to."""

    ONNX = "onnx"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("export")(_export)


def _export(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model, such as runs/esc10/fold1.")],
    target: Annotated[Target, typer.Option("--to", help="The form of the file.")] = Target.ONNX,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; MODEL.onnx beside the folder by default.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Convolutions in 8 bits: smaller and faster.")] = False,
    calibrate_on: Annotated[
        Path | None,
        typer.Option(
            "--calibrate-on",
            help="Folder of recordings for the ranges of 8 bits and for the comparison; the model's training clips "
            "where they are here.",
        ),
    ] = None,
    rows_per_block: Annotated[
        int | None,
        typer.Option(
            "--rows-per-block", help="Decisions at once, in place of the model's: more are faster, and later known."
        ),
    ] = None,
    held_out: Annotated[
        bool | None,
        typer.Option(
            "--held-out/--no-held-out", help="Compare on the test fold too, a recorded look; by default with --int8."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a model as one .onnx file: waveform in, log P(node) over time out.

    The file holds the front end, the tree, the calibration and the licence. detect, listen and aed.load() take it in
    place of the folder, and need no torch for it. The answers are compared with those of the trained model.
    """
    try:
        from aed.export.export import export_model
    except ImportError as error:
        raise missing_extra("Exporting a model", "export") from error
    out = out or model.with_name(f"{model.resolve().name}.onnx")
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {out}: expected a name that ends in .onnx")
    found = export_model(
        model,
        out,
        int8=int8,
        calibrate_on=calibrate_on,
        rows_per_block=rows_per_block,
        held_out=int8 if held_out is None else held_out,
    )
    if as_json:
        typer.echo(json.dumps(_to_dict(found), indent=2))
    else:
        _print(found)


def _to_dict(found: Export) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(found) | {"path": str(found.path)}


def _print(found: Export) -> None:
    table = Table("form", "size", "largest difference of P", "mean", title=f"{found.path} against the trained model")
    table.add_row("trained", f"{found.weights_bytes / BYTES_PER_KB:.0f} kB", "", "")
    for variant in found.variants:
        parity = variant.parity
        size = f"{variant.file_bytes / BYTES_PER_KB:.0f} kB"
        table.add_row(variant.precision, size, f"{parity.largest:.1e}", f"{parity.mean:.1e}")
    parity = found.variants[-1].parity
    table.caption = f"on {parity.clips} clips, {parity.rows} decisions over time: {found.compared_on}"
    Console().print(table)
    if (held_out := found.held_out) is not None:
        gained = held_out.exported - held_out.trained
        typer.echo(
            f"test fold, {held_out.clips} clips: {held_out.figure} {held_out.trained:.1%} as trained, "
            f"{held_out.exported:.1%} exported ({100 * gained:+.1f} points)"
        )
    elif found.no_held_out is not None:
        typer.echo(f"not compared on a test fold: {found.no_held_out}", err=True)
    typer.echo(
        f"{found.rows_per_block} decisions at once, known {found.delay_seconds:.1f} s after the sound at the latest"
    )
    typer.echo(f"written: {found.path} ({found.variants[-1].precision})")
