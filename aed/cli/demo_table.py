"""The demo's table: what was detected, beside what the scene holds there, and which of it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from aed.ontology.graph import load_ontology
from aed.ontology.labels import load_label_map

if TYPE_CHECKING:
    from aed.audio.scene import SceneEvent
    from aed.detect.event import Event


class DemoTable:
    """Judges the events of one model on the demo's scene.

    An event is right where it names what sounds there, or what stands above that in the ontology: a bark may be called
    *Dog* or *Domestic animals*, an engine *Engine*; to a model that was taught to keep quiet about engines it is none.

    Args:
        truth: What the scene holds.
        events: What was detected.
        targets_only: Every answer to what is no target of the demo is wrong, whatever it says.
    """

    def __init__(self, truth: Sequence[SceneEvent], events: Sequence[Event], *, targets_only: bool) -> None:
        self._truth, self._events, self._targets_only = truth, events, targets_only
        self._right_answers = {sound.sound: right_answers(sound.sound) for sound in truth}

    @property
    def caption(self) -> str:
        """Say in one line how many targets were found and how many events are wrong."""
        targets = [sound for sound in self._truth if sound.is_target]
        found = sum(any(self._names(event, sound) for event in self._events) for sound in targets)
        wrong = sum(not self.is_right(event) for event in self._events)
        return f"{found} of {len(targets)} target sounds found, {wrong} wrong answers"

    def is_right(self, event: Event) -> bool:
        """Whether something sounds there that the event names."""
        return any(self._names(event, sound) for sound in self._truth)

    def table(self, title: str) -> Table:
        """Lay it out for the terminal."""
        table = Table("onset (s)", "offset (s)", "detected", "score", "in the scene", "", title=title)
        for event in self._events:
            there = ", ".join(sound.sound for sound in self._truth if _overlap(event, sound)) or "(nothing)"
            times = f"{event.onset_seconds:.2f}", f"{event.offset_seconds:.2f}"
            mark = "" if self.is_right(event) else "wrong"
            table.add_row(*times, " > ".join(event.path), f"{event.score:.2f}", there, mark)
        table.caption = self.caption
        return table

    def _names(self, event: Event, sound: SceneEvent) -> bool:
        may_be_named = sound.is_target or not self._targets_only
        return may_be_named and _overlap(event, sound) and event.node_id in self._right_answers[sound.sound]


def right_answers(sound: str) -> frozenset[str]:
    """Ids of the concepts that a sound made by formula is: its own, those above it, and below it for what has no own.

    A smoke alarm by formula is taught as a safety alarm (`ontology/labels/made.yaml`); its beat says which.
    """
    concept = load_label_map("made").labels[sound].concept
    if concept is None:
        return frozenset()
    ontology = load_ontology()
    return ontology.ancestors(concept) | {concept} | ontology.descendants(concept)


def _overlap(event: Event, sound: SceneEvent) -> bool:
    return event.onset_seconds < sound.offset_seconds and sound.onset_seconds < event.offset_seconds
