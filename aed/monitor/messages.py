"""What the parts of the monitor tell each other: plain frozen values, and nothing that belongs to one part alone.

Times are UTC for people and for the store. Durations and cool-downs are measured with a monotonic clock by whoever
needs them, so that a jump of the wall clock breaks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from aed.detect.event import Event


class Outcome(StrEnum):
    """What the rules made of an event."""

    REPORTED = "reported"
    HELD_BACK = "held back"


class SourceState(StrEnum):
    """How a source fares."""

    STARTING = "starting"
    LISTENING = "listening"
    LOST = "lost"
    DEAF = "deaf"
    ENDED = "ended"


@dataclass(frozen=True)
class HeardEvent:
    """A sound event of one source, what the rules made of it, and what was kept of it.

    Attributes:
        id: Unique, in the order of time, made of digits, letters and "-" only; also the stem of its clip's file name.
        source: Name of the source.
        event: Node, path, score, and times from the start of the stream; its end is how far it has come while it lasts.
        onset: When it began, UTC.
        offset: When it ended, UTC; None while it lasts.
        level_dbfs: Loudest tenth of a second so far, in dB relative to a sine at full scale.
        outcome: Whether it is told.
        rule: Name of the rule that decided; None where no rule is about it.
        reason: Why it is told, or why not, for people, with figures.
        clip: Name of its file in the folder of clips; None where none is kept.
        clip_note: Why no clip is kept, or what was done to it; empty where there is nothing to say.
    """

    id: str
    source: str
    event: Event
    onset: datetime
    offset: datetime | None
    level_dbfs: float
    outcome: Outcome
    rule: str | None
    reason: str
    clip: str | None = None
    clip_note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values; times in ISO 8601 UTC to the millisecond."""
        return {
            "id": self.id,
            "source": self.source,
            **self.event.to_dict(),
            "onset": self.onset.isoformat(timespec="milliseconds"),
            "offset": None if self.offset is None else self.offset.isoformat(timespec="milliseconds"),
            "level_dbfs": round(self.level_dbfs, 1),
            "outcome": str(self.outcome),
            "rule": self.rule,
            "reason": self.reason,
            "clip": self.clip,
            "clip_note": self.clip_note,
        }


class EventStage(StrEnum):
    """How far an event has come."""

    BEGUN = "begun"
    OVER = "over"
    CHANGED = "changed"


@dataclass(frozen=True)
class EventMessage:
    """An event began, is over, or changed afterwards (its clip was written or removed, someone marked it)."""

    stage: EventStage
    heard: HeardEvent


@dataclass(frozen=True)
class LevelMessage:
    """How it sounds just now; several a second.

    Attributes:
        source: Name of the source.
        time: When, UTC.
        level_dbfs: Of the stretch since the last message.
        spectrum_db: `(band,)` float32, mel bands from low to high, in dB relative to full scale.
        probabilities: `(node,)` float32, the newest P(node); None before the first.
    """

    source: str
    time: datetime
    level_dbfs: float
    spectrum_db: np.ndarray
    probabilities: np.ndarray | None


@dataclass(frozen=True)
class HealthMessage:
    """Something is wrong with a source, or is right again.

    Attributes:
        source: Name of the source.
        time: Since when, or when it ended; UTC.
        complaint: What, as `aed.detect.health.Complaint` names it, or "lost" for a broken connection.
        is_over: Whether it is right again.
        message: The same for people, with figures and how to mend it.
    """

    source: str
    time: datetime
    complaint: str
    is_over: bool
    message: str


@dataclass(frozen=True)
class SourceMessage:
    """A source changed its state.

    Attributes:
        source: Name of the source.
        time: When, UTC.
        state: Its state from now on.
        lost_seconds: How much of it was lost since the monitor started.
        message: More for people; may be empty.
    """

    source: str
    time: datetime
    state: SourceState
    lost_seconds: float
    message: str


Message = EventMessage | LevelMessage | HealthMessage | SourceMessage
