"""The encoder's contract: what the model, the detector and the exporter rely on."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """A representation network over time.

    Nothing in an encoder pools or normalises over the whole time axis, so that an embedding depends only on the
    `receptive_field_frames` around it: this is what lets a stream be cut into blocks. Zero frames are silence.

    Attributes:
        dim: Size of an embedding.
        stride_frames: Input frames per embedding.
        receptive_field_frames: Input frames that one embedding can see, centred on it.
    """

    dim: int
    stride_frames: int
    receptive_field_frames: int

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Args:
            frames: (batch, frames, mel) float; frames is a multiple of `stride_frames`.

        Returns:
            (batch, time, dim) with time = frames / stride_frames.
        """
