"""Methods of pretraining by name.

A method is a module that holds the encoder as `encoder`; called with two views of a batch it returns named scalars, of
which `loss` is minimised. One more is one more file and one more line in `LEARNERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from aed.encoder.base import Encoder
from aed.pretrain.config import PretrainConfig
from aed.pretrain.contrastive import ContrastiveLearner

LEARNERS: dict[str, Callable[[Encoder, PretrainConfig], nn.Module]] = {
    "contrastive": lambda encoder, config: ContrastiveLearner(
        encoder, config.hidden_dim, config.projection_dim, config.temperature
    ),
}


def build_learner(config: PretrainConfig, encoder: Encoder) -> nn.Module:
    """Make what pretrains an encoder by the configuration's method."""
    return LEARNERS[config.method](encoder, config)
