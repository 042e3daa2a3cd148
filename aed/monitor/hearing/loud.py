"""Loud sounds, whatever they are: stretches in which tenths of a second reach a level.

A stretch begins once it has held long enough, and is over when nothing was loud for a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aed.monitor.hearing.levels import FRAME_SECONDS

GAP_SECONDS = 1.0
"""The beats of a hammer are one sound."""
_ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True)
class LoudStretch:
    """A loud stretch, as far as it has come.

    Attributes:
        onset_seconds: Where its first loud frame begins.
        offset_seconds: Where its last one ends.
        level_dbfs: Of its loudest one.
    """

    onset_seconds: float
    offset_seconds: float
    level_dbfs: float


class LoudTracker:
    """Finds loud stretches in one stream.

    Args:
        level_dbfs: From which a frame is loud.
        hold_seconds: Shortest stretch that counts.
    """

    def __init__(self, level_dbfs: float, hold_seconds: float) -> None:
        self._level_dbfs, self._hold_seconds = level_dbfs, hold_seconds
        self._stretch: LoudStretch | None = None

    @property
    def lasting(self) -> LoudStretch | None:
        """The stretch that counts and is not over."""
        stretch = self._stretch
        return stretch if stretch is not None and self._counts(stretch) else None

    def push(self, end_seconds: float, level_dbfs: float) -> LoudStretch | None:
        """Take the next frame, by its end; returns the stretch that is over now, if there is one."""
        over = None
        if self._stretch is not None and end_seconds - self._stretch.offset_seconds > GAP_SECONDS + _ROUNDING_SECONDS:
            over = self.flush()
        if level_dbfs >= self._level_dbfs:
            known = self._stretch or LoudStretch(end_seconds - FRAME_SECONDS, end_seconds, level_dbfs)
            loudest = max(known.level_dbfs, level_dbfs)
            self._stretch = replace(known, offset_seconds=end_seconds, level_dbfs=loudest)
        return over

    def flush(self) -> LoudStretch | None:
        """End the stretch; returns it where it counts."""
        stretch, self._stretch = self._stretch, None
        return stretch if stretch is not None and self._counts(stretch) else None

    def _counts(self, stretch: LoudStretch) -> bool:
        return stretch.offset_seconds - stretch.onset_seconds >= self._hold_seconds - _ROUNDING_SECONDS
