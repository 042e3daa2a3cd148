"""`aed bench`: how fast a model is on this machine, what it takes, and how that grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from aed.errors import MissingExtraError, missing_extra
from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

LENGTHS_SECONDS = (10.0, 60.0, 300.0)
STREAMS = (1, 2, 4, 8)
LEAVES = (10, 50, 200, 527)
"""AudioSet has 527 labels."""
GROWTH_SECONDS = 20.0
"""What each stream, and each tree, hears."""


class Part(StrEnum):
    """What can be measured."""

    SPEED = "speed"
    LENGTH = "length"
    STREAMS = "streams"
    OPERATIONS = "operations"
    LEAVES = "leaves"
    TRAINING = "training"


@dataclass(frozen=True)
class Asked:
    """What to measure at.

    Attributes:
        models: Models, as of `aed detect`.
        seconds: Lengths of the sound for the speed.
        threads: Threads.
        streams: Numbers of streams.
        leaves: Numbers of labels of a tree.
    """

    models: list[Path]
    seconds: list[float]
    threads: list[int]
    streams: list[int]
    leaves: list[int]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("bench")(_bench)


def _bench(
    models: Annotated[
        list[Path] | None, typer.Option("--model", help="As of 'aed detect'; may be given again; home without.")
    ] = None,
    only: Annotated[
        list[Part] | None, typer.Option("--only", help="Measure this part alone; may be given again.")
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
    leaves: Annotated[
        list[int] | None, typer.Option("--leaves", min=2, max=527, help="Labels of a tree; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on this machine: speed, latency, memory, loading, how cost grows, and training.

    Each line is measured in a process of its own, on sound made by formula, from samples to events: noise with tones
    that are taken for alarms, which are listened to more closely, and (quiet) noise alone. Where other programs use the
    processor too, the speed in processor time says what an idle machine would reach. What takes the extra train is left
    out where that is not installed.
    """
    asked = Asked(
        models=models or [Path(DEFAULT_MODEL)],
        seconds=seconds or [60.0],
        threads=threads or [1],
        streams=streams or list(STREAMS),
        leaves=leaves or list(LEAVES),
    )
    found = {part: list(_measured(part, asked, bool(only))) for part in only or list(Part)}
    if as_json:
        typer.echo(json.dumps({part: [asdict(cost) for cost in costs] for part, costs in found.items()}, indent=2))
        return
    for part, costs in found.items():
        if costs:
            Console().print(_table(part, costs))


def _measured(part: Part, asked: Asked, is_wanted: bool) -> Iterator[Any]:
    """Measure a part, and say so; one that cannot be is an error only where it was asked for."""
    typer.echo(f"{part}: measuring", err=True)
    try:
        for number, cost in enumerate(_costs(part, asked), 1):
            typer.echo(f"{part}: {number} measured", err=True)
            yield cost
    except MissingExtraError as error:
        if is_wanted:
            raise
        typer.echo(f"{part}: left out, {error}", err=True)


def _costs(part: Part, asked: Asked) -> Iterator[Any]:
    if part in (Part.SPEED, Part.LENGTH):
        from aed.bench.cases import costs

        is_speed = part is Part.SPEED
        where = (asked.seconds, asked.threads) if is_speed else (LENGTHS_SECONDS, asked.threads[:1])
        return costs(asked.models, *where)
    if part is Part.STREAMS:
        from aed.bench.streams import growth_with_streams

        return growth_with_streams(asked.models[0], asked.streams, GROWTH_SECONDS)
    return _costs_of_training_extra(part, asked)


def _costs_of_training_extra(part: Part, asked: Asked) -> Iterator[Any]:
    try:
        from aed.bench.leaves import growth_with_leaves
        from aed.bench.operations import encoder_costs
        from aed.bench.training import training_cost
    except ImportError as error:
        raise missing_extra(f"Measuring {part}", "train") from error
    if part is Part.OPERATIONS:
        return encoder_costs()
    if part is Part.LEAVES:
        return growth_with_leaves(asked.leaves, GROWTH_SECONDS)
    return (training_cost("small", threads) for threads in asked.threads)


def _table(part: Part, costs: list[Any]) -> Table:
    from aed.bench.tables import TABLES

    return TABLES[part](costs)
