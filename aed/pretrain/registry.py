"""Methods of pretraining by name; one more is one more `Learner` and one more line in `LEARNERS`."""

from __future__ import annotations

from collections.abc import Callable

from aed.encoder.base import Encoder
from aed.pretrain.config import PretrainConfig
from aed.pretrain.contrastive import ContrastiveLearner
from aed.pretrain.learner import Learner

LEARNERS: dict[str, Callable[[Encoder, PretrainConfig], Learner]] = {
    "contrastive": lambda encoder, config: ContrastiveLearner(
        encoder, config.hidden_dim, config.projection_dim, config.temperature
    ),
}


def build_learner(config: PretrainConfig, encoder: Encoder) -> Learner:
    """Make what pretrains an encoder by the configuration's method."""
    return LEARNERS[config.method](encoder, config)
