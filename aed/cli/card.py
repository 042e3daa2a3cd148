"""`aed card`: measure a model on what it never heard, and write its model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from aed.cli.progress import counting


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("card")(_card)


def _card(
    model: Annotated[Path, typer.Option("--model", help="Folder of a trained fold, such as runs/home/fold5.")],
    exported: Annotated[
        Path | None, typer.Option("--exported", help="What 'aed export' made of it: measure that in its place.")
    ] = None,
    about: Annotated[
        Path | None, typer.Option("--about", help="Markdown that stands before the figures: purpose, data, licence.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the card here; printed without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a multi-label model on the clips that its training held out, and write its card.

    Average precision of every node and data set, recall at one false alarm an hour, what is said of sounds that
    training never heard, and known failures. It is a look at a test fold, and is recorded as one.
    """
    from aed.api import load
    from aed.storage import write_atomic
    from aed.study.model_card import measure_model
    from aed.study.model_card_text import card_markdown, card_to_dict

    text = about.read_text(encoding="utf-8") if about else ""
    with counting("measuring") as progress:
        loaded = load(exported or model, enrolled=False)
        card = measure_model(model, loaded.scorer, loaded.detector_config, None, progress)
    markdown = card_markdown(card, text)
    if out is not None:
        write_atomic(out, markdown)
    if as_json:
        typer.echo(json.dumps(card_to_dict(card), indent=2, ensure_ascii=False))
    elif out is None:
        typer.echo(markdown)
