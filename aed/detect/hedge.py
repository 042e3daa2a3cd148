"""How deep to answer: the deepest node that is still believed in, else its supercategory, else nothing.

A worked miniature, single label, believed in from 0.5 on:

    Sound
    |- Animal 0.9
    |  |- Dog 0.4       -> the answer is Animal: most likely something below Dog or Cat, but neither is sure enough
    |  `- Cat 0.3
    `- None of these 0.1

With several labels each branch answers for itself: every believed node without a believed child. The root says
nothing, and "None of these" is the model's way to say nothing: neither is ever an answer.
"""

from __future__ import annotations

import numpy as np

from aed.ontology.structure import Taxonomy


class Hedge:
    """Turns beliefs in nodes into answers, for one taxonomy.

    Args:
        taxonomy: The tree; its task decides between one walk down (single) and one answer per branch (multi).
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._reportable = reportable_nodes(taxonomy)
        self._is_parent = np.zeros((taxonomy.num_nodes, taxonomy.num_nodes), dtype=np.float32)  # (child, parent)
        self._is_parent[np.arange(1, taxonomy.num_nodes), taxonomy.parents[1:]] = 1

    def answers(self, probabilities: np.ndarray, believed: np.ndarray) -> np.ndarray:
        """Find the nodes to answer.

        Args:
            probabilities: P(node), `(row, node)`.
            believed: Whether a node is sure enough, `(row, node)` bool.

        Returns:
            `(row, node)` bool: single-label at most one node a row, multi-label one for every active branch.
        """
        if self._taxonomy.task == "multi":
            return self._deepest_believed(believed & self._reportable)
        return self._walk_down(probabilities, believed)

    def _deepest_believed(self, believed: np.ndarray) -> np.ndarray:
        has_believed_child = believed.astype(np.float32) @ self._is_parent > 0
        deepest: np.ndarray = believed & ~has_believed_child
        return deepest

    def _walk_down(self, probabilities: np.ndarray, believed: np.ndarray) -> np.ndarray:
        """Step to the most likely child while it is believed in; all rows that stand on a node step at once."""
        standing = np.zeros(len(probabilities), dtype=np.int64)
        for node in range(self._taxonomy.num_nodes):  # breadth-first: a row leaves a node before its children's turn
            children = np.asarray(self._taxonomy.children(node), dtype=np.int64)
            rows = np.flatnonzero(standing == node)
            if len(children) == 0 or len(rows) == 0:
                continue
            likeliest = children[probabilities[np.ix_(rows, children)].argmax(axis=1)]
            steps = believed[rows, likeliest]
            standing[rows[steps]] = likeliest[steps]
        answers: np.ndarray = np.zeros_like(believed)
        answers[np.arange(len(standing)), standing] = True
        answers &= self._reportable
        return answers


def reportable_nodes(taxonomy: Taxonomy) -> np.ndarray:
    """Nodes that may be an answer, `(node,)` bool: all but the root, "None of these" and what stands below it."""
    reportable: np.ndarray = np.ones(taxonomy.num_nodes, dtype=bool)
    reportable[0] = False
    if taxonomy.none_index is not None:
        reportable[taxonomy.ancestor_matrix[:, taxonomy.none_index]] = False
    return reportable
