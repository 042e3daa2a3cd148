"""A model card as Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from aed.metrics.average_precision import NodeAveragePrecision
from aed.study.model_card import MOST_PER_HOUR, SURE, ModelCard, NodeFigures, UnheardSound

FEW_CLIPS = 10
"""Fewer clips than these give a figure that the next clip may overturn."""
_KNOWN_FAILURE = 0.5
"""A node of which less than half is found at one false alarm an hour is not to be relied on."""


def card_markdown(card: ModelCard, about: str = "") -> str:
    """Return the card.

    Args:
        card: What was measured.
        about: Markdown that stands before the figures: what the model is for, its data and licence.
    """
    return "\n".join([about.rstrip(), "", *_figures(card), ""]).lstrip()


def _figures(card: ModelCard) -> Iterator[str]:
    sets = ", ".join(f"{count} of {dataset}" for dataset, count in card.clips.items())
    mean, nodes = card.macro
    run = card.run
    yield "## Measured"
    yield ""
    yield (
        f"On {sum(card.clips.values())} clips ({card.hours:.2f} hours) that taught this model nothing: {sets}. "
        f"Recipe {run.recipe}, fold {run.fold}, seed {run.seed}, commit {run.commit or 'unknown'}. "
        f"Mean average precision over {nodes} nodes: **{mean:.1%}**."
    )
    if card.skipped:
        yield f"{len(card.skipped)} clips could not be read and are left out."
    yield ""
    yield (
        "Recall: share of the clips with the sound in which the detector would report it, at the lowest threshold that "
        f"gives at most {MOST_PER_HOUR:g} false alarm an hour on the held-out clips without it. The threshold is read "
        f"off these same clips: in another place it will not keep that rate exactly. Fewer than {FEW_CLIPS} clips: a "
        "figure that the next clip may overturn. Usual recall, an hour: the same, and false alarms an hour, at the "
        "threshold that is used where nobody says. These clips are one sound after the other, many easily taken for "
        "each other: a home is quieter."
    )
    yield ""
    yield from _node_table(card)
    yield ""
    yield from _unheard_table(card)
    yield ""
    yield from _failures(card)


def _node_table(card: ModelCard) -> Iterator[str]:
    sets = list(card.clips)
    columns = ("node", "clips", "average precision", *sets, "recall", "threshold", "usual recall", "an hour", "at")
    yield f"| {' | '.join(columns)} |"
    yield "|---|---:|---:|" + "---:|" * len(sets) + "---:|---:|---:|---:|---:|"
    for one in card.nodes:
        of_set = {on.dataset: on.precision for on in one.sets}
        cells = [_precision(of_set[name]) if name in of_set else "" for name in sets]
        depth = card.taxonomy.depths[one.node]
        indent = "&nbsp;&nbsp;" * (int(depth) - 1)
        yield (
            f"| {indent}{card.taxonomy.nodes[one.node].name} | {one.precision.present} | {_percent(one.precision)} | "
            f"{' | '.join(cells)} | {one.strict.recall:.0%} | {one.strict.threshold:.3f} | {one.usual.recall:.0%} | "
            f"{one.usual.false_alarms / one.hours:.0f} | {one.usual.threshold:.2f} |"
        )


def _precision(precision: NodeAveragePrecision) -> str:
    return f"{_percent(precision)} ({precision.present})"


def _percent(precision: NodeAveragePrecision) -> str:
    value = precision.average_precision
    return "-" if math.isnan(value) else f"{value:.1%}"


def _unheard_table(card: ModelCard) -> Iterator[str]:
    yield "### Sounds that training never heard"
    yield ""
    if not card.unheard:
        yield "None among the held-out clips."
        return
    yield (
        f"An answer is every node with a probability of {SURE:g} or more that has no such node below it. Right: all "
        "that is answered stands above the sound in the tree. "
        f"Over the {sum(one.clips for one in card.unheard)} clips: "
        f"right supercategory {_mean(card.unheard, 'right')}, something wrong {_mean(card.unheard, 'wrong')}."
    )
    yield ""
    yield "| sound | stands below | clips | right | wrong | silent |"
    yield "|---|---|---:|---:|---:|---:|"
    for one in card.unheard:
        silent = f"{max(0.0, 1 - one.right - one.wrong):.0%}"
        above = " > ".join(one.supercategories)
        yield f"| {one.dataset}: {one.label} | {above} | {one.clips} | {one.right:.0%} | {one.wrong:.0%} | {silent} |"


def _mean(sounds: tuple[UnheardSound, ...], figure: str) -> str:
    clips = sum(one.clips for one in sounds)
    return f"{sum(one.clips * getattr(one, figure) for one in sounds) / clips:.0%}" if clips else "-"


def _failures(card: ModelCard) -> Iterator[str]:
    yield "### Known failures"
    yield ""
    weak = [one for one in card.nodes if one.strict.recall < _KNOWN_FAILURE and not card.taxonomy.children(one.node)]
    few = [one for one in card.nodes if one.precision.present < FEW_CLIPS]
    yield f"- Found in less than half of the clips at one false alarm an hour: {_names(card, weak)}."
    yield f"- Measured on fewer than {FEW_CLIPS} clips: {_names(card, few)}."
    measured = {one.node for one in card.nodes}
    missing = [node.name for index, node in enumerate(card.taxonomy.nodes) if index and index not in measured]
    yield f"- Never measured, since no held-out clip bears the sound: {', '.join(missing) or 'none'}."


def _names(card: ModelCard, nodes: list[NodeFigures]) -> str:
    return ", ".join(card.taxonomy.nodes[one.node].name for one in nodes) or "none"


def card_to_dict(card: ModelCard) -> dict[str, Any]:
    """Return JSON-able values; a figure without a value is null."""
    return {
        "recipe": card.run.recipe,
        "recipe_hash": card.run.recipe_hash,
        "fold": card.run.fold,
        "seed": card.run.seed,
        "commit": card.run.commit,
        "clips": card.clips,
        "hours": round(card.hours, 4),
        "mean_average_precision": card.macro[0],
        "nodes": [_node_to_dict(card, one) for one in card.nodes],
        "unheard": [vars(one) for one in card.unheard],
        "skipped": card.skipped,
    }


def _node_to_dict(card: ModelCard, one: NodeFigures) -> dict[str, Any]:
    node = card.taxonomy.nodes[one.node]
    return {
        "id": node.id,
        "name": node.name,
        **_precision_to_dict(one.precision),
        "sets": {on.dataset: _precision_to_dict(on.precision) for on in one.sets},
        "strict": vars(one.strict),
        "usual": vars(one.usual),
        "hours": one.hours,
    }


def _precision_to_dict(precision: NodeAveragePrecision) -> dict[str, Any]:
    value = precision.average_precision
    return {
        "clips": precision.present,
        "known_clips": precision.known,
        "average_precision": None if math.isnan(value) else value,
    }
