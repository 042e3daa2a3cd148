"""A taxonomy as data: its nodes and what can be asked of them.

Nodes are numbered breadth-first: a parent comes before its children, and the children of one node lie side by side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from aed.errors import OntologyError
from aed.ontology.suggestion import suggestion

Task = Literal["single", "multi"]
Kind = Literal["root", "concept", "residual", "none"]

NONE_ID = "aed:none"
NONE_NAME = "None of these"
RESIDUAL_SUFFIX = "#other"
FORMAT_VERSION = 1

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


@dataclass(frozen=True)
class Node:
    """One node of a taxonomy.

    Attributes:
        id: Id of its concept; "<concept>#other" for a residual leaf, "aed:none" for *None of these*.
        name: What people read.
        parent: Index of its parent, -1 for the root.
        depth: Steps below the root.
        kind: What it stands for.
    """

    id: str
    name: str
    parent: int
    depth: int
    kind: Kind


@dataclass(frozen=True)
class Taxonomy:
    """A tree of sound concepts; `nodes[0]` is the root.

    Attributes:
        nodes: All nodes, breadth-first.
        task: "single": the leaves exclude each other and cover everything; "multi": any set of nodes can sound at once.

    Raises:
        OntologyError: The nodes do not form such a tree.
    """

    nodes: tuple[Node, ...]
    task: Task

    def __post_init__(self) -> None:
        if not self.nodes or self.nodes[0].parent != -1 or self.nodes[0].depth != 0 or self.nodes[0].kind != "root":
            raise OntologyError("a taxonomy begins with its root: kind 'root', parent -1, depth 0")
        if len(self._index_by_id) != len(self.nodes):
            ids = [node.id for node in self.nodes]
            raise OntologyError(
                f"a taxonomy has each node once, got twice: {sorted({i for i in ids if ids.count(i) > 1})}"
            )
        for index, node in enumerate(self.nodes[1:], start=1):
            if not 0 <= node.parent < index or node.parent < self.nodes[index - 1].parent:
                raise OntologyError(f"node {index} '{node.id}' is out of order: a taxonomy is numbered breadth-first")
            if node.kind == "root" or node.depth != self.nodes[node.parent].depth + 1:
                raise OntologyError(
                    f"node {index} '{node.id}' has kind '{node.kind}' and depth {node.depth}, which cannot be"
                )

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def num_nodes(self) -> int:
        """How many nodes, the root included."""
        return len(self.nodes)

    @cached_property
    def _index_by_id(self) -> dict[str, int]:
        return {node.id: index for index, node in enumerate(self.nodes)}

    @cached_property
    def parents(self) -> npt.NDArray[np.int64]:
        """Index of each node's parent (node,); -1 for the root."""
        return _read_only(np.array([node.parent for node in self.nodes], dtype=np.int64))

    @cached_property
    def depths(self) -> npt.NDArray[np.int64]:
        """Steps below the root (node,)."""
        return _read_only(np.array([node.depth for node in self.nodes], dtype=np.int64))

    @property
    def max_depth(self) -> int:
        """Depth of the deepest node."""
        return int(self.depths.max())

    @cached_property
    def _children(self) -> tuple[tuple[int, ...], ...]:
        below: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes[1:], start=1):
            below[node.parent].append(index)
        return tuple(tuple(indices) for indices in below)

    def children(self, index: int) -> tuple[int, ...]:
        """Return the nodes directly below."""
        return self._children[index]

    def is_leaf(self, index: int) -> bool:
        """Return whether nothing stands below."""
        return not self._children[index]

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """All leaves, in order; the root alone is none."""
        return tuple(index for index in range(1, self.num_nodes) if self.is_leaf(index))

    @cached_property
    def ancestor_matrix(self) -> npt.NDArray[np.bool_]:
        """Truth (node, node): [i, j] says that j is i or stands above i."""
        matrix = np.eye(self.num_nodes, dtype=np.bool_)
        for index, node in enumerate(self.nodes[1:], start=1):
            matrix[index] |= matrix[node.parent]
        return _read_only(matrix)

    @cached_property
    def heights(self) -> npt.NDArray[np.int64]:
        """Steps on the longest way down to a leaf (node,)."""
        heights = np.zeros(self.num_nodes, dtype=np.int64)
        for index in range(self.num_nodes - 1, 0, -1):
            parent = self.nodes[index].parent
            heights[parent] = max(heights[parent], heights[index] + 1)
        return _read_only(heights)

    def height(self, index: int) -> int:
        """Return the steps on the longest way down to a leaf."""
        return int(self.heights[index])

    def path(self, index: int) -> tuple[int, ...]:
        """Return the nodes from depth 1 down to this one; () for the root."""
        nodes: list[int] = []
        while index > 0:
            nodes.append(index)
            index = self.nodes[index].parent
        return tuple(reversed(nodes))

    def depth_first(self, index: int = 0) -> tuple[int, ...]:
        """Return this node and all below it, each branch in one piece."""
        return (index, *(node for child in self.children(index) for node in self.depth_first(child)))

    def path_names(self, index: int) -> tuple[str, ...]:
        """Return the names from depth 1 down to this node; () for the root."""
        return tuple(self.nodes[node].name for node in self.path(index))

    def at_depth(self, index: int, depth: int) -> int:
        """Return the node at or above `index` that lies at this depth; the node itself where it is no deeper."""
        while self.nodes[index].depth > depth:
            index = self.nodes[index].parent
        return index

    def index(self, node_id: str) -> int:
        """Return the index of the node with this id.

        Raises:
            OntologyError: The taxonomy has no such node.
        """
        if node_id not in self._index_by_id:
            raise OntologyError(
                f"the taxonomy has no node with the id '{node_id}'{suggestion(node_id, self._index_by_id)}"
            )
        return self._index_by_id[node_id]

    def find(self, name_or_id: str) -> int:
        """Return the index of the node with this id or name (upper and lower case are the same).

        Raises:
            OntologyError: The taxonomy has none; the message names the closest ones.
        """
        if name_or_id in self._index_by_id:
            return self._index_by_id[name_or_id]
        names = [node.name.casefold() for node in self.nodes]
        if name_or_id.casefold() in names:
            return names.index(name_or_id.casefold())
        close = suggestion(name_or_id, (node.name for node in self.nodes))
        raise OntologyError(f"the taxonomy has no node called '{name_or_id}'{close}")

    @property
    def none_index(self) -> int | None:
        """Index of *None of these*; None where the tree has it not."""
        return self._index_by_id.get(NONE_ID)

    @property
    def answer_nodes(self) -> tuple[int, ...]:
        """Every node that can be an answer: all but the root."""
        return tuple(range(1, self.num_nodes))

    def node_for_concept(self, concept_id: str) -> int | None:
        """Return the node that stands for the concept; None where the tree has it not."""
        return self._index_by_id.get(concept_id)

    def residual_of(self, index: int) -> int | None:
        """Return the residual leaf below a node; None where it has none."""
        return self._index_by_id.get(self.nodes[index].id + RESIDUAL_SUFFIX)

    def target_node(self, concept_id: str) -> int:
        """Return the node that a label of exactly this concept means: its residual leaf, else its own node.

        Raises:
            OntologyError: The taxonomy does not hold the concept.
        """
        node = self.index(concept_id)
        residual = self.residual_of(node)
        return node if residual is None else residual

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as what JSON can hold, with the version of this form."""
        nodes = [{"id": node.id, "name": node.name, "parent": node.parent, "kind": node.kind} for node in self.nodes]
        return {"version": FORMAT_VERSION, "task": self.task, "nodes": nodes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Taxonomy:
        """Return the tree that `to_dict` wrote.

        Raises:
            OntologyError: The form is unknown, a key is missing, or it is no tree.
        """
        if data.get("version") != FORMAT_VERSION:
            raise OntologyError(
                f"taxonomy in form version {data.get('version')!r}, expected {FORMAT_VERSION}: update aed"
            )
        try:
            nodes: list[Node] = []
            for row in data["nodes"]:
                parent = int(row["parent"])
                depth = nodes[parent].depth + 1 if nodes else 0
                nodes.append(Node(str(row["id"]), str(row["name"]), parent, depth, row["kind"]))
            return cls(tuple(nodes), data["task"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise OntologyError(f"damaged taxonomy ({type(error).__name__}: {error}): save the model again") from error

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that differ between different trees."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _read_only(array: _Array) -> _Array:
    array.setflags(write=False)
    return array
