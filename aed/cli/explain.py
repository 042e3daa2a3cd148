"""`aed explain`: the path through the tree to an answer, and what of the sound each decision listened to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aed.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    from aed.explain.decisions import Explanation
    from aed.ontology.taxonomy import Taxonomy

MOST_NAMED = 3
"""Other choices that are named in a line."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("explain")(_explain)


def _explain(
    sound: Annotated[Path, typer.Argument(help="A clip.")],
    model: Annotated[Path, typer.Option("--model", help="Folder of a trained model, such as runs/esc10/fold1.")],
    node: Annotated[
        str | None, typer.Option("--node", help="Explain the way to this node instead, by name or id.")
    ] = None,
    draw: Annotated[Path | None, typer.Option("--draw", help="Draw it, .png or .svg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the decisions that lead to an answer, how sure each was, and with --draw what it listened to."""
    from aed.api import check_clip_length
    from aed.audio.read import inspect, read_audio
    from aed.drawing import check_drawing

    try:
        from aed.explain.decisions import explain_clip
        from aed.model import TreeModel
    except ImportError as error:
        raise missing_extra("Explaining an answer", "train") from error
    from aed.explain.draw import draw_explanation

    if draw is not None:
        check_drawing(draw)
    loaded = TreeModel.load(model)
    wanted = None if node is None else find_node(loaded.taxonomy, node)
    check_clip_length(inspect(sound).seconds, str(sound))
    found = explain_clip(loaded, read_audio(sound, loaded.config.features.rate_hz), wanted)
    if as_json:
        typer.echo(json.dumps(_as_json(found), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(_lines(found)))
    if draw is not None:
        draw_explanation(found, draw, sound.name)
        typer.echo(f"drawn: {draw}", err=True)


def find_node(taxonomy: Taxonomy, wanted: str) -> int:
    """Find a node of the tree that can be an answer.

    Raises:
        ConfigError: It is the root.
        OntologyError: The tree has no such node.
    """
    node = taxonomy.find(wanted)
    if not node:
        raise ConfigError(f"--node {wanted}: no decision leads to the root; name a node below it")
    return node


def _lines(found: Explanation) -> list[str]:
    lines = []
    for depth, decision in enumerate(found.decisions):
        others = ", ".join(f"{other.name} {other.probability:.2f}" for other in decision.others[:MOST_NAMED])
        rest = len(decision.others) - MOST_NAMED
        not_chosen = f"  (not {others}{f' and {rest} more' if rest > 0 else ''})" if others else ""
        lines.append(f"{'  ' * depth}{decision.chosen.name} {decision.chosen.probability:.2f}{not_chosen}")
    return lines


def _as_json(found: Explanation) -> list[dict[str, Any]]:
    return [
        {
            "parent": decision.parent,
            "chosen": decision.chosen.name,
            "probability_given_parent": round(decision.chosen.probability, 4),
            "probability": round(decision.probability, 4),
            "others": {other.name: round(other.probability, 4) for other in decision.others},
            "attribution_per_frame": [round(float(value), 5) for value in decision.attribution.sum(axis=1)],
        }
        for decision in found.decisions
    ]
