"""How the encoder is pretrained on clips without labels, before it is trained on labelled ones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aed.pretrain.views import ViewConfig
from aed.settings import Settings


class PretrainConfig(Settings):
    """Settings of pretraining; AdamW, linear warm-up, cosine decay to zero.

    Attributes:
        method: What is learned; see `aed.pretrain.registry`.
        steps: Number of optimiser steps.
        batch_size: Clips per step, each of which gives two segments; fewer where there are not so many clips.
        segment_seconds: Length of a segment.
        lr: Highest learning rate.
        weight_decay: AdamW's decay.
        warmup_fraction: Share of the steps over which the learning rate rises.
        hidden_dim: Width of the hidden layer between the embedding and what is compared.
        projection_dim: Size of what is compared.
        temperature: Scale of the similarity; smaller looks more at the segments that are hardest to tell apart.
        views: How segments are distorted.
    """

    method: Literal["contrastive"] = "contrastive"
    steps: int = Field(1700, gt=0)
    batch_size: int = Field(64, ge=2)
    segment_seconds: float = Field(1.04, gt=0)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    warmup_fraction: float = Field(0.1, ge=0, lt=1)
    hidden_dim: int = Field(512, gt=0)
    projection_dim: int = Field(128, gt=0)
    temperature: float = Field(0.2, gt=0)
    views: ViewConfig = ViewConfig()
