"""How far a wrong answer lies from the truth in the tree.

Mistake severity is the height of the lowest common ancestor of answer and truth: the longest way from it down to a
leaf, so 0 for a right leaf and the height of the tree for a sound from another branch of the root (Bertinetto et al.,
*Making Better Mistakes*, CVPR 2020). Hierarchical precision and recall compare the sets of nodes on both paths
(Kiritchenko, Matwin & Famili 2005), with sums over clips and the root, which is always right, left out:

    hP = sum |path(answer) & path(truth)| / sum |path(answer)|
    hR = sum |path(answer) & path(truth)| / sum |path(truth)|
    hF = 2 hP hR / (hP + hR)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.ontology.taxonomy import Taxonomy

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MistakeSeverity:
    """Mean height of the lowest common ancestor of answer and truth, in edges of the tree.

    Attributes:
        of_mistakes: Over the wrong answers only; nan if all are right.
        of_all: Over all answers, a right one counting 0; nan without clips.
        mistakes: Number of wrong answers.
        clips: Number of answers.
    """

    of_mistakes: float
    of_all: float
    mistakes: int
    clips: int


@dataclass(frozen=True)
class HierarchicalScores:
    """Precision, recall and their harmonic mean over the nodes on the paths, 0 to 1; nan without clips."""

    precision: float
    recall: float
    f: float


def common_ancestors(taxonomy: Taxonomy) -> IntArray:
    """Return the lowest common ancestor of every two nodes, the root if they share no other, shape (node, node)."""
    ancestors = taxonomy.ancestor_matrix
    # nodes are numbered breadth first, so the deepest of all common ancestors has the highest number
    numbers = np.arange(taxonomy.num_nodes)
    return np.stack([np.where(ancestors & row, numbers, 0).max(axis=1) for row in ancestors])


def common_ancestor_heights(taxonomy: Taxonomy) -> IntArray:
    """Return the height of the lowest common ancestor of every two nodes.

    Returns:
        Edges from it down to its deepest leaf, symmetric, shape (node, node).
    """
    return np.asarray(taxonomy.heights[common_ancestors(taxonomy)])


def mistake_severity(answers: IntArray, target_nodes: IntArray, taxonomy: Taxonomy) -> MistakeSeverity:
    """Return how severe the wrong answers are.

    Args:
        answers: Answered nodes, each at the depth of its clip's label or above, shape (clip,).
        target_nodes: The nodes that the clips are labelled with, shape (clip,).
        taxonomy: The tree whose nodes these are.
    """
    wrong = answers != target_nodes
    # An inner node has a height of its own: a right answer is no mistake and counts 0.
    heights = np.where(wrong, common_ancestor_heights(taxonomy)[answers, target_nodes], 0)
    return MistakeSeverity(
        of_mistakes=float(heights[wrong].mean()) if wrong.any() else float("nan"),
        of_all=float(heights.mean()) if len(heights) else float("nan"),
        mistakes=int(wrong.sum()),
        clips=len(heights),
    )


def hierarchical_scores(answers: IntArray, target_nodes: IntArray, taxonomy: Taxonomy) -> HierarchicalScores:
    """Return precision, recall and F over the nodes on the paths of answers and truths.

    Args:
        answers: Answered nodes, shape (clip,).
        target_nodes: The nodes that the clips are labelled with, shape (clip,).
        taxonomy: The tree whose nodes these are.
    """
    if not len(answers):
        return HierarchicalScores(float("nan"), float("nan"), float("nan"))
    paths = taxonomy.ancestor_matrix.copy()
    paths[:, 0] = False
    answered, true = paths[answers], paths[target_nodes]
    shared, num_answered, num_true = int((answered & true).sum()), int(answered.sum()), int(true.sum())
    return HierarchicalScores(
        _ratio(shared, num_answered), _ratio(shared, num_true), _ratio(2 * shared, num_answered + num_true)
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
