"""Which alarm it is, where its beat says so: an event of an alarm becomes a smoke or carbon monoxide alarm.

The network hears that an alarm sounds, the beat decoder (`aed.detect.beat`) which kind, after two periods of it. An
event at *Alarm* or below takes the node that the beat names, or the nearest one above it that the tree has; without a
verdict it stays what it is. A chirp, one beep in half a minute or more, names no kind: the event says that its battery
is low.

The decoder hears the stream in steps at absolute positions, and an event waits until it has heard a little beyond the
event's end. So the chunking of the samples cannot decide what is known by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aed.detect.beat import BeatDecoder, BeatKind, BeatVerdict
from aed.detect.event import Event
from aed.detect.frames import FrameCutter
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
STEP_SECONDS = 0.5
WAIT_SECONDS = 1.0
"""An event of an alarm is told so much later: by then a beat that its last pulse completed is known."""
REACH_SECONDS = 600.0
"""A beat that ended longer before the end of an event is no news of it: memory needs a bound."""
_LATEST_EVENT_SECONDS = 120.0
"""An event is told sooner than that after its end, even where a file comes in large blocks."""
LOWEST_RATE_HZ = 8_000
"""The decoder's: below it the tones of piezo alarms are not there."""


class AlarmBeats:
    """Names the alarms among the events of one stream.

    Args:
        taxonomy: The tree.
        rate_hz: Sample rate of the stream.
    """

    def __init__(self, taxonomy: Taxonomy, rate_hz: int) -> None:
        self._taxonomy, self._rate_hz = taxonomy, rate_hz
        self._alarms = _alarm_nodes(taxonomy)
        self._is_used = bool(self._alarms) and rate_hz >= LOWEST_RATE_HZ
        self._decoder = BeatDecoder(rate_hz) if self._is_used else None
        self._cutter = FrameCutter(samples_from_seconds(STEP_SECONDS, rate_hz))
        self._heard_samples = 0
        self._told: dict[tuple[BeatKind, float], list[tuple[float, BeatVerdict]]] = {}
        self._waiting: list[Event] = []

    def push(self, samples: np.ndarray) -> None:
        """Hear samples, `(samples,)`."""
        if self._decoder is None:
            return
        for frame in self._cutter.push(samples):
            self._heard_samples += len(frame)
            self._remember(self._decoder.push(frame))

    def name(self, events: Sequence[Event]) -> list[Event]:
        """Take events that are over; returns those whose kind is settled, in the order in which they came."""
        self._waiting += events
        return self._settled(self._heard_seconds - WAIT_SECONDS)

    def flush(self) -> list[Event]:
        """End the stream: the events that were still waiting."""
        if self._decoder is not None:
            self._remember(self._decoder.flush())
        return self._settled(np.inf)

    @property
    def _heard_seconds(self) -> float:
        return seconds_from_samples(self._heard_samples, self._rate_hz)

    def _remember(self, verdicts: Sequence[BeatVerdict]) -> None:
        for verdict in verdicts:
            told = self._told.setdefault((verdict.kind, verdict.start_seconds), [])
            told.append((self._heard_seconds, verdict))

    def _settled(self, until_seconds: float) -> list[Event]:
        settled = [event for event in self._waiting if not self._waits(event, until_seconds)]
        self._waiting = [event for event in self._waiting if self._waits(event, until_seconds)]
        named = [self._named(event) if event.node in self._alarms else event for event in settled]
        self._forget()
        return named

    def _waits(self, event: Event, until_seconds: float) -> bool:
        return self._is_used and event.node in self._alarms and event.offset_seconds > until_seconds

    def _named(self, event: Event) -> Event:
        verdict = self._verdict_on(event)
        if verdict is None:
            return event
        node = self._node_of(verdict.kind)
        if node is None or self._taxonomy.ancestor_matrix[event.node, node]:  # it is that already
            return replace(event, beat=str(verdict.kind))
        known = self._taxonomy.nodes[node]
        path = tuple(self._taxonomy.path_names(node))
        return replace(event, node=node, node_id=known.id, name=known.name, path=path, beat=str(verdict.kind))

    def _verdict_on(self, event: Event) -> BeatVerdict | None:
        """The beat that overlaps the event and was known in time; of several that with the most periods."""
        in_time, since = event.offset_seconds + WAIT_SECONDS, event.offset_seconds - REACH_SECONDS
        known = [[verdict for told_seconds, verdict in told if told_seconds <= in_time] for told in self._told.values()]
        over = [
            verdicts[-1]
            for verdicts in known
            if verdicts
            and verdicts[-1].start_seconds <= event.offset_seconds
            and verdicts[-1].end_seconds + PERIOD_SECONDS[verdicts[-1].kind] >= max(event.onset_seconds, since)
        ]
        return max(over, key=lambda verdict: verdict.num_periods, default=None)

    def _node_of(self, kind: BeatKind) -> int | None:
        """The node that a beat names, or the nearest one above that is still an alarm."""
        if kind not in KIND_OF_ALARM:
            return None
        path = load_ontology().path(KIND_OF_ALARM[kind])
        nodes = (self._taxonomy.node_for_concept(concept) for concept in reversed(path))
        return next((node for node in nodes if node in self._alarms), None)

    def _forget(self) -> None:
        """Drop what no later event can ask for."""
        before = self._heard_seconds - REACH_SECONDS - _LATEST_EVENT_SECONDS
        for key, told in list(self._told.items()):
            recent = [each for each in told if each[0] >= before] or told[-1:]
            self._told[key] = recent
            if recent[-1][1].end_seconds < before:
                del self._told[key]


def _alarm_nodes(taxonomy: Taxonomy) -> frozenset[int]:
    """*Alarm* and what stands below it in the ontology, as far as the tree has it."""
    ontology = load_ontology()
    concepts = {ALARM} | ontology.descendants(ALARM)
    nodes = (taxonomy.node_for_concept(concept) for concept in concepts)
    return frozenset(node for node in nodes if node is not None)
