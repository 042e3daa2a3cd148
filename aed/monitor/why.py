"""Why something was told at a moment of a recording, or was not: the monitor's own code, asked about one moment.

The recording is heard from its beginning, since holds, repeats and cool-downs depend on what came before, until a
while after the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from aed.detect.belief import Belief
from aed.detect.detector import FittedDetectorConfig
from aed.detect.health import HealthEvent
from aed.detect.hedge import Hedge
from aed.errors import ConfigError
from aed.monitor.hearing.clock import RecordingClock
from aed.monitor.hearing.hearing import Hearing, HearingParts
from aed.monitor.messages import HeardEvent
from aed.monitor.sources.source import Source
from aed.ontology.structure import Taxonomy
from aed.timebase import rows_from_seconds

AROUND_SECONDS = 30.0
"""Of rows before and after the moment: what is believed in and how long it lasts hardly reaches further."""
AFTER_SECONDS = 60.0
"""So long the recording is heard on: a sound that lasts at the moment may be held, and told later."""
LEAST_PROBABILITY = 0.1
"""A node matters where it is at least this likely, is believed in, or is named by a rule that has no such node."""


@dataclass(frozen=True)
class NodeReason:
    """What came of one node at the moment.

    Attributes:
        node: Its index.
        name: Its name.
        path: Names from the first level down to it.
        probability: P(node), smoothed, as the detector sees it.
        threshold: From which on it is believed in.
        verdict: What came of it, in words.
        rules: Names of the rules that would decide about it.
    """

    node: int
    name: str
    path: tuple[str, ...]
    probability: float
    threshold: float
    verdict: str
    rules: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values; probabilities to 4 digits."""
        values = {"name": self.name, "path": list(self.path), "probability": round(self.probability, 4)}
        return {**values, "threshold": round(self.threshold, 4), "verdict": self.verdict, "rules": list(self.rules)}


@dataclass(frozen=True)
class Explanation:
    """What was heard at a moment.

    Attributes:
        at_seconds: The moment.
        nodes: The nodes that matter, in the order of the tree.
        heard: The entries of the monitor's memory in whose time it lies, as they are when all is over.
    """

    at_seconds: float
    nodes: tuple[NodeReason, ...]
    heard: tuple[HeardEvent, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        nodes, heard = [node.to_dict() for node in self.nodes], [each.to_dict() for each in self.heard]
        return {"at_seconds": self.at_seconds, "nodes": nodes, "events": heard}


def explain(
    parts: HearingParts,
    source: Source,
    name: str,
    at_seconds: float,
    started_at: datetime,
    entries: Callable[[], list[HeardEvent]],
) -> Explanation:
    """Say what was heard at a moment of a recording, and why it was told or not.

    Args:
        parts: What a monitor's streams share.
        source: The recording, from its beginning.
        name: Source as which it is heard.
        at_seconds: The moment.
        started_at: When the recording began, UTC.
        entries: Returns what was remembered.

    Raises:
        AudioError: The recording cannot be read.
        ConfigError: It is shorter than that.
    """
    hearing = Hearing(
        parts, name, source.rate_hz, is_live=False, clock=RecordingClock(started_at), on_health=_no_matter
    )
    for piece in source.pieces():
        hearing.push(piece.samples)
        if hearing.seconds_seen >= at_seconds + AFTER_SECONDS:
            break
    source.close()
    hearing.finish()
    if not 0 <= at_seconds < hearing.seconds_seen:
        raise ConfigError(f"--at {at_seconds:g} s lies outside the recording of {hearing.seconds_seen:.1f} s")
    rows, ends = hearing.rows.between(at_seconds - AROUND_SECONDS, at_seconds + AROUND_SECONDS)
    row = min(int(np.searchsorted(ends, at_seconds, side="right")), len(ends) - 1)
    reasons = NodeReasons(parts.scorer.taxonomy, parts.detector, parts.scorer.layout.row_seconds, rows, row)
    nodes = tuple(replace(each, rules=tuple(parts.rules.about(each.node, name))) for each in reasons.all())
    row_seconds = parts.scorer.layout.row_seconds
    heard = [
        each
        for each in entries()
        if each.event.onset_seconds - row_seconds <= at_seconds <= each.event.offset_seconds + row_seconds
    ]
    return Explanation(at_seconds, nodes, tuple(heard))


class NodeReasons:
    """What came of each node in one row, by the detector's own steps.

    Args:
        taxonomy: The tree.
        config: Settings of the detector.
        row_seconds: Length of a row.
        rows: Probabilities around the moment, `(row, node)`.
        row: Which of them is the moment.
    """

    def __init__(
        self, taxonomy: Taxonomy, config: FittedDetectorConfig, row_seconds: float, rows: np.ndarray, row: int
    ) -> None:
        self._taxonomy, self._config, self._row_seconds, self._row = taxonomy, config, row_seconds, row
        self._rows, self._thresholds = rows, config.probabilities(taxonomy)
        self._believed = Belief(self._thresholds, config.release_ratio).push(rows)
        self._answers = Hedge(taxonomy).answers(rows, self._believed)
        self._active = self._answers.astype(np.float32) @ taxonomy.ancestor_matrix.astype(np.float32) > 0

    def all(self) -> list[NodeReason]:
        """Return the nodes that matter, each branch in one piece."""
        matters = (self._rows[self._row] >= LEAST_PROBABILITY) | self._believed[self._row] | self._active[self._row]
        return [self._reason(node) for node in self._taxonomy.depth_first() if node and matters[node]]

    def _reason(self, node: int) -> NodeReason:
        known, path = self._taxonomy.nodes[node], tuple(self._taxonomy.path_names(node))
        probability, threshold = float(self._rows[self._row, node]), float(self._thresholds[node])
        return NodeReason(node, known.name, path, probability, threshold, self._verdict(node), ())

    def _verdict(self, node: int) -> str:
        probability, threshold = float(self._rows[self._row, node]), float(self._thresholds[node])
        if not self._believed[self._row, node]:
            return f"not sure enough: {probability:.2f} is below {threshold:.2f}"
        if self._answers[self._row, node]:
            return self._length(node)
        children = [child for child in self._taxonomy.children(node) if self._active[self._row, child]]
        if children:
            names = " and ".join(self._taxonomy.nodes[child].name for child in children)
            return f"{names}, below it, is the answer"
        if node == self._taxonomy.none_index:
            return "the model's way to say that it is nothing that it knows"
        return "not on the likeliest path down the tree"

    def _length(self, node: int) -> str:
        """Whether the stretch of rows in which it or what is below it is the answer is long enough to count."""
        seconds = self._stretch_rows(node) * self._row_seconds
        least_seconds = self._config.min_event_seconds
        if self._stretch_rows(node) < max(1, rows_from_seconds(least_seconds, self._row_seconds)):
            return f"the answer, but for {seconds:.2f} s only: under {least_seconds:g} s it is no event"
        return "the answer"

    def _stretch_rows(self, node: int) -> int:
        active = np.flatnonzero(self._active[:, node])
        gap_rows = rows_from_seconds(self._config.merge_gap_seconds, self._row_seconds)
        parts = np.split(active, np.flatnonzero(np.diff(active) > gap_rows + 1) + 1)
        around = next(part for part in parts if self._row in part)
        return int(around[-1] - around[0] + 1)


class Silent:
    """Stands for somebody whom the rules name, and tells nothing.

    Args:
        name: What rules call it.
    """

    takes_errands = True

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        """Nothing begins."""

    def close(self) -> None:
        """Nothing ends."""


def _no_matter(event: HealthEvent) -> None:
    """A recording's health is told by the monitor."""
