"""A taxonomy that somebody wrote as a YAML file: a user's own one, or one that is shipped (`ontology/trees`).

    task: single
    none_of_these: true
    own: [Kitchen, Dishwasher is done]      # names that are ours; every other name must be a known concept
    residual: [Alarm]                       # inner nodes that a label names: they get a leaf "Alarm, other"
    tree:
      Alarm: [Safety alarm, Alarm clock]
      Kitchen:
        Dishwasher is done:
        Water tap, faucet:

The file decides which concept stands under which, also where the ontology says otherwise. Names that are neither known
nor listed under `own` are refused, so that a slip of the pen does not become a new concept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import networkx as nx
from pydantic import BaseModel, ConfigDict

from aed.errors import OntologyError
from aed.ontology.graph import ROOT_ID, Concept, Ontology, load_ontology
from aed.ontology.label_map import read_yaml, validated
from aed.ontology.taxonomy import Task, Taxonomy, taxonomy_of_tree
from aed.resources import ontology_folder

_OWN_ID_PREFIX = "user:"


class _TreeForm(BaseModel):
    """The YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    task: Task
    none_of_these: bool = False
    own: tuple[str, ...] = ()
    residual: tuple[str, ...] = ()
    tree: dict[str, Any]


def load_tree(name_or_path: str | Path, ontology: Ontology | None = None) -> Taxonomy:
    """Read a tree.

    Args:
        name_or_path: Name of a shipped tree ("home"), or the path of a YAML file.
        ontology: Where the names are looked up; the shipped one by default.

    Raises:
        OntologyError: There is no such tree, or its file is wrong.
    """
    shipped = {path.stem: path for path in (ontology_folder() / "trees").glob("*.yaml")}
    path = shipped.get(str(name_or_path), Path(name_or_path))
    if path.suffix not in (".yaml", ".yml"):
        known = ", ".join(sorted(shipped))
        raise OntologyError(f"no tree is called '{name_or_path}': expected one of {known}, or the path of a .yaml file")
    return taxonomy_from_yaml(path, ontology)


def taxonomy_from_yaml(path: Path, ontology: Ontology | None = None) -> Taxonomy:
    """Read the file of a tree.

    Label maps and label rules learn of its own concepts through `extend_ontology(load_ontology(), taxonomy)`.

    Args:
        path: The YAML file; its form is at the top of this module.
        ontology: Where the names are looked up; the shipped one by default.

    Raises:
        OntologyError: The file cannot be read, has an unknown key, an unknown name, or a name twice.
    """
    form = validated(_TreeForm, read_yaml(path), path)
    own = [Concept(own_id(name), name, (ROOT_ID,), added=True) for name in form.own]
    try:
        known = (ontology or load_ontology()).with_concepts(own)
        tree = nx.DiGraph()
        tree.add_node(ROOT_ID)
        _grow(tree, ROOT_ID, form.tree, known)
        residual = {known.resolve(name).id for name in form.residual}
        return taxonomy_of_tree(known, tree, residual, task=form.task, none_of_these=form.none_of_these)
    except OntologyError as error:
        raise OntologyError(f"{path}: {error}") from None


def own_id(name: str) -> str:
    """Return the id of a user's own concept: "Dishwasher is done" -> "user:dishwasher_is_done"."""
    return _OWN_ID_PREFIX + re.sub(r"\W+", "_", name.casefold()).strip("_")


def _grow(tree: nx.DiGraph, parent_id: str, below: Any, ontology: Ontology) -> None:
    """Hang what the YAML file has under a name: nothing, a list of leaves, or names with more below them."""
    if below is None:
        return
    if not isinstance(below, dict | list) or not all(isinstance(name, str) for name in below):
        name = ontology.concept(parent_id).name
        raise OntologyError(f"under '{name}' expected names, a list of names or nothing, got {below!r}")
    for name in below:
        concept_id = ontology.resolve(name).id
        if concept_id in tree:
            raise OntologyError(f"'{name}' stands in the tree twice: a tree has each concept once")
        tree.add_edge(parent_id, concept_id)
        _grow(tree, concept_id, below[name] if isinstance(below, dict) else None, ontology)
