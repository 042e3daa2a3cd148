"""Path likelihood: what a label at any depth costs.

For a single label, -log P(node of the label). Under a conditional softmax this is the sum over all depths of the path,
-log P(node) = sum of -log P(step | parent), so each decision on the way is taught; a label on an inner node teaches the
decisions above it and leaves those below alone. For several labels, -log P over the nodes known present and -log(1 - P)
over those known absent; unknown nodes teach nothing.
"""

from __future__ import annotations

from torch import Tensor

from aed.tree.head import NodeScores


def single_label_loss(scores: NodeScores, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of -sum(target * log P).

    Args:
        scores: (..., node).
        targets: (..., node) float, a distribution over nodes: one-hot, or a mixture under mixup.
        weights: (...) float, how much each row counts; 1 by default.

    Returns:
        Scalar, nats per row (weighted mean; 0 where all weights are 0).
    """
    # a node that is certain in the tree (the root) has log P 0; a target of 0 times log P of -inf would be NaN
    per_row = -(targets * scores.log_p.masked_fill(targets == 0, 0.0)).sum(dim=-1)
    if weights is None:
        return per_row.mean()
    return (per_row * weights).sum() / weights.sum().clamp_min(1.0)


def multi_label_loss(scores: NodeScores, present: Tensor, absent: Tensor) -> Tensor:
    """Mean over known nodes of the binary cross-entropy.

    Args:
        scores: (..., node).
        present: (..., node) float in [0, 1], how much of each node is known to be present.
        absent: (..., node) float in [0, 1], how much is known to be absent; present + absent < 1 where unknown.

    Returns:
        Scalar, nats per known node.
    """
    total = -(
        present * scores.log_p.masked_fill(present == 0, 0.0) + absent * scores.log_not_p.masked_fill(absent == 0, 0.0)
    )
    return total.sum() / (present + absent).sum().clamp_min(1.0)
