"""The single-label tree of an estimator: made for the labels of `y`, or a wanted one in which they are placed.

A label stands at any depth. One inside the tree without a residual leaf ("Animal", where the leaves are *Dog* and
*Cat*) teaches the way down to it and no more; one below a leaf ("Bark", where *Dog* is a leaf) teaches that leaf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aed.errors import ConfigError, OntologyError
from aed.ontology.graph import ROOT_ID, load_ontology
from aed.ontology.structure import Node, Taxonomy
from aed.ontology.taxonomy import build_taxonomy
from aed.sklearn.meanings import Label, LabelMeanings, Meanings, Place

WantedTree = str | Sequence[str] | Taxonomy
"""`auto`, `ontology`, `flat`, the labels of the leaves, or a tree."""
_NAMED_TREES = ("auto", "ontology", "flat")


@dataclass(frozen=True)
class ClassTree:
    """A tree, and how the labels of `y` stand in it.

    Attributes:
        taxonomy: The tree.
        classes: What each leaf is called, (class,), sorted.
        leaves: The leaf of each class, (class,) int64 node.
        nodes: Node of each label of `y`, which may lie inside the tree.
        meanings: What labels mean; None where the tree is flat.
    """

    taxonomy: Taxonomy
    classes: np.ndarray
    leaves: np.ndarray
    nodes: Mapping[Label, int]
    meanings: Meanings | None

    @property
    def node_names(self) -> np.ndarray:
        """What each node is called, (node,) object: leaves as in `classes`, the others by their names."""
        names = np.array([node.name for node in self.taxonomy.nodes], dtype=object)
        names[self.leaves] = self.classes.tolist()
        return names

    def node(self, label: Label) -> int | None:
        """Node of a label, perhaps one that `y` had not; None where it has none."""
        if label in self.nodes or self.meanings is None:
            return self.nodes.get(label)
        try:
            return self.meanings.place(label, self.taxonomy).node
        except OntologyError:
            return None


def make_class_tree(labels: np.ndarray, wanted: WantedTree, label_map: LabelMeanings) -> ClassTree:
    """Make the tree for the labels that occur, or place them in the wanted one.

    Args:
        labels: Those of `y`, sorted, each once.
        wanted: Which tree; `auto`: of the ontology where a label is a concept, else flat.
        label_map: What labels mean.

    Raises:
        OntologyError: A label is no node of the tree (the message names the closest ones), or two mean one leaf.
        ConfigError: There is no such kind of tree, or a tree of several labels is wanted.
    """
    meanings = Meanings(label_map)
    if isinstance(wanted, Taxonomy):
        return _placed(labels, _checked(wanted), meanings, ())
    if not isinstance(wanted, str):
        return _placed(labels, _tree(wanted, meanings), meanings, wanted)
    if wanted not in _NAMED_TREES:
        raise ConfigError(f"taxonomy='{wanted}': expected one of {_NAMED_TREES}, the labels of leaves, or a Taxonomy")
    if wanted == "flat" or (wanted == "auto" and not any(map(meanings.knows, labels.tolist()))):
        return _flat(labels)
    try:
        taxonomy = _tree(labels.tolist(), meanings)
    except OntologyError as error:
        if wanted == "ontology" or label_map is not None:
            raise
        raise OntologyError(f"{error} (classes that are no sounds need taxonomy='flat')") from error
    return _placed(labels, taxonomy, meanings, ())


def _checked(taxonomy: Taxonomy) -> Taxonomy:
    if taxonomy.task != "single" or not taxonomy.leaves:
        raise ConfigError(
            f"expected a taxonomy of one label a sample (task 'single') that has leaves, got task '{taxonomy.task}' "
            f"with {len(taxonomy.leaves)} leaves; make one with build_taxonomy(..., task='single', none_of_these=False)"
        )
    return taxonomy


def _flat(labels: np.ndarray) -> ClassTree:
    """A tree of the labels themselves, directly under the root."""
    root = Node(ROOT_ID, "Sound", -1, 0, "root")
    below = [Node(f"user:{index}", str(label), 0, 1, "concept") for index, label in enumerate(labels)]
    leaves = np.arange(1, len(labels) + 1)
    nodes = dict(zip(labels.tolist(), leaves.tolist(), strict=True))
    return ClassTree(Taxonomy((root, *below), "single"), labels, leaves, nodes, None)


def _tree(labels: Sequence[Label], meanings: Meanings) -> Taxonomy:
    """The tree of some labels' concepts."""
    targets = [meanings.target(label) for label in labels]
    concepts = [target.concept for target in targets if target.concept is not None]
    has_none = any(target.none for target in targets)
    return build_taxonomy(load_ontology(), concepts, task="single", none_of_these=has_none)


def _placed(labels: np.ndarray, taxonomy: Taxonomy, meanings: Meanings, wanted: Sequence[str]) -> ClassTree:
    places = {label: meanings.place(label, taxonomy) for label in labels.tolist()}
    spelt = _names_of_leaves({label: meanings.place(label, taxonomy) for label in wanted}, taxonomy)
    spelt |= _names_of_leaves(places, taxonomy)
    classes = np.array([spelt.get(leaf, _own_name(taxonomy, leaf)) for leaf in taxonomy.leaves])
    order = np.argsort(classes)
    nodes = {label: place.node for label, place in places.items()}
    kind = labels.dtype if labels.dtype == object else classes.dtype
    return ClassTree(taxonomy, classes[order].astype(kind), np.array(taxonomy.leaves)[order], nodes, meanings)


def _names_of_leaves(places: Mapping[str, Place], taxonomy: Taxonomy) -> dict[int, str]:
    """How labels call the leaves that they mean.

    Raises:
        OntologyError: Two labels mean one leaf.
    """
    names: dict[int, str] = {}
    for label, place in places.items():
        if place.is_exact and taxonomy.is_leaf(place.node) and names.setdefault(place.node, label) != label:
            raise OntologyError(
                f"'{names[place.node]}' and '{label}' both mean '{taxonomy.nodes[place.node].name}': give it one name"
            )
    return names


def _own_name(taxonomy: Taxonomy, leaf: int) -> str:
    node = taxonomy.nodes[leaf]
    return node.id if sum(other.name == node.name for other in taxonomy.nodes) > 1 else node.name
