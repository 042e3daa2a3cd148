"""From a decision at every time to one for the clip: what a clip's label, which does not say when, can teach.

The power mean over times t, for each node,

    P(node) = (1 / T * sum over t of P(node, t)^r)^(1 / r)                                                        (1)

lies between the mean (r = 1), to which every moment of a clip counts alike, and the maximum (r to infinity), which
hears one moment and teaches one. Unlike the usual linear softmax, sum P^2 / sum P (Wang, Li & Metze, ICASSP 2019, arXiv
1810.09050), it never makes a parent less likely than its child: it grows with every P(node, t).
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from aed.settings import Settings
from aed.tree.head import NodeScores, log_complement


class TimePoolingConfig(Settings):
    """How decisions over time become that of a clip.

    Attributes:
        exponent: r of (1); at 4, a sound that fills a sixteenth of the clip and is certain there gets P = 0.5.
    """

    exponent: float = Field(4.0, ge=1)


def pool_decisions(scores: NodeScores, config: TimePoolingConfig, keep: Tensor | None = None) -> NodeScores:
    """Pool decisions over time by (1).

    Args:
        scores: Of shape (..., time, node).
        config: The exponent.
        keep: (..., time) bool, which times count; at least one in each row. All by default.

    Returns:
        Scores of shape (..., node), float32.
    """
    powers = config.exponent * scores.log_p
    if keep is None:
        count = torch.ones_like(powers[..., 0]).sum(dim=-1)  # an export would take the number for a constant
    else:
        powers, count = powers.masked_fill(~keep[..., None], -torch.inf), keep.sum(dim=-1).float()
    log_p = (powers.logsumexp(dim=-2) - count.log()[..., None]) / config.exponent
    return NodeScores(log_p, log_complement(log_p))
