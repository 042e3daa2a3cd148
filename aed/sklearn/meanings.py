"""What the labels of `y` mean, and where in a tree they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aed.errors import OntologyError
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.label_map import LabelMap, LabelTarget, load_label_map
from aed.ontology.labels import clip_target_node
from aed.ontology.structure import NONE_ID, Taxonomy

Label = Any
"""One value of `y`: a name, or a number where the tree is flat."""
LabelMeanings = str | Mapping[str, str] | LabelMap | None
"""Name of a shipped label map or path of one, or label -> name or id of a concept; None: labels are such names."""


@dataclass(frozen=True)
class Place:
    """Where a label stands.

    Attributes:
        node: The node that it teaches.
        is_exact: It means this node, not something below it.
    """

    node: int
    is_exact: bool


class Meanings:
    """Says what labels mean.

    Args:
        label_map: See `LabelMeanings`.

    Raises:
        OntologyError: There is no such label map, or it names an unknown concept.
    """

    def __init__(self, label_map: LabelMeanings) -> None:
        self._map = _read(label_map, load_ontology())

    def target(self, label: Label, taxonomy: Taxonomy | None = None) -> LabelTarget:
        """Return the concept that a label means, or that it means none of them.

        Args:
            label: The label; underscores read as spaces.
            taxonomy: A tree whose own names go before the ontology's.

        Raises:
            OntologyError: It means nothing; the message names the closest names.
        """
        if not isinstance(label, str):
            raise OntologyError(
                f"y holds {label!r} ({type(label).__name__}): expected names or ids of sound concepts; for other "
                "classes leave taxonomy='auto' or set it to 'flat'"
            )
        if self._map is not None:
            return _mapped(self._map, label)
        if taxonomy is None:
            return LabelTarget(load_ontology().resolve(_spelt(label)).id)
        try:
            found = taxonomy.nodes[taxonomy.find(_spelt(label))].id
            return LabelTarget(None, none=True) if found == NONE_ID else LabelTarget(found)
        except OntologyError as not_in_tree:
            try:
                return self.target(label)
            except OntologyError:
                raise not_in_tree from None

    def knows(self, label: Label) -> bool:
        """Whether a label means anything, outside any tree."""
        if self._map is not None:
            return True
        return isinstance(label, str) and _spelt(label).casefold() in _all_names()

    def place(self, label: Label, taxonomy: Taxonomy) -> Place:
        """Find where in a tree a label stands.

        Raises:
            OntologyError: It means nothing, or nothing that is a node or lies below a leaf.
        """
        target = self.target(label, taxonomy)
        concept = NONE_ID if target.none else str(target.concept)
        if taxonomy.node_for_concept(concept):  # neither absent nor the root
            return Place(taxonomy.target_node(concept), is_exact=True)
        node = self._above(target, concept, taxonomy)
        if node is None:
            firsts = ", ".join(taxonomy.nodes[child].name for child in taxonomy.children(0))
            raise OntologyError(
                f"the label '{label}' is no node of this taxonomy, nor below one: under its root it has {firsts}; "
                "name it in taxonomy too, or leave it out of y"
            )
        return Place(node, is_exact=False)

    def _above(self, target: LabelTarget, concept: str, taxonomy: Taxonomy) -> int | None:
        """The deepest node of the tree that a concept outside it certainly belongs to."""
        if concept not in load_ontology().concepts:
            return None
        return clip_target_node(taxonomy, LabelMap("y", "single", {concept: target}, frozenset()), [concept])


@cache
def _all_names() -> frozenset[str]:
    concepts = load_ontology().concepts.values()
    return frozenset(name.casefold() for concept in concepts for name in (concept.id, concept.name))


def _spelt(label: str) -> str:
    return label if "/" in label or ":" in label else label.replace("_", " ")  # an id stays as it is


def _mapped(label_map: LabelMap, label: str) -> LabelTarget:
    target = label_map.target(label)
    if target.concept is None and not target.none:
        raise OntologyError(f"the label '{label}' is unmapped ({target.reason}): leave it out of y")
    return target


def _read(label_map: LabelMeanings, ontology: Ontology) -> LabelMap | None:
    if label_map is None or isinstance(label_map, LabelMap):
        return label_map
    if isinstance(label_map, str):
        return load_label_map(label_map, ontology)
    targets = {label: LabelTarget(ontology.resolve(name).id) for label, name in label_map.items()}
    return LabelMap("label_map", "single", targets, frozenset())
