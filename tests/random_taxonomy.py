"""Random trees for property tests."""

from __future__ import annotations

import numpy as np

from aed.ontology.taxonomy import NONE_ID, Node, Taxonomy


def random_taxonomy(generator: np.random.Generator, task: str, max_children: int = 3, max_depth: int = 3) -> Taxonomy:
    """Any shape; a single-label tree also has "None of these" below its root."""
    nodes = [Node("root", "Root", -1, 0, "root")]
    for index, node in enumerate(nodes):  # grows while it is walked: breadth-first
        least = 2 if index == 0 else 0
        count = (
            0 if node.depth == max_depth or node.kind == "none" else int(generator.integers(least, max_children + 1))
        )
        for _ in range(count):
            nodes.append(Node(f"n{len(nodes)}", f"N{len(nodes)}", index, node.depth + 1, "concept"))
        if index == 0 and task == "single":
            nodes.append(Node(NONE_ID, "None of these", 0, 1, "none"))
    return Taxonomy(tuple(nodes), task)
