"""`aed bench`: how fast a model is on this machine, and what it takes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.bench.cost import Cost


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("bench")(_bench)


def _bench(
    models: Annotated[
        list[Path] | None, typer.Option("--model", help="As of 'aed detect'; may be given again; home without.")
    ] = None,
    seconds: Annotated[
        list[float] | None, typer.Option("--seconds", min=1, help="Length of the sound; may be given again.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option("--threads", min=1, help="Threads of the network; may be given again.")
    ] = None,
    streams: Annotated[
        list[int] | None, typer.Option("--streams", min=1, help="Streams heard in turns; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on this machine: speed, latency, memory, loading.

    Each line is measured in a process of its own, on sound made by formula, from samples to events: noise with tones
    that are taken for alarms, which are listened to more closely, and (quiet) noise alone. Where other programs use the
    processor too, the speed in processor time says what an idle machine would reach.
    """
    from aed.bench.cases import costs

    found = []
    for cost in costs(models or [Path(DEFAULT_MODEL)], seconds or [60.0], threads or [1], streams or [1]):
        found.append(cost)
        if not as_json:
            typer.echo(f"measured: {cost.model}, {cost.sound_seconds:g} s", err=True)
    if as_json:
        typer.echo(json.dumps([asdict(cost) for cost in found], indent=2))
    else:
        Console().print(_table(found))


def _table(found: list[Cost]) -> Table:
    """Real time by the clock and in processor time, and that without tones; a hop is one call of a live stream."""
    table = Table("model", "thr.", "str.", "sound", "clock", "core", "quiet", "ms a hop", "MiB", "load")
    for cost in found:
        table.add_row(
            Path(cost.model).name,
            str(cost.threads),
            str(cost.streams),
            f"{cost.sound_seconds:g} s",
            f"{cost.times_real_time:.0f}x",
            f"{cost.times_real_time_of_core:.0f}x",
            f"{cost.quiet_times_real_time_of_core:.0f}x",
            f"{cost.hop_milliseconds:.2f}",
            f"{cost.peak_mib:.0f}",
            f"{cost.load_seconds:.2f} s",
        )
    return table
