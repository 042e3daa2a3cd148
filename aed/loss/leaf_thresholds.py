"""Thresholds of the leaves that adapt to how far training is: FreeMatch's (Wang et al., ICLR 2023, eqs. 6-8).

Under a fixed high threshold few unlabelled clips teach for a long time, and those that do are of the classes that are
easy anyway. Here the threshold starts at chance, grows with the teacher's confidence, and is lower for a leaf that the
teacher names less often than the others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aed.ontology.taxonomy import Taxonomy

_MOMENTUM = 0.99
"""Of the running means: FreeMatch's 0.999 suits its 2**20 steps, not the thousand that a small data set takes."""


class LeafThresholds(nn.Module):
    """Running means over unlabelled clips, and the thresholds that follow from them.

    *None of these* has no threshold here: a pool without such clips would give it a threshold near 0.

    Args:
        taxonomy: A single-label tree.

    Attributes:
        leaves: (leaf,) int64 node index of each leaf but *none of these*.
        confidence: () mean probability of the likeliest leaf.
        shares: (leaf,) mean probability of each leaf.
    """

    leaves: Tensor
    confidence: Tensor
    shares: Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        leaves = torch.tensor([leaf for leaf in taxonomy.leaves if leaf != taxonomy.none_index])
        self.register_buffer("leaves", leaves, persistent=False)
        self.register_buffer("confidence", torch.tensor(1 / len(leaves)))
        self.register_buffer("shares", torch.full((len(leaves),), 1 / len(leaves)))

    @torch.no_grad()
    def update(self, log_p: Tensor) -> None:
        """Take a batch of the teacher's answers into the running means.

        Args:
            log_p: (batch, node); nothing changes where it is empty.
        """
        if not len(log_p):
            return
        p = log_p[:, self.leaves].exp()
        self.confidence.lerp_(p.amax(dim=1).mean(), 1 - _MOMENTUM)
        self.shares.lerp_(p.mean(dim=0), 1 - _MOMENTUM)

    def forward(self) -> Tensor:
        """Threshold of each leaf: (leaf,) probability, confidence * share / largest share."""
        return self.confidence * self.shares / self.shares.max()
