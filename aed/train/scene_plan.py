"""Which rows of a batch become scenes, and what is drawn for each: its events, when they sound and how loud.

Nothing is read for a scene that the batch does not hold already: its background is a row of the batch, its events are
pieces of other rows. So a clip teaches several times in a step, and scenes cost next to nothing.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import pydantic
import torch
from pydantic import Field
from torch import Tensor

from aed.settings import Settings
from aed.timebase import rows_from_seconds

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class ScenesConfig(Settings):
    """How some labelled rows of each batch become scenes with known onsets and offsets (several labels only).

    Attributes:
        share: Share of the labelled rows that become scenes.
        events: Fewest and most events of a scene.
        event_seconds: Shortest and longest piece that is cut around the loudest moment of an event's clip; drawn evenly
            on a logarithmic scale.
        snr_db: Lowest and highest level of an event over the background, each where it is active; drawn evenly.
        weight: Factor on the loss `strong`, of the scenes and of strongly labelled clips.
    """

    share: float = Field(0.5, gt=0, lt=1)
    events: tuple[Count, Count] = (1, 3)
    event_seconds: tuple[Seconds, Seconds] = (0.5, 4.0)
    snr_db: tuple[float, float] = (-5.0, 25.0)
    weight: float = Field(1.0, gt=0)

    @pydantic.field_validator("events", "event_seconds", "snr_db")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if low > high:
            raise ValueError(f"expected the lower one first, such as [{high:g}, {low:g}]")
        return value

    def scenes_of(self, batch: int) -> int:
        """Number of scenes in a batch of clips: at least one, but one clip at least stays what it is."""
        return min(max(1, round(self.share * batch)), batch - 1)


class ScenePlan(NamedTuple):
    """What was drawn for the scenes of a batch. Of its sources, the first is the background, the others are events.

    Attributes:
        rows: (scene, source) int64, the row of the batch that each comes from; scene i has row i as its background.
        used: (scene, event) bool, which events there are.
        length: (scene, event) int64 frames of each event's piece.
        place: (scene, event) int64 frame of the scene at which the piece begins.
        loudest_at: (scene, event) float in [0, 1), where in the piece the loudest moment of its clip lies.
        snr_db: (scene, event) float.
    """

    rows: Tensor
    used: Tensor
    length: Tensor
    place: Tensor
    loudest_at: Tensor
    snr_db: Tensor

    def to(self, device: torch.device) -> ScenePlan:
        """The plan on another device."""
        return ScenePlan(*(part.to(device) for part in self))


def draw_plan(
    can_be_event: Tensor, num_frames: int, frame_seconds: float, config: ScenesConfig, generator: torch.Generator
) -> ScenePlan:
    """Draw the scenes of a batch.

    Args:
        can_be_event: (batch,) bool, the rows that events may come from; where they are few, so are a scene's events.
        num_frames: Length of a row.
        frame_seconds: Length of a frame.
        config: Ranges.
        generator: On the CPU; decides everything that is random.
    """
    batch, scenes, (least, most) = len(can_be_event), config.scenes_of(len(can_be_event)), config.events
    most = min(most, batch - 1)
    background = torch.arange(scenes)[:, None]
    order = torch.rand(scenes, batch, generator=generator)
    order = order.masked_fill(~can_be_event.cpu() | (background == torch.arange(batch)), -1.0)
    keys, rows = order.topk(most, dim=1)
    count = torch.randint(min(least, most), most + 1, (scenes, 1), generator=generator)
    shortest, longest = (rows_from_seconds(seconds, frame_seconds) for seconds in config.event_seconds)
    length = _uniform((scenes, most), (_log(shortest), _log(longest)), generator).exp().round().long()
    length = length.clamp(1, num_frames)
    return ScenePlan(
        rows=torch.cat([background, rows], dim=1),
        used=(keys >= 0) & (torch.arange(most) < count),
        length=length,
        place=(torch.rand(scenes, most, generator=generator) * (num_frames - length + 1)).long(),
        loudest_at=torch.rand(scenes, most, generator=generator),
        snr_db=_uniform((scenes, most), config.snr_db, generator),
    )


def _uniform(shape: tuple[int, int], between: tuple[float, float], generator: torch.Generator) -> Tensor:
    low, high = between
    return low + (high - low) * torch.rand(shape, generator=generator)


def _log(frames: int) -> float:
    return math.log(max(1, frames))
