"""Encoders by name."""

from __future__ import annotations

from aed.encoder.base import Encoder
from aed.encoder.cnn import CnnConfig, CnnEncoder

EncoderConfig = CnnConfig
"""Union of the encoders' configurations, told apart by `name`; one so far."""


def build_encoder(config: EncoderConfig) -> Encoder:
    """Make the encoder that a configuration names."""
    return CnnEncoder(config)
