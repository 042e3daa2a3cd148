"""From answers per row to events: one sound, one event, with the deepest answer that was sure.

A node is *active* in a row where it or a node below it is the answer. Per node, gaps of at most `gap_rows` are closed
and stretches shorter than `least_rows` dropped. Since a parent is active wherever a child is, a stretch of a child
always lies inside a stretch of its parent. A child's event suppresses its parent's: of a parent's stretch only the
pieces outside its children's stretches can become events, and only where longer than `absorb_rows`; shorter ones are
the same sound, heard less surely. With `absorb_rows` = 4:

    row      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14
    Animal   .  #  #  #  #  #  #  #  #  #  #  #  #  #  .
    Dog      .  .  #  #  #  #  .  .  .  .  .  .  .  .  .
    events         |--Dog---|  |-------Animal--------|         (row 1 is absorbed)

An event is known when it is over and its gap too. That it has begun is known before, once it is no longer too short to
count: told of the deepest node that is active then. A stretch of `most_rows` is cut: what never ends is told in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aed.ontology.structure import Taxonomy


@dataclass(frozen=True, slots=True)
class Event:
    """A sound with a beginning and an end; small, since half a day of alarms is thousands of them.

    Attributes:
        onset_seconds: Beginning, from the start of the recording.
        offset_seconds: End.
        node: Index of the answered node in the taxonomy.
        node_id: The node's id.
        name: The node's name.
        path: Names from the first level to the node.
        score: Highest smoothed P(node) in the stretch of the recording where the node or one below it was the answer;
            of an alarm that its beat named, that of the node which the network had named.
        beat: The beat of an alarm, where one was recognised: "temporal_three", "temporal_four" or "chirp".
    """

    onset_seconds: float
    offset_seconds: float
    node: int
    node_id: str
    name: str
    path: tuple[str, ...]
    score: float
    beat: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-able values; times to the millisecond, the score to 4 digits."""
        beat = {"beat": self.beat} if self.beat else {}
        return {
            "onset_seconds": round(self.onset_seconds, 3),
            "offset_seconds": round(self.offset_seconds, 3),
            "node_id": self.node_id,
            "name": self.name,
            "path": list(self.path),
            "score": round(self.score, 4),
            **beat,
        }


def by_onset(events: Iterable[Event]) -> list[Event]:
    """Sort events by onset; of those that begin together the longer one comes first."""
    return sorted(events, key=lambda event: (event.onset_seconds, -event.offset_seconds, event.node))


@dataclass(frozen=True)
class RowEvent:
    """An event in rows: `first_row` to `last_row`, both included."""

    first_row: int
    last_row: int
    node: int
    score: float


@dataclass
class _Stretch:
    """A node's open stretch of activity, and the stretches of its children that ended inside it."""

    first_row: int
    last_row: int
    score: float
    covered: list[tuple[int, int]] = field(default_factory=list)
    is_told: bool = False

    @property
    def rows(self) -> int:
        return self.last_row - self.first_row + 1

    def cover(self, first: int, last: int) -> None:
        if self.covered and self.covered[-1][1] == first - 1:  # parts of one sound: a day of them takes no memory
            first = self.covered.pop()[0]
        self.covered.append((first, last))


class EventTracker:
    """Follows the nodes row by row and emits an event when it is over.

    Args:
        taxonomy: The tree.
        least_rows: Shortest stretch that counts, in rows; of all nodes, or one for each, (node,).
        gap_rows: Longest gap that is closed, in rows.
        absorb_rows: Longest piece of a supercategory beside a deeper event that is not an event of its own, in rows.
        most_rows: Longest event, in rows; one without end by default.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        least_rows: int | Sequence[int],
        gap_rows: int,
        absorb_rows: int,
        most_rows: int | None = None,
    ) -> None:
        self._ancestors = taxonomy.ancestor_matrix.astype(np.float32)  # numpy multiplies truth values ten times slower
        self._parents = [int(parent) for parent in taxonomy.parents]
        self._least_rows = [least_rows] * taxonomy.num_nodes if isinstance(least_rows, int) else list(least_rows)
        self._gap_rows = gap_rows
        self._absorb_rows = absorb_rows
        self._most_rows = most_rows
        self._begun: list[RowEvent] = []
        self._open: dict[int, _Stretch] = {}
        self._row = 0

    def push(self, probabilities: np.ndarray, answers: np.ndarray) -> list[RowEvent]:
        """Add rows.

        Args:
            probabilities: Smoothed P(node), `(row, node)`.
            answers: From `Hedge.answers`, `(row, node)` bool.

        Returns:
            The events that are over now, in the order in which that became known.
        """
        active = answers.astype(np.float32) @ self._ancestors > 0
        active[:, 0] = False
        events: list[RowEvent] = []
        active_nodes: list[list[int]] = [[] for _ in active]
        for row, node in np.argwhere(active).tolist():
            active_nodes[row].append(node)
        for row_probabilities, nodes in zip(probabilities, active_nodes, strict=True):
            for node in nodes:
                self._extend(node, float(row_probabilities[node]))
            if self._open:
                events += self._close(before_row=self._row - self._gap_rows)
                self._tell_begun()
                events += self._cut()
            self._row += 1
        return events

    def take_begun(self) -> list[RowEvent]:
        """Return the events that have begun since the last call, as far as they have come."""
        begun, self._begun = self._begun, []
        return begun

    def lasting(self) -> list[RowEvent]:
        """Return the stretches that have begun to count and are not over, as far as they have come, by node."""
        told = [(node, self._open[node]) for node in sorted(self._open) if self._open[node].is_told]
        return [RowEvent(stretch.first_row, stretch.last_row, node, stretch.score) for node, stretch in told]

    def flush(self) -> list[RowEvent]:
        """End the stream: the events that were still open."""
        return self._close(before_row=self._row + 1)

    def _extend(self, node: int, probability: float) -> None:
        stretch = self._open.setdefault(node, _Stretch(self._row, self._row, probability))
        stretch.last_row = self._row
        stretch.score = max(stretch.score, probability)

    def _tell_begun(self) -> None:
        """Tell of stretches that now count, children first: an open child may still speak for them."""
        spoken_for: set[int] = set()
        for node in sorted(self._open, reverse=True):
            stretch = self._open[node]
            if not stretch.is_told and stretch.rows >= self._least_rows[node] and node not in spoken_for:
                self._begun.append(RowEvent(stretch.first_row, stretch.last_row, node, stretch.score))
                stretch.is_told = True
            spoken_for.add(self._parents[node])
            parent = self._open.get(self._parents[node])
            if parent is not None and stretch.is_told:
                parent.is_told = True

    def _cut(self) -> list[RowEvent]:
        """Close the stretches that have become as long as one may be; one with an open child waits for it."""
        if self._most_rows is None:
            return []
        waiting = {self._parents[node] for node in self._open}
        full = [node for node, stretch in self._open.items() if stretch.rows >= self._most_rows]
        return [event for node in full if node not in waiting for event in self._close_stretch(node)]

    def _close(self, before_row: int) -> list[RowEvent]:
        """Close the stretches whose last active row lies before a row, children first (parents have lower indices)."""
        over = sorted((node for node, stretch in self._open.items() if stretch.last_row < before_row), reverse=True)
        return [event for node in over for event in self._close_stretch(node)]

    def _close_stretch(self, node: int) -> Iterable[RowEvent]:
        stretch = self._open.pop(node)
        if stretch.rows < self._least_rows[node]:
            return
        parent = self._open.get(self._parents[node])
        if parent is not None:
            parent.cover(stretch.first_row, stretch.last_row)
        shortest = self._absorb_rows + 1 if stretch.covered else 1
        for first, last in _uncovered(stretch.first_row, stretch.last_row, stretch.covered):
            if last - first + 1 >= shortest:
                yield RowEvent(first, last, node, stretch.score)


def _uncovered(first: int, last: int, covered: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield the pieces of `first..last` outside the covered ranges; all ends included."""
    for start, end in sorted(covered):
        if start > first:
            yield first, start - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last
