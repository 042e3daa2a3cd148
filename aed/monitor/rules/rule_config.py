"""What a household writes about what it wants to be told of: rules, filters, the rule for loud sounds."""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from aed.errors import ConfigError
from aed.monitor.rules.quiet_hours import QuietHours
from aed.settings import Settings

FULL_SCALE_16_BIT = 32768
"""Frigate's `min_volume` is a root mean square in units of 16-bit samples."""


def _known_hours(text: str) -> str:
    try:
        QuietHours.parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


def _below_full_scale(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        raise ValueError(
            "expected a level in dBFS, so at most 0, such as -40; a min_volume of 500 in Frigate is about -33 dBFS"
        )
    return value


Hours = Annotated[str, AfterValidator(_known_hours)]
Level = Annotated[float, BeforeValidator(_below_full_scale)]
"""dB relative to a sine at full scale."""
Names = tuple[str, ...]


class ConfirmConfig(Settings):
    """A sound counts only when it repeats.

    Attributes:
        times: So many events.
        within_seconds: In at most this time, of the stream.
    """

    times: int = Field(ge=2)
    within_seconds: float = Field(gt=0)


class TellingConfig(Settings):
    """What all rules have in common.

    Attributes:
        name: What the rule is called.
        hold_seconds: The sound must last so long before it is told.
        confirm: It must repeat before it is told; None for at once.
        cool_down_seconds: After it was told, the rule is silent for so long about the same source.
        quiet_hours: In which it tells nothing, local time, such as "22:00-07:00".
        sources: Names of the sources that it is about; all where empty.
        tell: Names of those who tell it; all where None, nobody where empty: what the rule is about is only remembered.
    """

    name: str = Field(min_length=1)
    hold_seconds: float = Field(default=0.0, ge=0)
    confirm: ConfirmConfig | None = None
    cool_down_seconds: float = Field(default=0.0, ge=0)
    quiet_hours: tuple[Hours, ...] = ()
    sources: Names = ()
    tell: Names | None = None


class RuleConfig(TellingConfig):
    """When a sound is told.

    Attributes:
        sounds: Nodes of the tree, by name or id; each stands for all below it too.
        threshold: Least P(node), of the node that the rule names; as the model was calibrated where None.
        false_alarms_per_day: Instead of a threshold: the one that `aed calibrate` found for this many.
        min_volume: Least level, of the loudest tenth of a second.
    """

    sounds: Names = Field(min_length=1)
    threshold: float | None = Field(default=None, gt=0, lt=1)
    false_alarms_per_day: float | None = Field(default=None, gt=0)
    min_volume: Level | None = None

    @pydantic.model_validator(mode="after")
    def _threshold_or_budget(self) -> RuleConfig:
        if self.threshold is not None and self.false_alarms_per_day is not None:
            raise ValueError("give a threshold or false_alarms_per_day, which stands for one, not both")
        return self


class LoudSoundConfig(TellingConfig):
    """Tells of whatever is loud, known or not; see `aed.monitor.hearing.loud`.

    Attributes:
        level: From which a tenth of a second is loud.
    """

    level: Level
    name: str = Field(default="loud sound", min_length=1)
    hold_seconds: float = Field(default=0.2, ge=0)


class FilterConfig(Settings):
    """What a sound needs to be told by whatever rule; for the node that it names and all below it.

    Attributes:
        threshold: Least P(node), of the node that the filter names.
        min_volume: Least level, of the loudest tenth of a second.
    """

    threshold: float | None = Field(default=None, gt=0, lt=1)
    min_volume: Level | None = None
