"""`aed doctor`: what would keep a monitor on this machine from hearing, and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.monitor.doctor import Finding

EXIT_SOMETHING_WRONG = 1
DEFAULT_RATE_HZ = 16_000
_SIGNS = {"fine": "[green]fine[/]", "note": "[yellow]note[/]", "wrong": "[bold red]wrong[/]"}


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("doctor")(_doctor)


def _doctor(
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="Where to listen: mic:, rtsp://camera/stream; repeatable.", metavar="ADDRESS"),
    ] = None,
    no_source: Annotated[bool, typer.Option("--no-source", help="Listen nowhere.")] = False,
    model: Annotated[Path, typer.Option("--model", help="A model to be loaded and timed, as of 'aed detect'.")] = Path(
        DEFAULT_MODEL
    ),
    data: Annotated[Path, typer.Option("--data", help="Where the monitor keeps its memory.")] = Path("aed_monitor"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Examine this machine: sources, PortAudio, ffmpeg, folder, disk, clock, model; exit code 1 where one is wrong."""
    from aed.monitor.doctor import is_well

    sources = [] if no_source else source or ["mic:"]
    findings = list(_examine(sources, model, data))
    if as_json:
        typer.echo(json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False))
    else:
        Console().print(_table(findings))
    if not is_well(findings):
        raise typer.Exit(EXIT_SOMETHING_WRONG)


def _examine(sources: list[str], model: Path, data: Path) -> Iterator[Finding]:
    from aed.monitor import doctor

    yield doctor.examine_extras()
    yield doctor.examine_portaudio()
    yield doctor.examine_ffmpeg()
    yield doctor.examine_folder(data)
    yield doctor.examine_disk(data)
    yield doctor.examine_clock()
    yield doctor.examine_model(str(model), lambda: _timed(model))
    for address in sources:
        yield doctor.examine_source(address, DEFAULT_RATE_HZ)


def _timed(model: Path) -> Callable[[], float]:
    """Load a model; what is returned scores some silence and tells how long that took."""
    import time

    import numpy as np

    from aed.api import load
    from aed.detect.detector import Detector
    from aed.monitor.doctor import MODEL_SECONDS
    from aed.timebase import samples_from_seconds

    loaded = load(model)

    def score() -> float:
        detector = Detector(loaded.scorer, loaded.detector_config)
        silence = np.zeros(samples_from_seconds(MODEL_SECONDS, loaded.scorer.layout.rate_hz), dtype=np.float32)
        began = time.monotonic()
        detector.push(silence)
        detector.flush()
        return time.monotonic() - began

    return score


def _table(findings: list[Finding]) -> Table:
    table = Table()
    for name in ("what", "", "found", "how to mend it"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(finding.what, _SIGNS[finding.verdict], finding.message, finding.mend)
    return table
