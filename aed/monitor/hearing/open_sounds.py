"""Which early report belongs to which event: one sound is one entry, from its beginning to its end.

The detector tells that an event has begun, of the deepest node that is sure then, and later what it was. Between the
two a deeper node may become sure: what began as *Animal* is over as *Dog*. A begun event is the same sound as one that
is open already where that one's node stands above its own and began so short a time before that the detector would
not make an event of the time between them (`absorb_seconds`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from aed.detect.event import Event
from aed.monitor.memory.clips import Clip
from aed.monitor.rules.rules import Decision
from aed.ontology.structure import Taxonomy
from aed.timebase import rows_from_seconds


@dataclass
class OpenSound:
    """A sound that has begun.

    Attributes:
        id: Its id in the store.
        event: As far as it is known.
        began_seconds: When it was first heard, in the time of the stream, whatever it turned out to be.
        began: The same in UTC.
        peak: `(node,)` highest P(node) so far.
        level_dbfs: Loudest tenth of a second so far.
        decision: What the rules made of it; None before they were asked.
        is_over: Whether it has ended.
        clip: What was cut out of the stream for it; None before.
    """

    id: str
    event: Event
    began_seconds: float
    began: datetime
    peak: np.ndarray
    level_dbfs: float
    decision: Decision | None = None
    is_over: bool = False
    clip: Clip | None = field(default=None, repr=False)


class OpenSounds:
    """The sounds of one stream that have begun and are not over.

    Args:
        taxonomy: The tree.
        row_seconds: Length of a row of the scorer.
        absorb_seconds: As the detector has it.
    """

    def __init__(self, taxonomy: Taxonomy, row_seconds: float, absorb_seconds: float) -> None:
        self._is_below, self._row_seconds = taxonomy.ancestor_matrix, row_seconds
        self._absorb_rows = rows_from_seconds(absorb_seconds, row_seconds)
        self._open: list[OpenSound] = []

    @property
    def all(self) -> tuple[OpenSound, ...]:
        """All of them, the oldest first."""
        return tuple(self._open)

    def begin(self, event: Event, make: Callable[[Event], OpenSound]) -> OpenSound:
        """Take an event that has begun; returns its sound, a new one or one that it makes more exact."""
        sound = next((sound for sound in reversed(self._open) if self._grows_into(sound.event, event)), None)
        if sound is None:
            sound = make(event)
            self._open.append(sound)
        sound.event = event
        return sound

    def end(self, event: Event) -> OpenSound | None:
        """Take an event that is over; returns its sound, no longer open, or None where it was not told before."""
        sound = self._same(event) or self._related(event)
        if sound is not None:
            self._open.remove(sound)
            sound.event = event
        return sound

    def _grows_into(self, known: Event, event: Event) -> bool:
        lead_rows = rows_from_seconds(event.onset_seconds - known.onset_seconds, self._row_seconds)
        is_below = known.node != event.node and self._is_below[event.node, known.node]
        return bool(is_below) and 0 <= lead_rows <= self._absorb_rows

    def _same(self, event: Event) -> OpenSound | None:
        """The sound of that node that began at that moment."""
        return next(
            (sound for sound in self._open if sound.event.node == event.node and self._starts_with(sound, event)), None
        )

    def _related(self, event: Event) -> OpenSound | None:
        """A sound of a node above or below in whose time it lies; one that its beat renamed is known by its start."""
        for sound in self._open:
            known = sound.event
            is_line = self._is_below[event.node, known.node] or self._is_below[known.node, event.node]
            overlaps = known.onset_seconds <= event.offset_seconds and event.onset_seconds <= known.offset_seconds
            renamed = event.beat is not None and self._starts_with(sound, event)
            if renamed or (is_line and overlaps):
                return sound
        return None

    def _starts_with(self, sound: OpenSound, event: Event) -> bool:
        return abs(sound.event.onset_seconds - event.onset_seconds) < self._row_seconds / 2
