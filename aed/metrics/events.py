"""How many events of a node were found, how late, and how well its probability ranks the moments of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.metrics.average_precision import NodeAveragePrecision, node_average_precisions
from aed.metrics.event_truth import EventScene
from aed.metrics.spans import covers, intersect
from aed.ontology.labels import ABSENT, PRESENT, UNKNOWN

LATE_QUANTILE = 0.9


@dataclass(frozen=True)
class FoundEvents:
    """What became of a node's events.

    Attributes:
        events: How many there are.
        delays_seconds: Of each that was found, from its beginning to that of the first detection that touches it; 0
            where that had begun before. What the detector itself needs until it can answer is not in it.
    """

    events: int
    delays_seconds: tuple[float, ...]

    @property
    def found(self) -> int:
        """How many of them a detection touches."""
        return len(self.delays_seconds)

    @property
    def share(self) -> float:
        """Share of the events that were found; nan without events."""
        return self.found / self.events if self.events else float("nan")

    @property
    def median_delay_seconds(self) -> float:
        """Half of the found events were found within this time; nan where none was."""
        return float(np.median(self.delays_seconds)) if self.delays_seconds else float("nan")

    @property
    def late_delay_seconds(self) -> float:
        """Nine of ten found events were found within this time; nan where none was."""
        return float(np.quantile(self.delays_seconds, LATE_QUANTILE)) if self.delays_seconds else float("nan")


def find_events(scenes: Sequence[EventScene], node: int) -> FoundEvents:
    """Say which events of a node were found, and how late."""
    events, delays = 0, []
    for scene in scenes:
        for event in scene.truth[node]:
            events += 1
            touching = [found for found in scene.detections[node] if len(intersect(event[None], found[None]))]
            if touching:
                delays.append(max(0.0, float(touching[0][0] - event[0])))
    return FoundEvents(events, tuple(delays))


def average_precisions_over_time(
    scenes: Sequence[EventScene], nodes: Sequence[int]
) -> tuple[NodeAveragePrecision, ...]:
    """Return how well each node's probability ranks all rows of all recordings; rows of unknown state are left out.

    A row counts as present where its middle lies in an event.

    Args:
        scenes: At least one recording.
        nodes: The nodes that are asked about.
    """
    asked = np.asarray(nodes, dtype=np.int64)
    probabilities = np.concatenate([scene.probabilities[:, asked] for scene in scenes])
    states = np.concatenate([row_states(scene, asked) for scene in scenes])
    found = node_average_precisions(probabilities, states, np.arange(len(asked)), unknown_as_absent=False)
    return tuple(
        NodeAveragePrecision(node, one.average_precision, one.prior, one.chance, one.present, one.known)
        for node, one in zip(nodes, found, strict=True)
    )


def row_states(scene: EventScene, nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Return whether each node is present (1), absent (0) or unknown (-1) in the middle of each row, (row, node)."""
    middles = (np.arange(len(scene.probabilities)) + 0.5) * scene.row_seconds
    states = np.full((len(middles), len(nodes)), ABSENT, dtype=np.int8)
    for column, node in enumerate(nodes):
        states[covers(scene.unknown[node], middles), column] = UNKNOWN
        states[covers(scene.truth[node], middles), column] = PRESENT
    return states
