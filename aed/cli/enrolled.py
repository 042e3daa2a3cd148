"""Options of every verb that hears with a model: which enrolled sounds ('aed enroll') it knows beside its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from aed.errors import ConfigError

EnrolledFolder = Annotated[
    Path | None,
    typer.Option("--enrolled", help="Folder of enrolled sounds; by default where 'aed enroll' puts the model's own."),
]
NoEnrolled = Annotated[bool, typer.Option("--no-enrolled", help="Leave enrolled sounds out: the model alone.")]


def enrolled_sounds(folder: Path | None, *, none: bool) -> Path | Literal[False] | None:
    """Return what `aed.load` takes as `enrolled`.

    Args:
        folder: Of `--enrolled`.
        none: Whether there was `--no-enrolled`.

    Raises:
        ConfigError: Both were given.
    """
    if none and folder is not None:
        raise ConfigError("--enrolled and --no-enrolled exclude each other: leave one out")
    return False if none else folder
