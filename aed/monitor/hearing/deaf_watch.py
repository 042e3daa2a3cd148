"""A source that came back and hears no more: connected, not silent as zeros, but far below what it used to hear.

A camera whose microphone was switched off, a sound card that came back with another input: both bring faint noise. The
usual level is the quietest tenth of a second of each ten seconds; what stays far below it for half a minute after a
reconnection is called deaf.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from aed.monitor.hearing.levels import FRAME_SECONDS

USUAL_EVERY_SECONDS = 10.0
USUAL_KEPT = 60
"""Ten minutes of the usual level."""
LEAST_KNOWN = 6
"""A minute: before that nobody knows what is usual."""
TRIAL_SECONDS = 30.0
FAINTER_DB = 15.0
"""A quiet night is some dB below a quiet evening; an open input is far more below any microphone."""


class DeafWatch:
    """Watches the level of one source.

    Attributes:
        usual_dbfs: The usual quiet level; None before it is known.
        is_deaf: Whether it came back and hears no more.
    """

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=USUAL_KEPT)
        self.usual_dbfs: float | None = None
        self._quietest, self._num_frames = 0.0, 0
        self._trial_frames: int | None = None
        self._loudest_dbfs = 0.0
        self.is_deaf = False

    def reconnected(self) -> None:
        """The source came back: from now on it is on trial."""
        self._num_frames = 0
        if self.usual_dbfs is not None:
            self._trial_frames, self._loudest_dbfs = 0, -float("inf")

    def push(self, level_dbfs: float) -> str | None:
        """Take the level of the next tenth of a second; returns words where the source became deaf or hears again."""
        usual = self.usual_dbfs
        if self._trial_frames is None or usual is None:
            self._learn(level_dbfs)
            return None
        if level_dbfs >= usual - FAINTER_DB:
            was_deaf, self.is_deaf, self._trial_frames = self.is_deaf, False, None
            return "it hears again" if was_deaf else None
        self._trial_frames += 1
        self._loudest_dbfs = max(self._loudest_dbfs, level_dbfs)
        if self.is_deaf or self._trial_frames * FRAME_SECONDS < TRIAL_SECONDS:
            return None
        self.is_deaf = True
        return (
            f"it came back, but since then was never above {self._loudest_dbfs:.0f} dBFS, while {usual:.0f} dBFS were "
            "the least before: check whether its microphone is on, and which input is chosen"
        )

    def _learn(self, level_dbfs: float) -> None:
        self._quietest = level_dbfs if self._num_frames == 0 else min(self._quietest, level_dbfs)
        self._num_frames += 1
        if self._num_frames * FRAME_SECONDS >= USUAL_EVERY_SECONDS:
            self._usual.append(self._quietest)
            self.usual_dbfs = median(self._usual) if len(self._usual) >= LEAST_KNOWN else None
            self._num_frames = 0
