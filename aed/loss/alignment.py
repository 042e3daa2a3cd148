"""Distribution alignment: over many unlabelled clips, the teacher names each leaf as often as labels do.

ReMixMatch (Berthelot et al., ICLR 2020): each answer is multiplied by (share of the leaf among the labels) / (running
mean of the teacher's answers) and normalised. A teacher that has learned from few clips prefers some leaves; its
pseudo-labels would teach that preference again.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy
from aed.tree.leaf_sums import LeafSums

_MOMENTUM = 0.99
"""Of the running means: some hundred steps, a good part of a short training."""


class Alignment(nn.Module):
    """Running means over labels and over the teacher's answers, and the answers that they correct.

    *None of these* is left as the teacher says: how often it is true of unlabelled clips, labels do not tell.

    Args:
        taxonomy: A single-label tree.

    Attributes:
        label_shares: (leaf,) mean of the labels.
        answer_shares: (leaf,) mean of the teacher's answers.
    """

    label_shares: Tensor
    answer_shares: Tensor
    leaves: Tensor
    is_class: Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        leaves = list(taxonomy.leaves)
        self.leaf_sums = LeafSums(taxonomy)
        self.register_buffer("leaves", torch.tensor(leaves), persistent=False)
        self.register_buffer(
            "is_class", torch.tensor([leaf != taxonomy.none_index for leaf in leaves]), persistent=False
        )
        chance = self.is_class / self.is_class.sum()
        self.register_buffer("label_shares", chance.clone())
        self.register_buffer("answer_shares", chance.clone())

    @torch.no_grad()
    def observe_labels(self, targets: Tensor) -> None:
        """Take a batch of labels into their running mean; labels on inner nodes say nothing of leaves.

        Args:
            targets: (batch, node) distributions over nodes.
        """
        self._follow(self.label_shares, targets[:, self.leaves] * self.is_class)

    @torch.no_grad()
    def forward(self, log_p: Tensor) -> Tensor:
        """Take a batch of answers into their running mean, and align them.

        Args:
            log_p: (batch, node).

        Returns:
            (batch, node) log P.
        """
        log_leaf = log_p[:, self.leaves]
        self._follow(self.answer_shares, log_leaf.exp() * self.is_class)
        smallest = torch.finfo(log_p.dtype).tiny
        shift = (self.label_shares.clamp_min(smallest) / self.answer_shares.clamp_min(smallest)).log()
        aligned = log_leaf + torch.where(self.is_class, shift, 0.0)
        # what is left for *none of these* stays what it was
        classes = torch.where(self.is_class, aligned, -torch.inf).logsumexp(dim=1, keepdim=True)
        before = torch.where(self.is_class, log_leaf, -torch.inf).logsumexp(dim=1, keepdim=True)
        kept: Tensor = self.leaf_sums(torch.where(self.is_class, aligned - classes + before, log_leaf)).log_p
        return kept

    def _follow(self, shares: Tensor, leaf_weights: Tensor) -> None:
        total = leaf_weights.sum()
        if total > 0:
            shares.lerp_(leaf_weights.sum(dim=0) / total, 1 - _MOMENTUM)
