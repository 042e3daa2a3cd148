"""The interface of pretraining methods: two views of a batch in, what is minimised out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from aed.encoder.base import Encoder


class Learner(nn.Module, ABC):
    """An encoder and what a method needs beside it to teach it without labels.

    Attributes:
        encoder: What is kept.
    """

    encoder: Encoder

    @abstractmethod
    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Compare the views of a batch.

        Args:
            first: (batch, frames, mel), a view of a segment of each clip.
            second: (batch, frames, mel), a view of another segment of the same clips.

        Returns:
            Scalars by name; `loss` is minimised, the others are told.
        """
