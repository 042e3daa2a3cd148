"""The model card `README.md` of a repository: YAML front matter that a hub sorts by, and text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aed.ontology.structure import Taxonomy

LIBRARY_NAME = "aed"
UNNAMED_LICENCE = "other"
"""What a hub calls a licence that has no short name of its own: the file LICENSE.md tells."""
_FENCE = "---\n"
_TASK = "audio-classification"
_TAGS = (_TASK, "acoustic-event-detection", LIBRARY_NAME)


def front_matter(licence: str, licence_file: str | None) -> str:
    """Return what stands between the two `---` lines at the head of a card, those included.

    Args:
        licence: Short name, as hubs have it ("cc-by-nc-4.0"), or "other".
        licence_file: Name of the file beside the card that tells of the licence; None where there is none.
    """
    import yaml  # not at the head: whoever loads a model loads this file, and writes no card

    matter: dict[str, Any] = {"license": licence}
    if licence == UNNAMED_LICENCE and licence_file is not None:
        matter |= {"license_name": "see-licence-file", "license_link": licence_file}
    matter |= {"library_name": LIBRARY_NAME, "pipeline_tag": _TASK, "tags": list(_TAGS)}
    return _FENCE + yaml.safe_dump(matter, sort_keys=False, allow_unicode=True) + _FENCE


def with_front_matter(card: str, matter: str) -> str:
    """Return a card that has front matter: its own where it has one."""
    return card if card.startswith(_FENCE) else f"{matter}\n{card}"


def short_card(name: str, taxonomy: Taxonomy) -> str:
    """Return the text of a card that tells what the model's files tell: its use and its tree, no figures.

    Args:
        name: What `aed.load` is to be given: the repository's name, or a folder's.
        taxonomy: The model's tree.
    """
    kind = "one answer a clip" if taxonomy.task == "single" else "any number of answers a clip"
    lines = [
        f"# {name}",
        "",
        "A model of acoustic events, by the Python package `aed`: a network that hears, and a decision tree whose "
        f"shape is an ontology of sounds ({len(taxonomy.leaves)} leaves, {taxonomy.num_nodes - 1} nodes, {kind}).",
        "",
        "```python",
        "import aed",
        "",
        f'model = aed.load("{name}")',
        'print(model.predict("dog.ogg"))',
        'events = model.detect("kitchen.wav")',
        "```",
        "",
        "## What it knows",
        "",
        *_tree_lines(taxonomy, taxonomy.children(0)),
        "",
        "## Not measured here",
        "",
        "This card was made from the model's files alone: it tells nothing of how often the model is right. "
        "Do not rely on it for anybody's safety.",
        "",
    ]
    return "\n".join(lines)


def _tree_lines(taxonomy: Taxonomy, nodes: Sequence[int]) -> Iterator[str]:
    for index in nodes:
        node = taxonomy.nodes[index]
        yield f"{'  ' * (node.depth - 1)}- {node.name}"
        yield from _tree_lines(taxonomy, taxonomy.children(index))
