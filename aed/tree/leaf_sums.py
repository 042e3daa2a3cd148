"""A distribution over the leaves, summed up the tree: what flat and path-sum heads share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import NodeScores, log_complement


class LeafSums(nn.Module):
    """`P(node) = sum of P(leaf) over the leaves at or below it`; no parameters, not stored with the weights.

    A miniature: the taxonomy  root -> (animal -> (dog, cat), rain)  has, breadth-first, the nodes root, animal, rain,
    dog, cat and the leaves rain, dog, cat, and

        below (node, leaf)   rain dog cat
            root               1   1   1
            animal             0   1   1
            rain               1   0   0
            dog                0   1   0
            cat                0   0   1

    Args:
        taxonomy: The tree.
    """

    below: Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        below = torch.from_numpy(taxonomy.ancestor_matrix.T[:, list(taxonomy.leaves)].copy())
        self.register_buffer("below", below, persistent=False)

    def forward(self, leaf_logits: Tensor) -> NodeScores:
        """Softmax over the leaves, then sums: (..., leaf) float32 -> scores of (..., node)."""
        log_leaf = leaf_logits.log_softmax(-1)
        log_p = torch.logsumexp(log_leaf[..., None, :].masked_fill(~self.below, float("-inf")), dim=-1)
        return NodeScores(log_p, log_complement(log_p))
