"""The path-sum tree: every node has a logit, and a leaf's is the sum of those on its path.

Valmadre, *Hierarchical classification at multiple operating points* (NeurIPS 2022, arXiv 2210.10929): ahead of both the
flat softmax and the conditional tree on seen and on unseen leaves of iNaturalist. What leaves under one node have in
common is learned once, in that node's logit, and reaches also a leaf with few labels; yet the softmax is over all
leaves, so that no single decision high up in the tree can cost a leaf its chance.

A miniature: in the taxonomy  root -> (animal -> (dog, cat), rain)  the leaves rain, dog and cat have the logits
`rain`, `animal + dog` and `animal + cat`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import NodeScores, TreeHead
from aed.tree.leaf_sums import LeafSums
from aed.tree.structure import TreeStructure


class PathSumSoftmaxHead(TreeHead):
    """Single label: a softmax over leaves whose logits are summed along their paths, then sums over the leaves below.

    Args:
        dim: Size of an embedding.
        taxonomy: The tree.
    """

    def __init__(self, dim: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.structure, self.leaf_sums = TreeStructure(taxonomy), LeafSums(taxonomy)
        self.decision = nn.Linear(dim, taxonomy.num_nodes)
        self._leaves = list(taxonomy.leaves)

    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes; see `TreeHead.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            logits = self.structure.sum_over_path(self.decision(embedding.float()))
            scores: NodeScores = self.leaf_sums(logits[..., self._leaves])
            return scores
