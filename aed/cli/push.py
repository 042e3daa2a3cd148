"""`aed push`: a trained model to a model hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aed.api import is_exported
from aed.errors import ConfigError, missing_extra
from aed.hub.card import UNNAMED_LICENCE


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("push")(_push)


def _push(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model, such as runs/esc10/fold1.")],
    repository: Annotated[str, typer.Argument(help="Where to, owner/name; made where there is none.")],
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who sees a new repository; what the owner's settings say by default."),
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Branch; the main one by default.")] = None,
    licence: Annotated[
        str, typer.Option("--license", help="Short name of the weights' licence, such as cc-by-nc-4.0.")
    ] = UNNAMED_LICENCE,
    message: Annotated[str, typer.Option("--message", help="Title of the commit.")] = "Upload a model of aed",
) -> None:
    """Push a model to a hub: weights, settings, tree, what was calibrated, licence and card, as one commit.

    Afterwards aed.load("owner/name") and --model owner/name fetch it. You must be logged in (hf auth login), or
    HF_TOKEN must be set. A README.md in the model's folder is its card; without one a short card is made.
    """
    if is_exported(model):
        raise ConfigError(f"{model} is an exported file: push the folder of the trained model that it was made of")
    try:
        from aed.model import TreeModel
    except ImportError as error:
        raise missing_extra("Pushing a model", "train") from error
    from aed.hub.repository import push

    taxonomy = TreeModel.load(model).taxonomy  # what cannot be loaded is not passed on
    address = push(model, repository, taxonomy, private=private, revision=revision, licence=licence, message=message)
    typer.echo(f"pushed: {address}")
