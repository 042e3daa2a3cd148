"""What is kept of the sound itself: a clip of each event, from some seconds before it.

A clip is cut when the model has heard all of it, so that it is known whether somebody speaks in it, and written in a
thread of its own: a slow disk delays no listening. What cannot be written is said in the event's note.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
from pydantic import Field

from aed.errors import StorageError
from aed.monitor.memory.clip_files import write_clip
from aed.monitor.memory.privacy import VoicePolicy
from aed.monitor.messages import HeardEvent
from aed.settings import Settings

MOST_WAITING = 20
"""Clips that wait for a slow disk: of half a minute each, some 60 MB. What comes on top is not kept, and said so."""
_CLOSE_SECONDS = 10.0


class ClipsConfig(Settings):
    """What is kept.

    Attributes:
        keep: Clips of the events that were told, of all, or none.
        pre_roll_seconds: What came before the event.
        post_roll_seconds: What came after it.
        longest_seconds: Of a longer event, its beginning.
    """

    keep: Literal["reported", "all", "none"] = "reported"
    pre_roll_seconds: float = Field(default=3.0, ge=0, le=60)
    post_roll_seconds: float = Field(default=1.0, ge=0, le=60)
    longest_seconds: float = Field(default=30.0, gt=0, le=300)

    @pydantic.model_validator(mode="after")
    def _longer_than_its_rolls(self) -> ClipsConfig:
        rolls = self.pre_roll_seconds + self.post_roll_seconds
        if self.longest_seconds <= rolls:
            raise ValueError(f"longest_seconds must be above the rolls of {rolls:g} s, got {self.longest_seconds:g}")
        return self


@dataclass(frozen=True)
class Clip:
    """What was cut out of a stream for an event.

    Attributes:
        samples: `(samples,)` float32.
        rate_hz: Their rate.
        voice_probability: Highest P(voice) in it; None where nobody can say.
        end_seconds: Where it ends, in the time of the stream.
    """

    samples: np.ndarray
    rate_hz: int
    voice_probability: float | None
    end_seconds: float


class ClipWriter:
    """Writes clips in a thread of its own.

    Args:
        folder: Where.
        policy: What of a voice may be kept.
        on_written: Called, in that thread, with the event as it is now: with its clip, or with a note why not.
    """

    def __init__(self, folder: Path, policy: VoicePolicy, on_written: Callable[[HeardEvent], None]) -> None:
        self._folder, self._policy, self._on_written = folder, policy, on_written
        self._waiting: queue.Queue[tuple[HeardEvent, Clip] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="clips", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, heard: HeardEvent, clip: Clip, *, may_wait: bool) -> None:
        """Take a clip of an event that is over.

        Args:
            heard: The event.
            clip: Its clip.
            may_wait: Whether the caller has time: the player of a recording has, a live stream has not.
        """
        try:
            self._waiting.put((heard, clip), block=may_wait)
        except queue.Full:
            note = f"no clip: the disk is too slow, {MOST_WAITING} clips are waiting for it"
            self._on_written(replace(heard, clip_note=note))

    def close(self) -> None:
        """Write what is waiting, and end."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _write_all(self) -> None:
        while (item := self._waiting.get()) is not None:
            self._on_written(self._written(*item))

    def _written(self, heard: HeardEvent, clip: Clip) -> HeardEvent:
        if len(clip.samples) == 0:
            return replace(heard, clip_note="no clip: what it was became known only after its sound was gone")
        samples, note = self._policy.keep(clip.samples, clip.rate_hz, clip.voice_probability)
        if samples is None:
            return replace(heard, clip_note=note)
        if heard.event.offset_seconds > clip.end_seconds:
            seconds = len(samples) / clip.rate_hz
            note = "; ".join(filter(None, [note, f"its first {seconds:.0f} s, the sound went on"]))
        try:
            name = write_clip(self._folder, heard.id, samples, clip.rate_hz)
        except StorageError as error:
            return replace(heard, clip_note=f"no clip: {error}")
        return replace(heard, clip=name, clip_note=note)
