"""Where in a clip its sound is: clips are padded with silence after a short event, and hold several sounds in a row.

A frame is active where its power lies within `floor_db` of the clip's loudest frame. Pauses that are shorter than
`gap_seconds` are closed, stretches shorter than `least_seconds` dropped. A bark, a pause of a second and another bark
are two events; ticks that follow closely are one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aed.settings import Settings
from aed.timebase import samples_from_seconds

Samples = npt.NDArray[np.float32]

FRAME_SECONDS = 0.01
SILENT_DB = -100.0
"""A clip whose loudest frame is below this, relative to full scale, holds nothing: less than a bit of 16."""


class ActivityConfig(Settings):
    """What counts as active.

    Attributes:
        floor_db: How far under the loudest frame of the clip a frame may lie.
        gap_seconds: Shorter pauses belong to the sound; the detector closes pauses of this length too.
        least_seconds: Shorter stretches are clicks.
        longest_seconds: Of a longer stretch only the beginning is used.
    """

    floor_db: float = Field(default=30.0, gt=0)
    gap_seconds: float = Field(default=0.5, ge=0)
    least_seconds: float = Field(default=0.05, ge=0)
    longest_seconds: float = Field(default=10.0, gt=0)


@dataclass(frozen=True)
class Stretch:
    """A piece of a clip: `start_samples` to `stop_samples`, the latter not included."""

    start_samples: int
    stop_samples: int

    @property
    def samples(self) -> int:
        """Its length."""
        return self.stop_samples - self.start_samples


def active_stretches(samples: Samples, rate_hz: int, config: ActivityConfig) -> tuple[Stretch, ...]:
    """Return the stretches of a clip, `(samples,)`, in which its sound is heard; none in a silent clip."""
    frame = max(1, samples_from_seconds(FRAME_SECONDS, rate_hz))
    levels_db = _frame_levels_db(samples, frame)
    if not len(levels_db) or levels_db.max() < SILENT_DB:
        return ()
    found = []
    for first, last in _joined(
        levels_db >= levels_db.max() - config.floor_db, round(config.gap_seconds / FRAME_SECONDS)
    ):
        if (last - first) * frame >= config.least_seconds * rate_hz:
            longest = samples_from_seconds(config.longest_seconds, rate_hz)
            start, stop = first * frame, min(last * frame, len(samples))
            found.append(Stretch(start, min(stop, start + longest)))
    return tuple(found)


def whole_sound(samples: Samples) -> Stretch | None:
    """Return a clip, `(samples,)`, without the digital silence before and after it; None where it is all silence."""
    heard = np.flatnonzero(samples)
    return Stretch(int(heard[0]), int(heard[-1]) + 1) if len(heard) else None


def _frame_levels_db(samples: Samples, frame: int) -> npt.NDArray[np.float64]:
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % frame)).reshape(-1, frame)
    power = (padded**2).mean(axis=1)
    return np.asarray(10.0 * np.log10(power + np.finfo(np.float64).tiny))


def _joined(active: npt.NDArray[np.bool_], gap_frames: int) -> list[tuple[int, int]]:
    """Return the runs of active frames, first and behind the last, with shorter gaps closed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] < gap_frames:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs
