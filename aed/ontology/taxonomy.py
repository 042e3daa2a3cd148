"""The policy that makes a taxonomy, the tree of a model, from the ontology.

Every concept keeps its primary parent only; what no label in use needs is pruned; an inner concept with one child and
no label of its own decides nothing and is collapsed; abstract concepts that decide stay. A single-label tree also gets
a residual leaf ("Engine, other") under every label that stands above other labels, so that its leaves cover everything,
and on request a child of the root *None of these*. In a multi-label tree an inner node is itself the answer and needs
neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import networkx as nx
import numpy as np

from aed.errors import OntologyError
from aed.ontology.graph import ROOT_ID, Concept, Ontology
from aed.ontology.structure import NONE_ID, NONE_NAME, RESIDUAL_SUFFIX, Kind, Node, Task, Taxonomy

__all__ = [
    "NONE_ID",
    "RESIDUAL_SUFFIX",
    "Kind",
    "Node",
    "Task",
    "Taxonomy",
    "build_taxonomy",
    "extend_ontology",
    "taxonomy_of_tree",
]


def build_taxonomy(
    ontology: Ontology, concept_ids: Iterable[str], *, task: Task, none_of_these: bool, collapse_chains: bool = True
) -> Taxonomy:
    """Make the tree for the labels in use; see the policy at the top of this file.

    Args:
        ontology: Where the concepts and their primary parents come from.
        concept_ids: Concepts that labels in use name, in any order, repeats allowed.
        task: Whether a clip has one answer or several.
        none_of_these: Give the root a child for everything else (single-label only).
        collapse_chains: Remove inner concepts that decide nothing.

    Raises:
        OntologyError: No concept, an unknown one, the root as a label, or *None of these* in a multi-label tree.
    """
    used = dict.fromkeys(concept_ids)
    if not used:
        raise OntologyError("a taxonomy needs at least one concept: no label in use has one")
    if ROOT_ID in used:
        raise OntologyError(
            f"'{ROOT_ID}' is the root and says nothing: map the label to a concept below it, or to none"
        )
    tree = nx.DiGraph()
    tree.add_node(ROOT_ID)
    for concept_id in used:
        nx.add_path(tree, (ROOT_ID, *ontology.path(concept_id)))
    if collapse_chains:
        _collapse(tree, used)
    return taxonomy_of_tree(ontology, tree, set(used), task=task, none_of_these=none_of_these)


def _collapse(tree: nx.DiGraph, used: Iterable[str]) -> None:
    """Remove, in place, every inner concept with one child and no label of its own."""
    deciding = {ROOT_ID, *used}
    for concept_id in [node for node in tree if node not in deciding and tree.out_degree(node) == 1]:
        (above,), (below,) = tree.predecessors(concept_id), tree.successors(concept_id)
        tree.remove_node(concept_id)
        tree.add_edge(above, below)


def taxonomy_of_tree(
    ontology: Ontology, tree: nx.DiGraph, labelled: set[str], *, task: Task, none_of_these: bool
) -> Taxonomy:
    """Number a tree of concept ids, and give a single-label one its residual leaves and *None of these*.

    Args:
        ontology: Names of the concepts, and the order of siblings.
        tree: Edges from parent to child, one root `aed:sound`.
        labelled: Concepts that a label can name: inside the tree these get the residual leaves.
        task: Whether a clip has one answer or several.
        none_of_these: Give the root a child for everything else (single-label only).

    Raises:
        OntologyError: *None of these* is asked for in a multi-label tree.
    """
    if none_of_these and task == "multi":
        raise OntologyError(
            "a multi-label taxonomy needs no 'None of these': all its nodes can be absent. Set none_of_these to false"
        )
    order = {concept_id: position for position, concept_id in enumerate(ontology.concepts)}
    nodes = [Node(ROOT_ID, ontology.concept(ROOT_ID).name, -1, 0, "root")]
    for index, node in enumerate(nodes):  # grows while it is walked: breadth-first
        if node.kind in ("residual", "none"):
            continue
        depth = node.depth + 1
        below = sorted(tree.successors(node.id), key=order.__getitem__)
        nodes += [Node(child, ontology.concept(child).name, index, depth, "concept") for child in below]
        if node.kind == "root" and none_of_these:
            nodes.append(Node(NONE_ID, NONE_NAME, index, depth, "none"))
        elif below and task == "single" and node.id in labelled:
            nodes.append(Node(node.id + RESIDUAL_SUFFIX, f"{node.name}, other", index, depth, "residual"))
    return Taxonomy(tuple(nodes), task)


def extend_ontology(ontology: Ontology, taxonomy: Taxonomy) -> Ontology:
    """Return the ontology in which the taxonomy holds: a user's own concepts added, a user's own edges instead of ours.

    An edge of the tree that the ontology implies changes nothing. A taxonomy that `build_taxonomy` made has only such
    edges, and gets the same object back.

    Raises:
        OntologyError: The tree contradicts the ontology so that a concept would stand above itself.
    """
    changed = []
    for index in taxonomy.answer_nodes:
        node = taxonomy.nodes[index]
        if node.kind != "concept":
            continue
        parent_id = taxonomy.nodes[node.parent].id
        known = ontology.concepts.get(node.id)
        if known is None:
            changed.append(Concept(node.id, node.name, (parent_id,), added=True))
        elif not _is_implied(ontology, taxonomy, index):
            changed.append(replace(known, parents=(parent_id,)))
    return ontology.with_concepts(changed) if changed else ontology


def _is_implied(ontology: Ontology, taxonomy: Taxonomy, index: int) -> bool:
    """Return whether the ontology has the node's parent above it, and nothing above it that the tree has below it."""
    above = ontology.ancestors(taxonomy.nodes[index].id)
    below = {taxonomy.nodes[node].id for node in np.flatnonzero(taxonomy.ancestor_matrix[:, index])}
    return taxonomy.nodes[taxonomy.nodes[index].parent].id in above and not above & below
