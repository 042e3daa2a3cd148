"""Accuracy of clips that carry one label: at the leaf, at every depth of the tree, and how often "none of these" wins.

Everything reads log P(node), shape (clip, node), and the node that each clip is labelled with, shape (clip,). The
label may be an inner node ("alarm" in one data set, "siren" in another): such a clip counts at the depths down to its
label and not below. Clips labelled "none of these" are no class: `is_class_clip` tells them apart, and only
`answers_none` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.ontology.taxonomy import Taxonomy

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DepthAccuracy:
    """Accuracy where the tree is cut at one depth.

    Attributes:
        depth: Distance of the cut from the root; 1 is the coarsest.
        nodes: How many nodes the answer was chosen from.
        clips: How many clips are labelled at this depth or deeper.
        accuracy: Share of those clips that were answered right, 0 to 1; nan without clips.
    """

    depth: int
    nodes: int
    clips: int
    accuracy: float


def class_leaves(taxonomy: Taxonomy) -> IntArray:
    """Return the leaves that are an answer about a sound: all but "none of these". Shape (leaf,)."""
    return np.array([leaf for leaf in taxonomy.leaves if leaf != taxonomy.none_index], dtype=np.int64)


def is_class_clip(target_nodes: IntArray, taxonomy: Taxonomy) -> BoolArray:
    """Tell which clips are labelled with a class rather than "none of these". Shape (clip,)."""
    if taxonomy.none_index is None:
        return np.ones(len(target_nodes), dtype=np.bool_)
    return np.asarray(target_nodes != taxonomy.none_index)


def leaf_answers(log_p: FloatArray, taxonomy: Taxonomy) -> IntArray:
    """Return the most likely leaf of each clip, "none of these" left out.

    Args:
        log_p: Log P(node), shape (clip, node).
        taxonomy: The tree whose nodes these are.

    Returns:
        Node indices, shape (clip,). Of equally likely leaves, the first.
    """
    return _most_likely(log_p, class_leaves(taxonomy))


def answers_none(log_p: FloatArray, taxonomy: Taxonomy) -> BoolArray:
    """Tell which clips have "none of these" as their most likely leaf of all. Shape (clip,)."""
    if taxonomy.none_index is None:
        return np.zeros(len(log_p), dtype=np.bool_)
    best_class = log_p[:, class_leaves(taxonomy)].max(axis=1)
    return np.asarray(log_p[:, taxonomy.none_index] > best_class)


def leaf_accuracy(log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy) -> float:
    """Return the share of right leaves, 0 to 1, over the clips labelled with a class leaf; nan without such a clip."""
    labelled_at_leaf = np.isin(target_nodes, class_leaves(taxonomy))
    return _share(leaf_answers(log_p, taxonomy) == target_nodes, labelled_at_leaf)


def depth_cut(taxonomy: Taxonomy, depth: int) -> IntArray:
    """Return the nodes that one has to choose among where the tree is cut at a depth.

    These are the nodes at that depth and the shallower leaves, which stand for themselves; "none of these" is left out.
    At the greatest depth they are `class_leaves`. Shape (candidate,).
    """
    depths = taxonomy.depths
    shallower_leaf = np.isin(np.arange(taxonomy.num_nodes), class_leaves(taxonomy)) & (depths < depth)
    at_depth = depths == depth
    if taxonomy.none_index is not None:
        at_depth[taxonomy.none_index] = False
    return np.flatnonzero(at_depth | shallower_leaf)


def accuracy_by_depth(log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy) -> tuple[DepthAccuracy, ...]:
    """Return the accuracy of the most likely node at every depth, coarsest first.

    The truth at a depth is the label's ancestor there, or the label itself where it is a shallower leaf.

    Args:
        log_p: Log P(node), shape (clip, node).
        target_nodes: The node that each clip is labelled with, shape (clip,).
        taxonomy: The tree whose nodes these are.
    """
    found = []
    for depth in range(1, taxonomy.max_depth + 1):
        cut = depth_cut(taxonomy, depth)
        truth = ancestors_at(target_nodes, np.full(len(target_nodes), depth), taxonomy)
        has_truth = np.isin(truth, cut)
        right = _most_likely(log_p, cut) == truth
        found.append(DepthAccuracy(depth, len(cut), int(has_truth.sum()), _share(right, has_truth)))
    return tuple(found)


def ancestors_at(nodes: IntArray, depths: IntArray, taxonomy: Taxonomy) -> IntArray:
    """Climb from each node to its ancestor at a depth; a shallower node stands for itself. All of shape (clip,)."""
    climbed = np.array(nodes, dtype=np.int64)
    while (too_deep := taxonomy.depths[climbed] > depths).any():
        climbed[too_deep] = taxonomy.parents[climbed[too_deep]]
    return climbed


def answers_at_label_depth(answers: IntArray, target_nodes: IntArray, taxonomy: Taxonomy) -> IntArray:
    """Climb from each answer to the depth of its clip's label: "siren" is right for a clip that says only "alarm"."""
    return ancestors_at(answers, taxonomy.depths[target_nodes], taxonomy)


def _most_likely(log_p: FloatArray, candidates: IntArray) -> IntArray:
    return np.asarray(candidates[log_p[:, candidates].argmax(axis=1)])


def _share(right: npt.ArrayLike, counted: BoolArray) -> float:
    return float(np.asarray(right)[counted].mean()) if counted.any() else float("nan")
