"""The ontology: a directed acyclic graph of sound concepts, AudioSet's 632 and the ones that we add.

Three tables in the ontology folder make it. `concepts.csv` holds AudioSet's facts. `added.csv` holds concepts of ours;
an added concept slides in between its parents and its children, so that *Smoke detector* hangs under *Safety alarm* and
no longer directly under *Alarm*. `primary_parents.csv` names, for every concept with several parents, the one that a
tree uses.

Several parents mean *or*: a *Hiss* stands under *Cat*, *Snake* and *Steam*, and is one of these, not all three.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import networkx as nx

from aed.errors import OntologyError
from aed.ontology.suggestion import close_names, suggestion
from aed.resources import ontology_folder

ROOT_ID = "aed:sound"


@dataclass(frozen=True)
class Concept:
    """One sound concept.

    Attributes:
        id: AudioSet's id ("/m/0bt9lr"), or one of ours ("aed:…"), or a user's own ("user:…").
        name: What people read.
        parents: Ids of the concepts above it; none for the root.
        abstract: AudioSet uses it to order others and never as a label.
        blacklisted: AudioSet found it too hard or too vague to label.
        added: It is not AudioSet's.
    """

    id: str
    name: str
    parents: tuple[str, ...]
    abstract: bool = False
    blacklisted: bool = False
    added: bool = False


@dataclass(frozen=True, eq=False)
class Ontology:
    """A checked graph of concepts with one root, `aed:sound`.

    Attributes:
        concepts: All concepts by id, in the order of the tables.
        primary: The chosen parent of each concept with several parents; where none is named the first parent is taken.

    Raises:
        OntologyError: A parent is unknown, a concept stands above itself, there is a second root, or a primary parent
            is none of its parents.
    """

    concepts: Mapping[str, Concept]
    primary: Mapping[str, str]

    def __post_init__(self) -> None:
        self._check_parents()
        if not nx.is_directed_acyclic_graph(self.graph):
            circle = " > ".join(edge[0] for edge in nx.find_cycle(self.graph))
            raise OntologyError(
                f"the ontology has a cycle: {circle} > …; a concept cannot stand above itself, remove one parent"
            )
        roots = [concept.id for concept in self.concepts.values() if not concept.parents]
        if roots != [ROOT_ID]:
            raise OntologyError(f"only '{ROOT_ID}' may have no parents, got {roots}: give every other concept a parent")
        for child, parent in self.primary.items():
            if parent not in self.concept(child).parents:
                expected = ", ".join(self.concept(child).parents)
                raise OntologyError(
                    f"primary parent '{parent}' of '{child}' is none of its parents: expected {expected}"
                )

    def _check_parents(self) -> None:
        for concept in self.concepts.values():
            for parent in concept.parents:
                if parent not in self.concepts:
                    raise OntologyError(f"concept '{concept.id}' ({concept.name}) has the unknown parent '{parent}'")

    @cached_property
    def graph(self) -> nx.DiGraph:
        """The concepts' ids as a graph, edges from parent to child, children in the order of the tables."""
        graph = nx.DiGraph()
        graph.add_nodes_from(self.concepts)
        graph.add_edges_from((parent, concept.id) for concept in self.concepts.values() for parent in concept.parents)
        return graph

    @cached_property
    def _ids_by_name(self) -> dict[str, str]:
        return {concept.name.casefold(): concept.id for concept in self.concepts.values()}

    def concept(self, concept_id: str) -> Concept:
        """Return the concept with this id.

        Raises:
            OntologyError: There is none.
        """
        if concept_id not in self.concepts:
            raise OntologyError(f"the ontology has no concept with the id '{concept_id}'")
        return self.concepts[concept_id]

    def resolve(self, name_or_id: str) -> Concept:
        """Return the concept with this id or this name (upper and lower case are the same).

        Raises:
            OntologyError: There is none; the message names the closest ones.
        """
        found = self.concepts.get(name_or_id) or self.concepts.get(self._ids_by_name.get(name_or_id.casefold(), ""))
        if found is None:
            raise OntologyError(f"no sound concept is called '{name_or_id}'{suggestion(name_or_id, self._names)}")
        return found

    @property
    def _names(self) -> list[str]:
        return [concept.name for concept in self.concepts.values()]

    def search(self, text: str) -> tuple[Concept, ...]:
        """Return the concepts whose name holds the text, else those with the closest names; shortest names first."""
        folded = text.casefold()
        hits = [
            concept for concept in self.concepts.values() if folded in concept.name.casefold() or text == concept.id
        ]
        if not hits:
            hits = [self.resolve(name) for name in close_names(text, self._names)]
        return tuple(sorted(hits, key=lambda concept: len(concept.name)))

    def primary_parent(self, concept_id: str) -> str | None:
        """Return the parent that a tree uses; None for the root."""
        parents = self.concept(concept_id).parents
        return self.primary.get(concept_id, parents[0]) if parents else None

    def path(self, concept_id: str) -> tuple[str, ...]:
        """Return the ids from the first level below the root to the concept, along primary parents; () for the root."""
        ids: list[str] = []
        current: str | None = concept_id
        while current is not None and current != ROOT_ID:
            ids.append(current)
            current = self.primary_parent(current)
        return tuple(reversed(ids))

    def children(self, concept_id: str) -> tuple[str, ...]:
        """Return the ids directly below, over all parents."""
        return tuple(self.graph.successors(self.concept(concept_id).id))

    def ancestors(self, concept_id: str) -> frozenset[str]:
        """Return every id above, over all parents, without the concept itself."""
        return frozenset(nx.ancestors(self.graph, self.concept(concept_id).id))

    def descendants(self, concept_id: str) -> frozenset[str]:
        """Return every id below, over all parents, without the concept itself."""
        return frozenset(nx.descendants(self.graph, self.concept(concept_id).id))

    def siblings(self, concept_id: str) -> frozenset[str]:
        """Return every id that shares a parent. Top concepts share only the root, which relates nothing."""
        shared = {
            child for parent in self.concept(concept_id).parents if parent != ROOT_ID for child in self.children(parent)
        }
        return frozenset(shared - {concept_id})

    def certain(self, concept_id: str, via: Iterable[str] = ()) -> frozenset[str]:
        """Return the concept and all that is certainly present with it.

        A single parent is certain. Of several parents one is present, nobody says which: only what stands above all of
        them is certain. A concept in `via` says which: then only the parents at or below it count.

        Args:
            concept_id: The concept that is present.
            via: Ids above it through which the way up is known to lead.
        """
        parents = self.concept(concept_id).parents
        known = frozenset(via)
        named = [parent for parent in parents if ({parent} | self.ancestors(parent)) & known]
        ways = [self.certain(parent, known) for parent in (named or parents)]
        above = frozenset.intersection(*ways) if ways else frozenset()
        return above | {concept_id}

    def with_concepts(self, concepts: Iterable[Concept]) -> Ontology:
        """Return an ontology in which these concepts are added, or replace the ones with the same id.

        Raises:
            OntologyError: The result is not a graph with one root and without cycles.
        """
        new = {concept.id: concept for concept in concepts}
        merged = {**self.concepts, **new}
        primary = {child: parent for child, parent in self.primary.items() if parent in merged[child].parents}
        return Ontology(merged, primary)


@cache
def load_ontology(folder: Path | None = None) -> Ontology:
    """Read and check the ontology.

    Args:
        folder: Folder with the three tables; the shipped one by default.

    Raises:
        OntologyError: A table is missing or wrong; the message names it.
    """
    folder = folder or ontology_folder()
    concepts = _read_concepts(folder / "concepts.csv")
    _slide_in(concepts, folder / "added.csv")
    rows = _read_rows(folder / "primary_parents.csv", ("id", "parent", "reason"))
    return Ontology(concepts, {row["id"]: row["parent"] for row in rows})


def _read_concepts(path: Path) -> dict[str, Concept]:
    concepts: dict[str, Concept] = {}
    for row in _read_rows(path, ("id", "name", "parents", "abstract", "blacklist")):
        _refuse_duplicate(row["id"], concepts, path)
        concepts[row["id"]] = Concept(
            row["id"],
            row["name"],
            _split(row["parents"]),
            abstract=row["abstract"] == "1",
            blacklisted=row["blacklist"] == "1",
        )
    return concepts


def _slide_in(concepts: dict[str, Concept], path: Path) -> None:
    """Add the concepts of `added.csv`, each between its parents and its children."""
    for row in _read_rows(path, ("id", "name", "parents", "children", "reason")):
        _refuse_duplicate(row["id"], concepts, path)
        added = Concept(row["id"], row["name"], _split(row["parents"]), added=True)
        concepts[added.id] = added
        for child_id in _split(row["children"]):
            if child_id not in concepts:
                raise OntologyError(f"{path}: '{added.id}' names the unknown child '{child_id}'")
            kept = tuple(parent for parent in concepts[child_id].parents if parent not in added.parents)
            concepts[child_id] = replace(concepts[child_id], parents=(*kept, added.id))


def _refuse_duplicate(concept_id: str, concepts: Mapping[str, Concept], path: Path) -> None:
    if concept_id in concepts:
        raise OntologyError(f"{path}: the id '{concept_id}' occurs twice; keep one row")


def _split(joined: str) -> tuple[str, ...]:
    return tuple(part for part in joined.split(";") if part)


def _read_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a table; an `OntologyError` where the file or a column is missing."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise OntologyError(f"{path}: the columns {sorted(missing)} are missing, expected {', '.join(columns)}")
            return list(reader)
    except FileNotFoundError:
        raise OntologyError(
            f"{path} is missing: the ontology folder holds concepts.csv, added.csv, primary_parents.csv"
        ) from None
