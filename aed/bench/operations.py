"""What a network must compute, whatever the machine: multiply-adds for a second of sound, and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from aed.encoder.cnn import CHANNELS, CnnConfig, Size
from aed.model import ModelConfig, TreeModel, count_parameters
from aed.ontology.graph import load_ontology
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import build_taxonomy

SOUND_SECONDS = 8
"""Long beside an embedding, so that the edges do not count."""
_OPERATIONS_PER_MULTIPLY_ADD = 2
LABELS = "esc50"
"""The labels of the tree beside which encoders are counted: 50 leaves."""


@dataclass(frozen=True)
class EncoderCost:
    """What one size of the encoder takes.

    Attributes:
        size: Its name.
        temporal_blocks: Blocks over time on top of it.
        parameters: Trainable ones, the head's not among them.
        multiply_adds_per_second: Of the encoder, for a second of sound: convolutions and matrix products. The front
            end's Fourier transform is not counted.
        head_parameters: Of the head of a tree of ESC-50's labels.
        head_multiply_adds_per_second: Of that head, asked at every embedding.
        embeddings_per_second: How often that is.
    """

    size: str
    temporal_blocks: int
    parameters: int
    multiply_adds_per_second: float
    head_parameters: int
    head_multiply_adds_per_second: float
    embeddings_per_second: float


def encoder_costs(sizes: Sequence[Size] = tuple(CHANNELS), temporal_blocks: int | None = None) -> Iterator[EncoderCost]:
    """Count every size."""
    concepts = load_label_map(LABELS).concept_ids
    taxonomy = build_taxonomy(load_ontology(), concepts, task="multi", none_of_these=False)
    for size in sizes:
        encoder = CnnConfig(size=size, temporal_blocks=temporal_blocks)
        yield encoder_cost(TreeModel(ModelConfig(encoder=encoder), taxonomy).eval(), encoder)


def encoder_cost(model: TreeModel, config: CnnConfig) -> EncoderCost:
    """Count one model."""
    samples = torch.zeros(1, SOUND_SECONDS * model.config.features.rate_hz)
    frames = model.frames(samples)
    embeddings = model.encoder(frames)
    return EncoderCost(
        size=config.size,
        temporal_blocks=config.temporal_blocks or 0,
        parameters=count_parameters(model.encoder),
        multiply_adds_per_second=multiply_adds(model.encoder, frames) / SOUND_SECONDS,
        head_parameters=count_parameters(model.head),
        head_multiply_adds_per_second=multiply_adds(model.head, embeddings) / SOUND_SECONDS,
        embeddings_per_second=embeddings.shape[1] / SOUND_SECONDS,
    )


def multiply_adds(network: Callable[[Tensor], Any], given: Tensor) -> float:
    """Count the multiply-adds of one call."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(given)
    operations: int = counter.get_total_flops()
    return operations / _OPERATIONS_PER_MULTIPLY_ADD
