"""Which alarm it is, where its beat says so: an event of an alarm becomes a smoke or carbon monoxide alarm.

The network hears that an alarm sounds, the beat decoder (`aed.detect.beat`) which kind, after two periods of it. An
event at *Alarm* or below takes the node that the beat names, or the nearest one above it that the tree has; without a
verdict it stays what it is. A chirp, one beep in half a minute or more, names no kind: the event says that its battery
is low.

The last minutes of sound are kept, and the decoder is asked only when there is an alarm: it takes longer than the
network. It hears from a stated time before the event's end to a stated time after it, so the chunking of the samples
cannot decide what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aed.detect.beat import BeatKind, BeatVerdict, decode_beats
from aed.detect.event import Event
from aed.ontology.graph import load_ontology
from aed.ontology.taxonomy import Taxonomy
from aed.timebase import samples_from_seconds, seconds_from_samples

ALARM = "/m/07pp_mv"
"""AudioSet's *Alarm*."""
KIND_OF_ALARM = {BeatKind.TEMPORAL_THREE: "/m/01y3hg", BeatKind.TEMPORAL_FOUR: "aed:carbon_monoxide_alarm"}
"""Beat -> concept: *Smoke detector, smoke alarm* and our *Carbon monoxide alarm*."""
PERIOD_SECONDS = {BeatKind.TEMPORAL_THREE: 4.0, BeatKind.TEMPORAL_FOUR: 6.0, BeatKind.CHIRP: 60.0}
"""What sounds within a period of the last pulse that is known belongs to the beat: its own pulse is known a little
later than the event."""
WAIT_SECONDS = 1.0
"""An event of an alarm is told so much later: by then a beat that its last pulse completed is known."""
LOOK_BACK_SECONDS = 30.0
"""Two periods of the slowest alarm are 13 s; a third makes the verdict surer."""
CHIRP_SECONDS = 1.5
"""A shorter event may be a chirp, and"""
CHIRP_LOOK_BACK_SECONDS = 190.0
"""three periods of a minute tell."""
_LATEST_SECONDS = 60.0
"""An event is told sooner than that after its end, even where a file comes in large blocks."""
LOWEST_RATE_HZ = 8_000
"""The decoder's: below it the tones of piezo alarms are not there."""
_FULL_SCALE = 32767.0


class AlarmBeats:
    """Names the alarms among the events of one stream.

    Args:
        taxonomy: The tree.
        rate_hz: Sample rate of the stream.
    """

    def __init__(self, taxonomy: Taxonomy, rate_hz: int) -> None:
        self._taxonomy, self._rate_hz = taxonomy, rate_hz
        self._alarms = _alarm_nodes(taxonomy)
        kept_seconds = CHIRP_LOOK_BACK_SECONDS + _LATEST_SECONDS if self._alarms and rate_hz >= LOWEST_RATE_HZ else 0.0
        self._kept = _LastSamples(samples_from_seconds(kept_seconds, rate_hz))
        self._waiting: list[Event] = []

    def push(self, samples: np.ndarray) -> None:
        """Hear samples, `(samples,)`."""
        self._kept.push(samples)

    def name(self, events: Sequence[Event]) -> list[Event]:
        """Take events that are over; returns those whose kind is settled, in the order in which they came."""
        self._waiting += events
        return self._settled(seconds_from_samples(self._kept.heard, self._rate_hz) - WAIT_SECONDS)

    def flush(self) -> list[Event]:
        """End the stream: the events that were still waiting."""
        return self._settled(np.inf)

    def _settled(self, until_seconds: float) -> list[Event]:
        settled = [event for event in self._waiting if not self._waits(event, until_seconds)]
        self._waiting = [event for event in self._waiting if self._waits(event, until_seconds)]
        return [self._named(event) for event in settled]

    def _waits(self, event: Event, until_seconds: float) -> bool:
        return self._is_asked(event) and event.offset_seconds > until_seconds

    def _is_asked(self, event: Event) -> bool:
        return event.node in self._alarms and self._kept.capacity > 0

    def _named(self, event: Event) -> Event:
        verdict = self._verdict_on(event) if self._is_asked(event) else None
        if verdict is None:
            return event
        node = self._node_of(verdict.kind)
        if node is None or self._taxonomy.ancestor_matrix[event.node, node]:  # it is that already
            return replace(event, beat=str(verdict.kind))
        known = self._taxonomy.nodes[node]
        path = tuple(self._taxonomy.path_names(node))
        return replace(event, node=node, node_id=known.id, name=known.name, path=path, beat=str(verdict.kind))

    def _verdict_on(self, event: Event) -> BeatVerdict | None:
        """The beat that the event belongs to; of several that with the most periods."""
        is_short = event.offset_seconds - event.onset_seconds < CHIRP_SECONDS
        look_back = CHIRP_LOOK_BACK_SECONDS if is_short else LOOK_BACK_SECONDS
        start = max(0, samples_from_seconds(event.offset_seconds - look_back, self._rate_hz))
        stop = samples_from_seconds(event.offset_seconds + WAIT_SECONDS, self._rate_hz)
        samples, start_seconds = self._kept.window(start, stop), seconds_from_samples(start, self._rate_hz)
        over = [
            verdict
            for verdict in decode_beats(samples, self._rate_hz)
            if verdict.start_seconds + start_seconds <= event.offset_seconds
            and verdict.end_seconds + start_seconds + PERIOD_SECONDS[verdict.kind] >= event.onset_seconds
        ]
        return max(over, key=lambda verdict: verdict.num_periods, default=None)

    def _node_of(self, kind: BeatKind) -> int | None:
        """The node that a beat names, or the nearest one above that is still an alarm."""
        if kind not in KIND_OF_ALARM:
            return None
        path = load_ontology().path(KIND_OF_ALARM[kind])
        nodes = (self._taxonomy.node_for_concept(concept) for concept in reversed(path))
        return next((node for node in nodes if node in self._alarms), None)


class _LastSamples:
    """The last samples of a stream, in 16 bits: half the memory, and no beat is lost in their noise.

    Args:
        capacity: How many; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.heard = capacity, 0
        self._ring = np.zeros(capacity, dtype=np.int16)

    def push(self, samples: np.ndarray) -> None:
        """Add `(samples,)`."""
        self.heard += len(samples)
        if self.capacity:
            last = (np.clip(samples[-self.capacity :], -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
            at = (self.heard - len(last)) % self.capacity
            room = self.capacity - at
            self._ring[at : at + len(last)] = last[:room]
            self._ring[: max(0, len(last) - room)] = last[room:]

    def window(self, start: int, stop: int) -> np.ndarray:
        """Samples from one absolute position to another, as far as they are kept, `(samples,)` float32."""
        places = np.arange(max(start, self.heard - self.capacity), min(stop, self.heard)) % max(self.capacity, 1)
        return (self._ring[places] / np.float32(_FULL_SCALE)).astype(np.float32)


def _alarm_nodes(taxonomy: Taxonomy) -> frozenset[int]:
    """*Alarm* and what stands below it in the ontology, as far as the tree has it."""
    ontology = load_ontology()
    concepts = {ALARM} | ontology.descendants(ALARM)
    nodes = (taxonomy.node_for_concept(concept) for concept in concepts)
    return frozenset(node for node in nodes if node is not None)
