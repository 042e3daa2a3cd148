"""A taxonomy as the index tensors that tree heads need.

A miniature: the taxonomy  root -> (animal -> (dog, cat), rain)  has, breadth-first, the nodes
0 root, 1 animal, 2 rain, 3 dog, 4 cat, and

    paths (node, node): row = node,       sibling groups (group, member),
    column = node on its path, no root    -1 = no member
          root animal rain dog cat
    root    0     0     0    0   0         1  2     children of the root
    animal  0     1     0    0   0         3  4     children of animal
    rain    0     0     1    0   0
    dog     0     1     0    1   0
    cat     0     1     0    0   1

so that `log P(node) = paths @ log P(node | parent)`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy


class TreeStructure(nn.Module):
    """Index buffers of a taxonomy; no parameters, not stored with the weights (the taxonomy is).

    Args:
        taxonomy: The tree.
    """

    paths: Tensor
    groups: Tensor
    group_of_node: Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.num_nodes = taxonomy.num_nodes
        paths = taxonomy.ancestor_matrix.copy()
        paths[:, 0] = False
        families = [taxonomy.children(node) for node in range(taxonomy.num_nodes) if not taxonomy.is_leaf(node)]
        groups = np.full((len(families), max(len(family) for family in families)), -1, dtype=np.int64)
        group_of_node = np.zeros(taxonomy.num_nodes, dtype=np.int64)
        for row, family in enumerate(families):
            groups[row, : len(family)] = family
            group_of_node[list(family)] = row
        self.register_buffer("paths", torch.from_numpy(paths.astype(np.float32)), persistent=False)
        self.register_buffer("groups", torch.from_numpy(groups), persistent=False)
        self.register_buffer("group_of_node", torch.from_numpy(group_of_node), persistent=False)

    def sum_over_path(self, per_node: Tensor) -> Tensor:
        """Add a per-node quantity along each node's path from below the root: (..., node) -> (..., node)."""
        return per_node @ self.paths.T

    def log_softmax_among_siblings(self, logits: Tensor) -> Tensor:
        """Normalise logits among the children of each node: (..., node) -> log P(node | parent), root 0."""
        members = logits[..., self.groups.clamp_min(0)].masked_fill(self.groups < 0, float("-inf"))
        log_totals = torch.logsumexp(members, dim=-1)[..., self.group_of_node]
        is_root = torch.arange(self.num_nodes, device=logits.device) == 0
        return (logits - log_totals).masked_fill(is_root, 0.0)
