"""The interface of tree heads: an embedding in, log-probabilities of every node out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

_MAX_LOG_P = -1e-7
"""log P of a certain node, kept under 0 so that log(1 - P) stays finite, and its gradient (float32 resolves 6e-8)."""


class NodeScores(NamedTuple):
    """What every head yields, float32.

    Attributes:
        log_p: (..., node) log P(node is present); the root's is 0.
        log_not_p: (..., node) log P(node is absent).
    """

    log_p: Tensor
    log_not_p: Tensor


def log_complement(log_p: Tensor) -> Tensor:
    """log(1 - exp(log_p)), stable at both ends (Maechler 2012, eq. 7)."""
    log_p = log_p.clamp(max=_MAX_LOG_P)
    near_one = log_p > -0.6931471805599453
    at_one = torch.log(-torch.expm1(torch.where(near_one, log_p, -1.0)))
    at_zero = torch.log1p(-torch.exp(torch.where(near_one, -1.0, log_p)))
    return torch.where(near_one, at_one, at_zero)


class TreeHead(nn.Module, ABC):
    """A parametrisation of the tree's decisions."""

    @abstractmethod
    def forward(self, embedding: Tensor) -> NodeScores:
        """Score all nodes.

        Args:
            embedding: (..., dim).

        Returns:
            Scores with log_p and log_not_p of shape (..., node), float32 whatever the autocast.
        """
