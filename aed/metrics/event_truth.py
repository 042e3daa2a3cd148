"""What is so in a recording, node by node: where each node of a tree sounds, and where nobody can say.

A labelled event says more than its own label, and less than everything:

1. The node that it names sounds, and with it every node above: a smoke alarm is an alarm.
2. Of what stands below its label in the ontology, or is another parent of it, nothing is known (an event labelled
   *Alarm* may be a siren; a *Hiss* may be a cat's): there a detection is neither right nor a false alarm.
3. All other nodes are silent.
4. Where the tree has no node for a label, the nearest one above it, along the primary parents, sounds in its place;
   where there is none, nothing of the tree sounds.

A sound of the background (such as rain) that a label names is no event to find, and no false alarm where it is found:
on it everything that rules 1 and 2 speak of is unknown. So it is of what a background is not known to be free of.

Events of one node that overlap or touch, also by way of nodes below it, are one event of it: a dog and a cat that sound
together are one *Animal*. The same holds for what is detected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.errors import DataError, OntologyError
from aed.metrics.spans import Spans, subtract, union_of
from aed.ontology.graph import Ontology
from aed.ontology.label_map import LabelMap
from aed.ontology.taxonomy import Taxonomy, extend_ontology

Nodes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelledEvent:
    """An event as a table of truth tells it.

    Attributes:
        onset_seconds: Where it begins.
        offset_seconds: Where it ends.
        label: What it is.
    """

    onset_seconds: float
    offset_seconds: float
    label: str


@dataclass(frozen=True, eq=False)
class EventScene:
    """What is so and what was found in one recording, node by node.

    Attributes:
        name: Names the recording.
        duration_seconds: Its length.
        truth: Where each node sounds, (node,) spans.
        unknown: Where nobody can say, (node,) spans; apart from `truth`.
        detections: Where each node was detected, (node,) spans.
        probabilities: Smoothed P(node), (row, node) float32.
        row_seconds: Length of a row.
    """

    name: str
    duration_seconds: float
    truth: tuple[Spans, ...]
    unknown: tuple[Spans, ...]
    detections: tuple[Spans, ...]
    probabilities: npt.NDArray[np.float32]
    row_seconds: float


@dataclass(frozen=True, eq=False)
class LabelMeaning:
    """What a label says about the nodes of a tree.

    Attributes:
        node: The deepest node that sounds; None where the tree has none for it.
        present: The nodes that sound, (node,) bool.
        unknown: The nodes about which it says nothing, (node,) bool.
    """

    node: int | None
    present: Nodes
    unknown: Nodes


class LabelReader:
    """Reads the labels of events for one tree.

    Args:
        taxonomy: The tree.
        ontology: Where the concepts stand that the tree has not.
        label_map: What the labels mean; names or ids of nodes and concepts by default.
    """

    def __init__(self, taxonomy: Taxonomy, ontology: Ontology, label_map: LabelMap | None = None) -> None:
        self.taxonomy = taxonomy
        self._ontology = extend_ontology(ontology, taxonomy)
        self._label_map = label_map
        self._memory: dict[str, LabelMeaning] = {}

    def meaning(self, label: str) -> LabelMeaning:
        """Return what a label says.

        Raises:
            DataError: Nobody knows the label.
        """
        if label not in self._memory:
            concept = self._concept(label)
            self._memory[label] = self._meaning(None, set()) if concept is None else self._of_concept(concept)
        return self._memory[label]

    def _concept(self, label: str) -> str | None:
        """Id of the concept that a label means; None where the label map says that it is none."""
        try:
            if self._label_map is not None:
                return self._label_map.concept_of(label)
            try:
                return self.taxonomy.nodes[self.taxonomy.find(label)].id
            except OntologyError:
                return self._ontology.resolve(label).id
        except OntologyError as error:
            raise DataError(
                f"event label '{label}': {error} Name a label map (--label-map) that says what the labels mean"
            ) from error

    def _of_concept(self, concept: str) -> LabelMeaning:
        taxonomy = self.taxonomy
        if concept not in self._ontology.concepts:  # "Engine, other" or "None of these": nothing stands below it
            node = taxonomy.index(concept)
            return self._meaning(None if node == taxonomy.none_index else node, set())
        path = (taxonomy.node_for_concept(each) for each in reversed(self._ontology.path(concept)))
        deepest = next((node for node in path if node is not None), None)
        below = self._nodes(self._ontology.descendants(concept))
        above = self._nodes(self._ontology.ancestors(concept))
        held = below if deepest is None else below | {deepest}
        residuals = {node for node in map(taxonomy.residual_of, held) if node is not None}
        return self._meaning(deepest, below | above | residuals)

    def _nodes(self, concepts: Iterable[str]) -> set[int]:
        return {node for node in map(self.taxonomy.node_for_concept, concepts) if node is not None}

    def _meaning(self, node: int | None, unknown: set[int]) -> LabelMeaning:
        present, open_ = np.zeros((2, self.taxonomy.num_nodes), dtype=np.bool_)
        if node is not None:
            present |= self.taxonomy.ancestor_matrix[node]
        open_[list(unknown)] = True
        present[0] = open_[0] = False
        return LabelMeaning(node, present, open_ & ~present)


def scene_truth(
    reader: LabelReader, events: Sequence[LabelledEvent], backgrounds: Sequence[LabelledEvent] = ()
) -> tuple[tuple[Spans, ...], tuple[Spans, ...]]:
    """Return where each node sounds and where nobody can say; see the rules at the top of this file.

    Args:
        reader: Reads the labels.
        events: What is to be found.
        backgrounds: What sounds in the background and is no event.

    Returns:
        truth and unknown, each (node,) spans.

    Raises:
        DataError: Nobody knows a label.
    """
    present: list[list[Spans]] = [[] for _ in reader.taxonomy.nodes]
    unknown: list[list[Spans]] = [[] for _ in reader.taxonomy.nodes]
    for rows, is_background in ((events, False), (backgrounds, True)):
        for row in rows:
            meaning, span = reader.meaning(row.label), np.array([[row.onset_seconds, row.offset_seconds]])
            for node in np.flatnonzero(meaning.present):
                (unknown if is_background else present)[node].append(span)
            for node in np.flatnonzero(meaning.unknown):
                unknown[node].append(span)
    truth = tuple(union_of(parts) for parts in present)
    open_ = tuple(subtract(union_of(parts), true) for parts, true in zip(unknown, truth, strict=True))
    return truth, open_


def scene_detections(taxonomy: Taxonomy, events: Iterable[tuple[float, float, int]]) -> tuple[Spans, ...]:
    """Return where each node was detected: an event of a node is one of every node above it too.

    Args:
        taxonomy: The tree.
        events: Onset and offset in seconds, and node, of each.
    """
    parts: list[list[Spans]] = [[] for _ in taxonomy.nodes]
    for onset, offset, node in events:
        for above in taxonomy.path(node):
            parts[above].append(np.array([[onset, offset]]))
    return tuple(union_of(each) for each in parts)
