"""The label rules: what a clip's labels say about every node of a taxonomy: present, absent or unknown.

Unknown teaches nothing. The rules:

1. A label makes its concept present, and everything certainly above it: several parents mean *or*, unless the label map
   names the way up (`via`).
2. Absent is what the data set is exhaustive about and does not list, unless a listed label may be it or hold it. Under
   the policy `unlisted: absent` also what is neither ancestor, descendant nor sibling of a listed label, if the data
   set has a label for it.
3. Absence closes downward along the taxonomy. A node above a present one is never absent.
4. The leaves of a single-label taxonomy exclude each other and cover everything: so beside the present path everything
   is absent, an inner node whose children are all absent is absent, a residual leaf is present where its siblings are
   all absent, and *None of these* is present where everything else is absent.
5. An unmapped label may be anything: it takes every absence from its clip.
6. A label that denies a concept makes it absent and says nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from aed.errors import OntologyError
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.label_map import LabelMap, LabelTarget, label_map_from_names, label_map_names, load_label_map
from aed.ontology.taxonomy import Taxonomy, extend_ontology

__all__ = [
    "ABSENT",
    "PRESENT",
    "UNKNOWN",
    "LabelMap",
    "LabelRules",
    "LabelTarget",
    "clip_target_node",
    "label_map_from_names",
    "label_map_names",
    "load_label_map",
    "node_targets",
]

PRESENT, ABSENT, UNKNOWN = 1, 0, -1

Nodes = npt.NDArray[np.bool_]
Targets = npt.NDArray[np.int8]


def node_targets(taxonomy: Taxonomy, ontology: Ontology, label_map: LabelMap, labels: Sequence[str]) -> Targets:
    """Return what a clip's labels say about every node.

    Args:
        taxonomy: The tree whose nodes are asked about.
        ontology: Where ancestors, descendants and siblings come from; a user's own tree need not be part of it.
        label_map: What the labels mean.
        labels: The clip's labels. No label at all says nothing: nobody listened. "Nothing of these" is a label of its
            own, a *none* label.

    Returns:
        (node,) int8, read-only: 1 present, 0 absent, -1 unknown. The root is always present.

    Raises:
        OntologyError: A label is not in the map.
    """
    return _rules(taxonomy, ontology, label_map).targets(tuple(labels))


def clip_target_node(
    taxonomy: Taxonomy, label_map: LabelMap, labels: Sequence[str], ontology: Ontology | None = None
) -> int | None:
    """Return the one node that a single-label clip is trained towards and judged by.

    It is the deepest node that is present: a leaf; or an inner node, where the label is sure about no more ("alarm" in
    a tree with kinds of alarm, or a sound whose own leaf the tree has not).

    Returns:
        Index of the node; None where the labels say nothing about this tree, or name several branches of it.

    Raises:
        OntologyError: A label is not in the map, or the taxonomy is a multi-label one.
    """
    if taxonomy.task != "single":
        raise OntologyError("a clip has one target node only in a single-label taxonomy; use node_targets")
    return _rules(taxonomy, ontology or load_ontology(), label_map).target_node(tuple(labels))


@lru_cache(maxsize=64)
def _rules(taxonomy: Taxonomy, ontology: Ontology, label_map: LabelMap) -> LabelRules:
    return LabelRules(taxonomy, ontology, label_map)


@dataclass(frozen=True)
class _Meaning:
    """What one label says about each node of the tree, each (node,) bool.

    Attributes:
        certain: Present with it.
        possible: It may be this, through any of its parents, or hold this.
        related: Its descendants and siblings.
    """

    certain: Nodes
    possible: Nodes
    related: Nodes


class LabelRules:
    """The rules for one taxonomy and one label map, with what they need computed once for each label.

    Args:
        taxonomy: The tree whose nodes are asked about.
        ontology: Where ancestors, descendants and siblings come from.
        label_map: What the labels mean.
    """

    def __init__(self, taxonomy: Taxonomy, ontology: Ontology, label_map: LabelMap) -> None:
        self.taxonomy = taxonomy
        self.ontology = extend_ontology(ontology, taxonomy)
        self.label_map = label_map
        self._memory: dict[tuple[str, ...], Targets] = {}
        self._meanings: dict[LabelTarget, _Meaning] = {}

    def targets(self, labels: tuple[str, ...]) -> Targets:
        """Return (node,) int8 for a clip with these labels; see `node_targets`."""
        if labels not in self._memory:
            targets = self._targets([self.label_map.target(label) for label in labels])
            targets.setflags(write=False)
            self._memory[labels] = targets
        return self._memory[labels]

    def target_node(self, labels: tuple[str, ...]) -> int | None:
        """Return the deepest present node; None where it is the root, or where what is present is not one path."""
        present = np.flatnonzero(self.targets(labels) == PRESENT)
        deepest = int(present[-1])
        is_one_path = bool(self.taxonomy.ancestor_matrix[deepest, present].all())
        return deepest if deepest > 0 and is_one_path else None

    def _targets(self, targets: list[LabelTarget]) -> Targets:
        meanings = [self._meaning(target.concept, target) for target in targets if target.concept is not None]
        present = self._any([meaning.certain for meaning in meanings])
        present[0] = True
        absent = self._nodes(target.denied for target in targets if target.denied is not None)
        targets = [target for target in targets if target.denied is None]
        if targets and all(target.concept is not None or target.none for target in targets):  # no label: nothing known
            possible = self._any([meaning.possible for meaning in meanings])
            absent |= self._exhaustive & ~possible
            if self.label_map.unlisted == "absent" and meanings:
                related = possible | self._any([meaning.related for meaning in meanings])
                absent |= self._covered & ~(
                    related @ self.taxonomy.ancestor_matrix
                )  # nothing above a related node either
        absent = self.taxonomy.ancestor_matrix @ absent
        if self.taxonomy.task == "single":
            self._close_single(present, absent)
        return np.where(present, PRESENT, np.where(absent, ABSENT, UNKNOWN)).astype(np.int8)

    def _close_single(self, present: Nodes, absent: Nodes) -> None:
        """Apply rule 4 in place; a clip whose present nodes are not one path (several labels) is left as it is."""
        above, deepest = self.taxonomy.ancestor_matrix, int(np.flatnonzero(present)[-1])
        if not above[deepest, present].all():
            return
        absent |= ~(above[deepest] | above[:, deepest])
        for index in range(self.taxonomy.num_nodes - 1, 0, -1):
            children = self.taxonomy.children(index)
            if children and not present[index] and absent[list(children)].all():
                absent[index] = True
        remainder = self.taxonomy.none_index if deepest == 0 else self.taxonomy.residual_of(deepest)
        if remainder is not None and all(
            absent[child] for child in self.taxonomy.children(deepest) if child != remainder
        ):
            present[remainder], absent[remainder] = True, False

    def _meaning(self, concept: str, target: LabelTarget) -> _Meaning:
        if target not in self._meanings:
            ontology = self.ontology
            possible = {concept} | ontology.ancestors(concept)
            for held in target.may_hold:
                possible |= {held} | ontology.ancestors(held) | ontology.descendants(held)
            self._meanings[target] = _Meaning(
                certain=self._nodes(ontology.certain(concept, target.via)),
                possible=self._nodes(possible),
                related=self._nodes(ontology.descendants(concept) | ontology.siblings(concept)),
            )
        return self._meanings[target]

    @cached_property
    def _exhaustive(self) -> Nodes:
        return self._nodes(self.label_map.exhaustive)

    @cached_property
    def _covered(self) -> Nodes:
        """The nodes that the data set has a label for, at them or below them in the ontology."""
        concepts = self.label_map.concept_ids
        return self._nodes(frozenset(concepts).union(*map(self.ontology.ancestors, concepts)))

    def _nodes(self, concept_ids: Iterable[str]) -> Nodes:
        """Return (node,) bool: which nodes of the tree stand for these concepts."""
        nodes = np.zeros(self.taxonomy.num_nodes, dtype=np.bool_)
        indices = [self.taxonomy.node_for_concept(concept_id) for concept_id in concept_ids]
        nodes[[index for index in indices if index is not None]] = True
        return nodes

    def _any(self, rows: list[Nodes]) -> Nodes:
        return np.logical_or.reduce(rows) if rows else np.zeros(self.taxonomy.num_nodes, dtype=np.bool_)
