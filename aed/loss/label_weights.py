"""What a label teaches, beyond -log P of its node: decisions weighted by depth, and some belief in near leaves.

Both are linear in log P, so both are one matrix of weights, and the loss of a label t is

    loss(t) = - sum over nodes n of W[t, n] * log P(n),   W = soft labels @ depth weights                           (1)

*Depth weights* (hierarchical cross-entropy: Bertinetto et al., *Making better mistakes*, CVPR 2020) count each decision
on the path by itself: sum over the path of exp(-decay * (depth - 1)) * -log P(step | parent), and -log P(step | parent)
= log P(parent) - log P(step). Decay 0 is -log P of the label's node; above 0 the first decisions count most. (The paper
weighs by height; trees of ours are not equally high everywhere.)

*Soft labels* (same paper) share a leaf's label out over all leaves, by exp(-sharpness * d), where d is the height of
the lowest common ancestor over that of the tree: a slip within a supercategory costs less than one out of it.

A miniature: root -> (animal -> (dog, cat), rain), decay log 2, the label dog: animal counts 1, dog given animal 1/2:

    W[dog]   root 0   animal 1 - 1/2   rain 0   dog 1/2   cat 0
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from aed.ontology.taxonomy import Taxonomy
from aed.settings import Settings

Float64Array = npt.NDArray[np.float64]


class LabelLossConfig(Settings):
    """How labels of a single-label tree teach.

    Attributes:
        depth_decay: How fast decisions lose weight with depth; 0 weighs all alike.
        soft_sharpness: How fast belief in other leaves falls with their distance; none is believed in without it.
    """

    depth_decay: float = Field(0.0, ge=0)
    soft_sharpness: float | None = Field(None, gt=0)


def label_weights(taxonomy: Taxonomy, config: LabelLossConfig) -> Tensor:
    """Weights (1) of log P(node), for a label on each node: (node, node) float32, row = label."""
    weights = depth_weights(taxonomy, config.depth_decay)
    if config.soft_sharpness is not None:
        weights = soft_labels(taxonomy, config.soft_sharpness) @ weights
    return torch.from_numpy(weights.astype(np.float32))


def depth_weights(taxonomy: Taxonomy, decay: float) -> Float64Array:
    """Weights of log P(node) that count each decision on a label's path by itself, (node, node)."""
    weights = np.zeros((taxonomy.num_nodes, taxonomy.num_nodes))
    for label in range(1, taxonomy.num_nodes):
        for step in taxonomy.path(label):
            weight, parent = np.exp(-decay * (taxonomy.depths[step] - 1)), int(taxonomy.parents[step])
            weights[label, step] += weight
            if parent:  # log P(root) is 0
                weights[label, parent] -= weight
    return weights


def soft_labels(taxonomy: Taxonomy, sharpness: float) -> Float64Array:
    """Share of each label that falls to each node, (node, node): leaves share theirs out, inner nodes keep it."""
    shares = np.eye(taxonomy.num_nodes)
    leaves = [leaf for leaf in taxonomy.leaves if leaf != taxonomy.none_index]
    above = taxonomy.ancestor_matrix[leaves]
    common = above[:, None, :] & above[None, :, :]
    lowest = np.where(common, taxonomy.depths, -1).argmax(axis=-1)
    weights = np.exp(-sharpness * taxonomy.heights[lowest] / max(taxonomy.height(0), 1))
    shares[np.ix_(leaves, leaves)] = weights / weights.sum(axis=1, keepdims=True)
    return shares
