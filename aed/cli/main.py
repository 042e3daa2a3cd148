"""The command `aed`: its verbs, and how it fails.

What the person at the keyboard can mend (an `AedError`, a full disk, a missing permission) is one line on stderr and
exit code 2; a wrong option is typer's note on usage and exit code 2; an interrupt is one line and exit code 130.
`--debug`, anywhere on the line, shows the traceback instead.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import aed
from aed.cli import (
    bench,
    calibrate,
    card,
    commission,
    data,
    demo,
    detect,
    doctor,
    enroll,
    evaluate,
    explain,
    export,
    feedback,
    listen,
    monitor,
    ontology,
    push,
    recipe,
    study,
    train,
    why,
)
from aed.errors import AedError

EXIT_USER_ERROR = 2
# What a shell reports for a process that an interrupt ended: 128 + SIGINT.
EXIT_INTERRUPTED = 130

DEBUG_FLAG = "--debug"


class OneLineErrors(TyperGroup):
    """A command group that reports what a user can mend in one line, whichever verb it came from."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Let `--debug` stand anywhere before a `--`, not only before the verb."""
        end = args.index("--") if "--" in args else len(args)
        options = [argument for argument in args[:end] if argument != DEBUG_FLAG]
        flag = [DEBUG_FLAG] if len(options) < end else []
        return super().parse_args(ctx, [*flag, *options, *args[end:]])

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the verb.

        Raises:
            typer.Exit: With code 2 after an error that the user can mend, with 130 after an interrupt.
        """
        if ctx.params["debug"]:
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read our output has had enough: typer ends quietly
        except (AedError, OSError) as error:
            typer.echo(f"aed: error: {_one_line(error)}", err=True)
            raise typer.Exit(EXIT_USER_ERROR) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("aed: interrupted", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _one_line(error: AedError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return " ".join(str(error).split())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aed {aed.__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Make the command line with all its verbs."""
    verbs = typer.Typer(
        name="aed",
        cls=OneLineErrors,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    verbs.callback()(_options)
    making = (ontology, data, recipe, train, evaluate, calibrate, card, study, export, push, bench)
    using = (detect, listen, explain, enroll, monitor, why, doctor, commission, feedback, demo)
    for verb in (*making, *using):
        verb.register(verbs)
    return verbs


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG_FLAG, help="Show the traceback of an error.")] = False,
) -> None:
    """Acoustic event detection with an ontology-tree classifier."""


app = build_app()


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name that is not valid text is shown with escapes
            stream.reconfigure(errors="backslashreplace")
    app()
