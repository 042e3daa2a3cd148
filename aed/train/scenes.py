"""Scenes with known onsets and offsets, made of the labelled rows of a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aed.loss.strong import StrongTargets
from aed.model import TreeModel
from aed.timebase import rows_from_seconds, seconds_from_samples
from aed.train.scene_mix import mix_scenes
from aed.train.scene_plan import ScenesConfig, draw_plan
from aed.train.scene_targets import NEAR_SECONDS, can_be_event, scene_targets


class Scenes(NamedTuple):
    """Scenes that take the place of as many first rows of a batch.

    Attributes:
        frames: (scene, frames, mel) log-mel.
        targets: What is known about them over time.
    """

    frames: Tensor
    targets: StrongTargets


@torch.no_grad()
def make_scenes(
    frames: Tensor, targets: Tensor, model: TreeModel, config: ScenesConfig, generator: torch.Generator
) -> Scenes:
    """Draw and mix the scenes of a batch.

    Args:
        frames: (labelled, frames, mel), distorted as they are to be heard.
        targets: (labelled, node), 1 present, 0 absent, -1 unknown.
        model: A multi-label model that decides over time; tells the geometry.
        config: What is drawn.
        generator: On the CPU; decides everything that is random.
    """
    features, stride = model.config.features, model.encoder.stride_frames
    frame_seconds = seconds_from_samples(features.hop_samples, features.rate_hz)
    events = can_be_event(targets, model.taxonomy)
    plan = draw_plan(events, frames.shape[1], frame_seconds, config, generator).to(frames.device)
    mixed, sources = mix_scenes(frames, plan)
    near = rows_from_seconds(NEAR_SECONDS, frame_seconds * stride)
    return Scenes(mixed, scene_targets(sources, targets[plan.rows], stride, near))
