"""The prototype tree: every node has a direction, and a leaf's prototype is the sum of those on its path.

A cosine classifier (Gidaris & Komodakis, CVPR 2018) over path sums: the logit of a leaf is the cosine between the
embedding and the leaf's prototype, times a learned scale. Lengths have no say, so that a few labelled clips cannot make
a leaf loud, and leaves under one node lie near each other by construction.

    logit(leaf) = scale * cos(embedding, sum of direction(n) over the nodes n on the leaf's path)                    (1)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import NodeScores, TreeHead
from aed.tree.leaf_sums import LeafSums
from aed.tree.structure import TreeStructure

_SHORTEST = 1e-12
"""Length of a vector of zeros: no division by none."""
_FIRST_SCALE = 10.0
"""Of the cosines: a softmax over ten leaves can then put 0.999 on one."""


class PrototypeSoftmaxHead(TreeHead):
    """Single label: a softmax over cosines with path-sum prototypes (1), then sums over the leaves below.

    Args:
        dim: Size of an embedding.
        taxonomy: The tree.
    """

    def __init__(self, dim: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.structure, self.leaf_sums = TreeStructure(taxonomy), LeafSums(taxonomy)
        self.direction = nn.Parameter(torch.randn(taxonomy.num_nodes, dim) / math.sqrt(dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))
        self._leaves = list(taxonomy.leaves)

    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes; see `TreeHead.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            prototypes = _unit_length((self.structure.paths @ self.direction)[self._leaves])
            cosines = _unit_length(embedding.float()) @ prototypes.T
            scores: NodeScores = self.leaf_sums(self.log_scale.exp() * cosines)
            return scores


def _unit_length(vectors: Tensor) -> Tensor:
    """Scale to a length of one, (..., dim); torch's normalize() writes the length's shape into an exported graph."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths.clamp_min(_SHORTEST)
