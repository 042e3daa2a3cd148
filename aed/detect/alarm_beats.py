"""Which alarm it is, where its beat says so: an event of an alarm becomes a smoke or carbon monoxide alarm.

The network hears that an alarm sounds, the beat decoder (`aed.detect.beat`) which kind, after two periods of it. An
event at *Alarm* or below takes the node that the beat names, or the nearest one above it that the tree has; without a
verdict it stays what it is. A chirp, one beep in half a minute or more, names no kind: the event says that its battery
is low.

The decoder takes longer than the network, so it listens only around alarms: from some minutes before the first moment
in which the model believes in one, for the last minutes are kept, until it has not done so for a while. It hears steps
at absolute positions, and each verdict bears the time at which it was told; an event asks for those that were told by a
second after its end. So the chunking of the samples cannot decide what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from aed.detect.beat import BeatDecoder, BeatKind, BeatVerdict
from aed.detect.event import Event
from aed.detect.last_samples import LastSamples
from aed.ontology.structure import Taxonomy
from aed.timebase import samples_from_seconds, seconds_from_samples

ALARM, SAFETY_ALARM = "/m/07pp_mv", "aed:safety_alarm"
"""AudioSet's *Alarm* and our *Safety alarm* below it."""
KINDS_OF_ALARM = {
    BeatKind.TEMPORAL_THREE: ("/m/01y3hg", SAFETY_ALARM, ALARM),
    BeatKind.TEMPORAL_FOUR: ("aed:carbon_monoxide_alarm", SAFETY_ALARM, ALARM),
}
"""Beat -> concepts, the deepest first: *Smoke detector, smoke alarm*, and our *Carbon monoxide alarm*."""
PERIOD_SECONDS = {BeatKind.TEMPORAL_THREE: 4.0, BeatKind.TEMPORAL_FOUR: 6.0, BeatKind.CHIRP: 60.0}
"""What sounds within a period of the last pulse that is known belongs to the beat: its own pulse is known a little
later than the event."""
WAIT_SECONDS = 1.0
"""An event of an alarm is told so much later: by then a beat that its last pulse completed is known."""
STEP_SECONDS = 0.5
LOOK_BACK_SECONDS = 190.0
"""Three periods of a chirp once a minute."""
GO_ON_SECONDS = 120.0
"""After the last moment of an alarm: two periods of a chirp."""
MEMORY_SECONDS = 300.0
"""Verdicts are kept so long; an event that ended longer ago has been told."""
_LATEST_SECONDS = 20.0
"""What the model says of a moment is known sooner: 5.12 s are heard at once, and smoothing waits for about a second."""
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
        self._alarms = _alarm_nodes(taxonomy) if rate_hz >= LOWEST_RATE_HZ else frozenset[int]()
        kept_seconds = LOOK_BACK_SECONDS + _LATEST_SECONDS if self._alarms else 0.0
        self._kept = LastSamples(samples_from_seconds(kept_seconds, rate_hz))
        self._session: _Session | None = None
        self._told: list[_Told] = []
        self._waiting: list[Event] = []

    def push(self, samples: np.ndarray) -> None:
        """Hear samples, `(samples,)`."""
        self._kept.push(samples)

    def watch(self, believed: np.ndarray, end_seconds: np.ndarray) -> None:
        """See in which rows the model believes in an alarm.

        Args:
            believed: (row, node) bool.
            end_seconds: (row,) where each row ends.
        """
        if self._alarms:
            for seconds in end_seconds[believed[:, sorted(self._alarms)].any(axis=1)].tolist():
                self._see_alarm(seconds)

    def name(self, events: Sequence[Event]) -> list[Event]:
        """Take events that are over; returns those whose kind is settled, in the order in which they came."""
        self._waiting += events
        self._listen()
        return self._settled(self._heard_seconds - WAIT_SECONDS)

    def flush(self) -> list[Event]:
        """End the stream: the events that were still waiting."""
        self._listen()
        if self._session is not None:
            self._remember(self._session, self._session.decoder.flush())
        return self._settled(np.inf)

    @property
    def _heard_seconds(self) -> float:
        return seconds_from_samples(self._kept.heard, self._rate_hz)

    def _see_alarm(self, seconds: float) -> None:
        if self._session is None or seconds > self._session.last_alarm_seconds + GO_ON_SECONDS:
            step = samples_from_seconds(STEP_SECONDS, self._rate_hz)
            start = max(0, samples_from_seconds(seconds - LOOK_BACK_SECONDS, self._rate_hz)) // step * step
            self._session = _Session(BeatDecoder(self._rate_hz), start, start, seconds)
        self._session.last_alarm_seconds = seconds

    def _listen(self) -> None:
        """Let the decoder hear what it is to hear, in whole steps."""
        session, step = self._session, samples_from_seconds(STEP_SECONDS, self._rate_hz)
        if session is not None:
            until = samples_from_seconds(session.last_alarm_seconds + GO_ON_SECONDS, self._rate_hz)
            while session.heard_samples + step <= min(until, self._kept.heard):
                samples = self._kept.window(session.heard_samples, session.heard_samples + step)
                session.heard_samples += step
                self._remember(session, session.decoder.push(samples))

    def _remember(self, session: _Session, verdicts: Sequence[BeatVerdict]) -> None:
        told, start = (seconds_from_samples(at, self._rate_hz) for at in (session.heard_samples, session.start_samples))
        for verdict in verdicts:
            first, last = verdict.start_seconds + start, verdict.end_seconds + start
            self._told.append(_Told(told, replace(verdict, start_seconds=first, end_seconds=last)))
        self._told = [each for each in self._told if each.seconds >= told - MEMORY_SECONDS]

    def _settled(self, until_seconds: float) -> list[Event]:
        settled = [event for event in self._waiting if not self._waits(event, until_seconds)]
        self._waiting = [event for event in self._waiting if self._waits(event, until_seconds)]
        return [self._named(event) if event.node in self._alarms else event for event in settled]

    def _waits(self, event: Event, until_seconds: float) -> bool:
        return event.node in self._alarms and event.offset_seconds > until_seconds

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
        """The beat that the event belongs to, as it was known in time; of several that with the most periods."""
        known: dict[tuple[BeatKind, float], BeatVerdict] = {}
        for told in self._told:
            if told.seconds <= event.offset_seconds + WAIT_SECONDS:
                known[told.verdict.kind, told.verdict.start_seconds] = told.verdict
        over = [
            verdict
            for verdict in known.values()
            if verdict.start_seconds <= event.offset_seconds
            and verdict.end_seconds + PERIOD_SECONDS[verdict.kind] >= event.onset_seconds
        ]
        return max(over, key=lambda verdict: verdict.num_periods, default=None)

    def _node_of(self, kind: BeatKind) -> int | None:
        """The node that a beat names, or the nearest one above that is still an alarm; None where there is none."""
        nodes = (self._taxonomy.node_for_concept(concept) for concept in KINDS_OF_ALARM.get(kind, ()))
        return next((node for node in nodes if node is not None), None)


class _Told(NamedTuple):
    """A verdict, in the time of the stream, and when it was told."""

    seconds: float
    verdict: BeatVerdict


@dataclass
class _Session:
    """One stretch of the stream that the decoder hears."""

    decoder: BeatDecoder
    start_samples: int
    heard_samples: int
    last_alarm_seconds: float


def _alarm_nodes(taxonomy: Taxonomy) -> frozenset[int]:
    """*Alarm*, as far as the tree has it, the alarms that a beat names, and all that stands below them in the tree."""
    concepts = {concept for of_kind in KINDS_OF_ALARM.values() for concept in of_kind}
    tops = [node for node in map(taxonomy.node_for_concept, concepts) if node is not None]
    return frozenset(np.flatnonzero(taxonomy.ancestor_matrix[:, tops].any(axis=1)).tolist())
