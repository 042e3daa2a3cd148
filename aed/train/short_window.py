"""One short window per clip, so that the model also learns to answer what the detector will ask: a second of sound.

A clip's label holds for a window where the clip is heard; a window of the clip in which nothing is heard is *none of
these* (clips of ESC-50 are padded with silence: half of glass_breaking); anything between teaches nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aed.features.logmel import AUDIBLE_LEVEL
from aed.model import TreeModel

HEARD_SHARE = 0.25
"""Share of a window's embeddings that must be heard for the clip's label to hold."""


def draw_windows(frames: Tensor, model: TreeModel, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose for each clip the whole and one short window.

    Args:
        frames: (batch, frames, mel), 0 where silent.
        model: Tells the window's length and the stride.
        generator: Decides where the window lies.

    Returns:
        windows (batch, 2, time) bool, [:, 0] the whole clip and [:, 1] the short window; audible (batch, time) bool.
    """
    stride = model.encoder.stride_frames
    level = frames.mean(dim=2)
    time = level.shape[1] // stride
    audible = level[:, : time * stride].reshape(len(level), time, stride).amax(dim=2) > AUDIBLE_LEVEL
    length = min(model.config.window.window_embeddings, time)
    start = torch.randint(time - length + 1, (len(level), 1), generator=generator)
    position = torch.arange(time)[None]
    short = ((position >= start) & (position < start + length)).to(frames.device)
    return torch.stack([torch.ones_like(short), short], dim=1), audible


def window_targets(window: Tensor, audible: Tensor, targets: Tensor, none_node: int | None) -> tuple[Tensor, Tensor]:
    """Target of each short window.

    Args:
        window: (batch, time) bool.
        audible: (batch, time) bool, where the clip is heard.
        targets: (batch, node) float, the clip's own target.
        none_node: Index of *none of these*; silent windows teach nothing where there is none.

    Returns:
        (batch, node) float targets and (batch,) float weights, 1 where the target holds, else 0.
    """
    heard = (window & audible).sum(dim=1) / window.sum(dim=1)
    holds, silent = heard >= HEARD_SHARE, heard == 0
    if none_node is None:
        return targets, holds.to(targets.dtype)
    nothing = torch.zeros_like(targets)
    nothing[:, none_node] = 1
    return torch.where(silent[:, None], nothing, targets), (holds | silent).to(targets.dtype)
