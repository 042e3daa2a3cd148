"""What is wrong with a stream of samples: a dead microphone, clipping, a constant offset, values that are no numbers.

A detector that hears nothing should know whether nothing sounds. The stream is judged in frames of a second at absolute
positions, so the chunking cannot change what is found. A complaint is raised when it held for long enough, and
withdrawn with the first frame in which it does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from aed.detect.frames import FrameCutter
from aed.timebase import samples_from_seconds, seconds_from_samples

FRAME_SECONDS = 1.0
DEAD_SECONDS = 5.0
"""A quiet room is never without the noise of its microphone; a pause in a file of a few seconds may be."""
CLIPPED_LEVEL = 0.99
CLIPPED_SHARE = 0.005
"""Of a frame's samples: 5 ms of a second at full scale can be heard as distortion; a loud peak is no complaint."""
LARGEST_OFFSET = 0.02
OFFSET_SECONDS = 5.0
"""2 % of full scale: a sound card's own offset is far below; slow thumps come and go within seconds."""


class Complaint(StrEnum):
    """What can be wrong."""

    DEAD = "dead"
    CLIPPING = "clipping"
    OFFSET = "offset"
    NOT_A_NUMBER = "not a number"
    GAP = "gap"
    NARROW_BAND = "narrow band"
    DRIFT = "drift"


@dataclass(frozen=True)
class HealthEvent:
    """A complaint was raised or withdrawn.

    Attributes:
        complaint: What is wrong.
        onset_seconds: Since when, from the start of the stream.
        offset_seconds: Until when; None while it lasts.
        message: The same for people, with figures and how to mend it.
    """

    complaint: Complaint
    onset_seconds: float
    offset_seconds: float | None
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values; times to the millisecond."""
        return {
            "health": str(self.complaint),
            "onset_seconds": round(self.onset_seconds, 3),
            "offset_seconds": None if self.offset_seconds is None else round(self.offset_seconds, 3),
            "message": self.message,
        }


@dataclass
class _Watch:
    """How long a complaint has held, in frames, since when, and whether it was raised."""

    complaint: Complaint
    needed_frames: int
    held_frames: int = 0
    onset_seconds: float = 0.0
    is_raised: bool = False


class HealthMonitor:
    """Judges one stream.

    Args:
        rate_hz: Its sample rate.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._cutter = FrameCutter(samples_from_seconds(FRAME_SECONDS, rate_hz))
        self._num_frames = 0
        self._lost_seconds = 0.0
        self._watches = [
            _Watch(Complaint.DEAD, round(DEAD_SECONDS / FRAME_SECONDS)),
            _Watch(Complaint.CLIPPING, 1),
            _Watch(Complaint.OFFSET, round(OFFSET_SECONDS / FRAME_SECONDS)),
            _Watch(Complaint.NOT_A_NUMBER, 1),
        ]

    def push(self, samples: np.ndarray) -> list[HealthEvent]:
        """Judge samples, `(samples,)` float, any length, as they came: values that are no numbers among them."""
        return [event for frame in self._cutter.push(samples) for event in self._judge(frame)]

    def gap(self, seconds: float) -> None:
        """Say that so much of the stream was lost here: what comes next is later by it."""
        self._lost_seconds += seconds

    @property
    def _now_seconds(self) -> float:
        """Where the present frame begins."""
        samples = self._num_frames * self._cutter.frame_samples
        return self._lost_seconds + seconds_from_samples(samples, self._rate_hz)

    def _judge(self, frame: np.ndarray) -> list[HealthEvent]:
        found = _complaints(frame)
        events = [event for watch in self._watches if (event := self._update(watch, found.get(watch.complaint)))]
        self._num_frames += 1
        return events

    def _update(self, watch: _Watch, message: str | None) -> HealthEvent | None:
        if message is None:
            was_raised, watch.is_raised, watch.held_frames = watch.is_raised, False, 0
            over = HealthEvent(watch.complaint, watch.onset_seconds, self._now_seconds, "is over")
            return over if was_raised else None
        watch.onset_seconds = watch.onset_seconds if watch.held_frames else self._now_seconds
        watch.held_frames += 1
        if watch.is_raised or watch.held_frames < watch.needed_frames:
            return None
        watch.is_raised = True
        return HealthEvent(watch.complaint, watch.onset_seconds, None, message)


def _complaints(frame: np.ndarray) -> dict[Complaint, str]:
    """What is wrong with one frame, and the words for it."""
    finite = np.isfinite(frame)
    found: dict[Complaint, str] = {}
    if not finite.all():
        wrong = int((~finite).sum())
        found[Complaint.NOT_A_NUMBER] = f"{wrong} of {len(frame)} samples are NaN or infinite; they count as silence"
        frame = np.where(finite, frame, 0.0)
    if frame.max() == frame.min():
        found[Complaint.DEAD] = (
            f"every sample is exactly {frame[0]:g}: the microphone is muted, unplugged or broken; this is not silence"
        )
    clipped = float((np.abs(frame) >= CLIPPED_LEVEL).mean())
    if clipped > CLIPPED_SHARE:
        found[Complaint.CLIPPING] = f"{clipped:.1%} of the samples are at full scale: turn the microphone's gain down"
    offset = float(frame.mean(dtype=np.float64))
    if abs(offset) > LARGEST_OFFSET:
        found[Complaint.OFFSET] = f"the mean is {offset:+.3f} of full scale instead of 0: check the sound card's input"
    return found
