"""Which leaf was taken for which, in the order of the tree: mistakes within a branch lie near the diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.metrics.clip import class_leaves
from aed.ontology.taxonomy import Taxonomy

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """Counts of answers per truth.

    Attributes:
        leaves: Node indices of rows and columns alike, in depth-first order, shape (leaf,).
        counts: Clips of the row's leaf that were answered with the column's leaf, shape (leaf, leaf).
    """

    leaves: IntArray
    counts: IntArray


def leaf_confusion(answers: IntArray, target_nodes: IntArray, taxonomy: Taxonomy) -> Confusion:
    """Count which class leaf was answered for which.

    Args:
        answers: Answered leaves, shape (clip,).
        target_nodes: The nodes that the clips are labelled with, shape (clip,). Clips that are labelled at an inner
            node or "none of these" are left out.
        taxonomy: The tree whose nodes these are.

    Returns:
        The counts over those leaves that are the truth or the answer of at least one clip.
    """
    counted = np.isin(target_nodes, class_leaves(taxonomy))
    answers, target_nodes = answers[counted], target_nodes[counted]
    in_use = set(answers.tolist()) | set(target_nodes.tolist())
    leaves = [node for node in taxonomy.depth_first() if node in in_use]
    place = np.zeros(taxonomy.num_nodes, dtype=np.int64)
    place[leaves] = np.arange(len(leaves))
    counts = np.zeros((len(leaves), len(leaves)), dtype=np.int64)
    np.add.at(counts, (place[target_nodes], place[answers]), 1)
    return Confusion(np.array(leaves, dtype=np.int64), counts)
