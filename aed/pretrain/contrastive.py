"""Which two segments come from one clip? Contrastive learning of sound events, without labels.

Fonseca et al., *Unsupervised contrastive learning of sound event representations* (ICASSP 2021): two segments of one
clip, each distorted, must be nearer to each other than to all other segments of the batch. Departures: the embedding
that is compared is pooled over time as the model's own (mean plus maximum); the network is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from aed.encoder.base import Encoder
from aed.model import pool_over_time
from aed.pretrain.learner import Learner


class ContrastiveLearner(Learner):
    """An encoder with the projection that pretraining compares in, and that is thrown away afterwards.

    Args:
        encoder: The network that is pretrained.
        hidden_dim: Width of the projection's hidden layer.
        projection_dim: Size of what is compared.
        temperature: Scale of the cosine similarity; smaller looks more at the hardest other segments.
    """

    def __init__(self, encoder: Encoder, hidden_dim: int, projection_dim: int, temperature: float) -> None:
        super().__init__()
        self.encoder, self.temperature = encoder, temperature
        self.projection = nn.Sequential(
            nn.Linear(encoder.dim, hidden_dim, bias=False),
            nn.BatchNorm1d(hidden_dim),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_dim, projection_dim),
        )

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """See `Learner.forward`; `match` is the share of views whose nearest one is their partner."""
        pooled = pool_over_time(self.encoder(torch.cat([first, second])).float())
        projected = self.projection(pooled)
        with torch.autocast(projected.device.type, enabled=False):  # bf16 tells similarities apart by 0.004 at best
            similarity = cosine_similarities(projected.float())
            loss, match = normalised_cross_entropy(similarity / self.temperature)
        return {"loss": loss, "match": match}


def cosine_similarities(projected: Tensor) -> Tensor:
    """Cosine of each pair of rows: (views, dim) -> (views, views)."""
    directions = functional.normalize(projected, dim=1)
    return directions @ directions.T


def normalised_cross_entropy(similarity: Tensor) -> tuple[Tensor, Tensor]:
    """NT-Xent (Chen et al., ICML 2020, eq. 1): cross-entropy of finding the partner among all other views.

    Args:
        similarity: (2 * batch, 2 * batch) float32, over the temperature; views i and i + batch are partners.

    Returns:
        The mean loss and the share of views whose most similar one is their partner.
    """
    views = len(similarity)
    itself = torch.eye(views, dtype=torch.bool, device=similarity.device)
    others = similarity.masked_fill(itself, -torch.inf)
    partner = torch.arange(views, device=similarity.device).roll(views // 2)
    return functional.cross_entropy(others, partner), (others.argmax(dim=1) == partner).float().mean()
