"""The baseline that every table carries: flat labels, and a supercategory's probability from the leaves below it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import NodeScores, TreeHead, log_complement
from aed.tree.leaf_sums import LeafSums


class FlatSoftmaxHead(TreeHead):
    """Single label: a softmax over the leaves, `P(node) = sum of P(leaf) over the leaves below`.

    Args:
        dim: Size of an embedding.
        taxonomy: The tree; it shapes only the sums.
    """

    def __init__(self, dim: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.leaf_sums = LeafSums(taxonomy)
        self.decision = nn.Linear(dim, len(taxonomy.leaves))

    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes; see `TreeHead.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            scores: NodeScores = self.leaf_sums(self.decision(embedding.float()))
            return scores


class FlatSigmoidHead(TreeHead):
    """Multi label: an independent sigmoid per node, a node being present where any unit at or below it is (noisy-or).

    Every node but the root has a unit of its own, since a multi-label answer may be an inner node (Glass, but not
    Shatter): `log(1 - P(node)) = sum of log(1 - sigmoid) over the node and all below`.

    Args:
        dim: Size of an embedding.
        taxonomy: The tree; it shapes only the sums.
    """

    below: Tensor

    def __init__(self, dim: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.decision = nn.Linear(dim, taxonomy.num_nodes - 1)
        below = torch.from_numpy(taxonomy.ancestor_matrix.T[:, 1:].astype("float32"))
        self.register_buffer("below", below, persistent=False)

    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes; see `TreeHead.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            log_not_unit = nn.functional.logsigmoid(-self.decision(embedding.float()))
            log_not_p = log_not_unit @ self.below.T
            is_root = torch.arange(self.below.shape[0], device=log_not_p.device) == 0
            log_p = log_complement(log_not_p).masked_fill(is_root, 0.0)
            return NodeScores(log_p, log_complement(log_p).where(is_root, log_not_p))
