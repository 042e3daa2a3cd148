"""Mixup: clips and their targets blended in pairs (Zhang et al., ICLR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor


def mixup_weights(batch: int, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw partners and weights.

    Args:
        batch: Number of clips.
        alpha: Both parameters of the Beta distribution of the weight; 0 mixes nothing.
        generator: On the CPU.

    Returns:
        The weight of the clip itself (batch,) float32 in [0.5, 1], so that the clip stays the louder one, and its
        partner (batch,) int64.
    """
    partner = torch.randperm(batch, generator=generator)
    if alpha == 0:
        return torch.ones(batch), partner
    gammas = torch._standard_gamma(torch.full((batch, 2), alpha), generator=generator)
    weight = gammas[:, 0] / gammas.sum(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
    return torch.maximum(weight, 1 - weight), partner


def mix(values: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """Blend rows with their partners: (batch, ...) -> (batch, ...)."""
    shaped = weight.to(values.device, values.dtype).view(-1, *[1] * (values.ndim - 1))
    return torch.lerp(values[partner.to(values.device)], values, shaped)
