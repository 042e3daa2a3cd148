"""Scenes mixed from the rows of a batch: a background and pieces of other rows, summed as powers of mel bands.

Powers of sounds that do not know of each other add up; so this is the log-mel of the mixed waveforms but for what they
interfere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aed.features.logmel import logmel_from_power, power_from_logmel
from aed.train.scene_plan import ScenePlan

ACTIVE_FLOOR_DB = 30.0
"""How far under its loudest moment a sound still counts as active, as in the scenes of `aed data scape`."""
_SILENT_POWER = 1e-6
"""In units of the floor power: what divides by the level of a silent source, 60 dB under what counts as silence."""


def mix_scenes(frames: Tensor, plan: ScenePlan) -> tuple[Tensor, Tensor]:
    """Mix the scenes of a batch.

    Each event is set to its ratio over the background; then the scene as a whole is made quieter, so that its loudest
    source has the level that the background had: a row that nearly clips is not made louder.

    Args:
        frames: (batch, frames, mel) log-mel, 0 where silent.
        plan: On the same device.

    Returns:
        scenes (scene, frames, mel) log-mel; and what they are the sum of, (scene, source, frames, mel) mel power in
        units of the floor, 0 throughout for an event that is not used.
    """
    power = power_from_logmel(frames.float())
    sources = torch.cat([power[plan.rows[:, :1]], _cut(power, plan)], dim=1)
    sources *= _gains(active_level(sources), plan)[..., None, None]
    return logmel_from_power(sources.sum(dim=1)).to(frames.dtype), sources


def active_level(sources: Tensor) -> Tensor:
    """Mean power of each source where it is active: (..., time, mel) -> (...), 0 for silence."""
    power = sources.sum(dim=-1)
    active = is_active(power)
    return (power * active).sum(dim=-1) / active.sum(dim=-1)


def is_active(power: Tensor) -> Tensor:
    """Where a sound is at most `ACTIVE_FLOOR_DB` under its loudest moment: (..., time) power -> bool."""
    return power >= power.amax(dim=-1, keepdim=True) * 10 ** (-ACTIVE_FLOOR_DB / 10)


def _cut(power: Tensor, plan: ScenePlan) -> Tensor:
    """The events' pieces, each at its place: (batch, frames, mel) -> (scene, event, frames, mel)."""
    rows, num_frames = plan.rows[:, 1:], power.shape[1]
    loudest = power.sum(dim=-1).argmax(dim=1)[rows]
    begin = (loudest - (plan.loudest_at * plan.length).long()).clamp_min(0).minimum(num_frames - plan.length)
    frame = torch.arange(num_frames, device=power.device) - plan.place[..., None]
    inside = (frame >= 0) & (frame < plan.length[..., None]) & plan.used[..., None]
    piece = power[rows[..., None], (begin[..., None] + frame).clamp(0, num_frames - 1)]
    return piece * inside[..., None]


def _gains(levels: Tensor, plan: ScenePlan) -> Tensor:
    """Factor on the power of each source: (scene, source) -> (scene, source).

    Over a silent background an event stays as loud as it was.
    """
    background, events = levels[:, :1], levels[:, 1:]
    ratio = 10 ** (plan.snr_db / 10)
    unchanged = torch.ones_like(background)
    gains = torch.cat([unchanged, background * ratio / events.clamp_min(_SILENT_POWER)], dim=1)
    loudest = torch.cat([unchanged, torch.where(plan.used, ratio, 0.0)], dim=1).amax(dim=1, keepdim=True)
    return torch.where(background > _SILENT_POWER, gains / loudest, 1.0)
