"""`aed ontology show` and `aed ontology find`: the taxonomy of a label set; where a sound stands in the ontology."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aed.errors import OntologyError

if TYPE_CHECKING:
    from aed.ontology.graph import Concept, Ontology
    from aed.ontology.label_map import LabelMap
    from aed.ontology.taxonomy import Taxonomy


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    ontology = typer.Typer(help="Look at the ontology and at the taxonomies made from it.", no_args_is_help=True)
    ontology.command("show")(show)
    ontology.command("find")(find)
    app.add_typer(ontology, name="ontology")


def show(
    labels: Annotated[
        str | None, typer.Option(help="Label set or subset (esc10, esc50, audioset, …) or a label map's .yaml.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Use only these labels of the set, with commas between.")] = None,
    tree: Annotated[
        str | None, typer.Option(help="Instead of labels: a shipped tree (home), or the .yaml file of your own.")
    ] = None,
    draw: Annotated[Path | None, typer.Option(help="Also draw it as a picture: a .png or .svg file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the taxonomy as JSON.")] = False,
) -> None:
    """Show the taxonomy of a label set as a tree."""
    from rich.console import Console

    from aed.ontology.draw import draw_taxonomy, terminal_tree
    from aed.ontology.label_map import label_map_names, load_label_map
    from aed.ontology.user_tree import load_tree

    if (labels is None) == (tree is None):
        raise OntologyError(f"give --labels or --tree; --labels takes one of {', '.join(label_map_names())}")
    notes: dict[int, str] = {}
    if tree is not None:
        taxonomy = load_tree(tree)
    else:
        label_map = load_label_map(labels or "")
        label_map = label_map.restricted(only.split(",")) if only else label_map
        taxonomy = _taxonomy(label_map)
        notes = _label_notes(taxonomy, label_map)
    if draw is not None:
        draw_taxonomy(taxonomy, draw, notes)
    if as_json:
        typer.echo(json.dumps({**taxonomy.to_dict(), "digest": taxonomy.digest}, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(terminal_tree(taxonomy, notes))
    console.print(_summary(taxonomy))
    if draw is not None:
        console.print(f"drawn: {draw}", soft_wrap=True, markup=False)


def find(name: Annotated[str, typer.Argument(help="A word, a part of a name, or an id.")]) -> None:
    """Find sounds by name: id, place in the tree, other parents, and the labels that mean them."""
    from aed.ontology.graph import load_ontology
    from aed.ontology.label_map import label_map_names, load_label_map

    ontology = load_ontology()
    found = ontology.search(name)
    if not found:
        raise OntologyError(f"no sound concept is called anything like '{name}'")
    for concept in found:
        typer.echo(_description(concept, ontology))
        for dataset in label_map_names():
            label_map = load_label_map(dataset)
            meant = [label for label, target in label_map.labels.items() if target.concept == concept.id]
            if meant:
                typer.echo(f"    label in {dataset}: {', '.join(meant)}")


def _taxonomy(label_map: LabelMap) -> Taxonomy:
    from aed.ontology.graph import load_ontology
    from aed.ontology.taxonomy import build_taxonomy

    single = label_map.task == "single"
    return build_taxonomy(load_ontology(), label_map.concept_ids, task=label_map.task, none_of_these=single)


def _label_notes(taxonomy: Taxonomy, label_map: LabelMap) -> dict[int, str]:
    """Return for each node the labels that mean it, where they are words (AudioSet's are ids)."""
    notes: dict[int, list[str]] = {}
    for label, target in label_map.labels.items():
        if target.concept is not None and label != target.concept:
            notes.setdefault(taxonomy.target_node(target.concept), []).append(label)
        elif target.none and taxonomy.none_index is not None:
            notes.setdefault(taxonomy.none_index, []).append(label)
    return {index: f"[{', '.join(labels)}]" for index, labels in notes.items()}


def _summary(taxonomy: Taxonomy) -> str:
    kind = "one label for each clip" if taxonomy.task == "single" else "several labels for each clip"
    return (
        f"{taxonomy.num_nodes} nodes, {len(taxonomy.leaves)} leaves, {taxonomy.max_depth} levels below the root, {kind}"
    )


def _description(concept: Concept, ontology: Ontology) -> str:
    path = " > ".join(ontology.concept(node).name for node in ontology.path(concept.id)) or concept.name
    primary = ontology.primary_parent(concept.id)
    others = [ontology.concept(parent).name for parent in concept.parents if parent != primary]
    flags = [
        word
        for word, holds in (
            ("abstract", concept.abstract),
            ("blacklisted", concept.blacklisted),
            ("added", concept.added),
        )
        if holds
    ]
    tail = (f"  or under {', '.join(others)}" if others else "") + (f"  ({', '.join(flags)})" if flags else "")
    return f"{concept.id}  {path}{tail}"
