"""The ontology tree: every inner node decides which child a sound belongs to.

Zharmagambetov et al. (ICASSP 2022) train a decision tree of the ontology's shape with the network; the decision
function of the paper is not public, a linear one at each node is our reconstruction.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import NodeScores, TreeHead, log_complement
from aed.tree.structure import TreeStructure


class _ConditionalHead(TreeHead):
    """One linear decision per node; `P(node) = product of P(step | parent) along its path`.

    Args:
        dim: Size of an embedding.
        taxonomy: The tree.
    """

    def __init__(self, dim: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.structure = TreeStructure(taxonomy)
        self.decision = nn.Linear(dim, taxonomy.num_nodes)

    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes; see `TreeHead.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            log_p = self.structure.sum_over_path(self._log_p_given_parent(self.decision(embedding.float())))
            return NodeScores(log_p, log_complement(log_p))

    @abstractmethod
    def _log_p_given_parent(self, logits: Tensor) -> Tensor:
        """Turn decisions into log P(node | parent): (..., node) -> (..., node)."""


class ConditionalSoftmaxHead(_ConditionalHead):
    """Single label: a softmax among the children of each node."""

    def _log_p_given_parent(self, logits: Tensor) -> Tensor:
        return self.structure.log_softmax_among_siblings(logits)


class ConditionalSigmoidHead(_ConditionalHead):
    """Multi label: each node present or not given its parent."""

    def _log_p_given_parent(self, logits: Tensor) -> Tensor:
        return nn.functional.logsigmoid(logits)
