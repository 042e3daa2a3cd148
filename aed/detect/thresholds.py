"""How sure each node must be so that a wished rate of false alarms holds; kept in the model's folder.

It lies there as `thresholds.json`, holds for the weights beside it only, and goes into their export.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from aed.detect.beside_weights import BesideWeights, read_beside_weights, write_beside_weights
from aed.detect.detector import DetectorConfig
from aed.record import Record

FILE_NAME = "thresholds.json"
FORMER_SHORTEST_EVENT_SECONDS = 0.24
"""What counted as an event, of a model that decides every 80 ms, where the file does not say: three decisions."""


class NodeThreshold(Record, frozen=True, kw_only=True):
    """One node.

    Attributes:
        min_probability: The node is believed in from this probability on.
        false_alarms: How often it was, in the recordings that the thresholds were set on.
        most_per_day: How many false alarms a day there are at most, with the confidence of the whole.
    """

    min_probability: Annotated[float, Meta(gt=0, le=1)]
    false_alarms: int
    most_per_day: float


class NodeThresholds(BesideWeights, frozen=True, kw_only=True):
    """All nodes of a model.

    Attributes:
        format: Version of this file.
        false_alarms_per_day: What was wished, for each node by itself.
        confidence: Probability of each node's bound.
        hours: Length of the recordings in which nothing is to be reported.
        recordings: Their number.
        min_event_seconds: What was shorter did not count as an event: the thresholds hold for a detector that drops it.
        nodes: Id of each node that may be reported -> its threshold.
    """

    format: Literal[1] = 1
    false_alarms_per_day: Annotated[float, Meta(gt=0)]
    confidence: Annotated[float, Meta(gt=0, lt=1)]
    hours: Annotated[float, Meta(gt=0)]
    recordings: int
    min_event_seconds: Annotated[float, Meta(ge=0)] | None = None
    nodes: dict[str, NodeThreshold]

    @property
    def is_promised(self) -> bool:
        """Whether the recordings are long enough to promise what was wished, for every node."""
        return all(node.most_per_day <= self.false_alarms_per_day for node in self.nodes.values())

    @property
    def node_probabilities(self) -> dict[str, float]:
        """The thresholds as the detector takes them."""
        return {node_id: node.min_probability for node_id, node in self.nodes.items()}


def as_counted(config: DetectorConfig, thresholds: NodeThresholds | None, window_seconds: float) -> DetectorConfig:
    """Return settings of the detector with a model's thresholds, and what was an event when they were counted.

    Args:
        config: Settings without them.
        thresholds: Of the model; without any, the settings stay as they are.
        window_seconds: What a row of the model looks at.
    """
    if thresholds is None:
        return config
    shortest = thresholds.min_event_seconds
    if shortest is None:
        shortest = max(FORMER_SHORTEST_EVENT_SECONDS, config.for_window(window_seconds).min_event_seconds)
    nodes = thresholds.node_probabilities
    return config.with_changes(node_probabilities=nodes, min_event_seconds=shortest)


def write_thresholds(folder: Path, thresholds: NodeThresholds) -> None:
    """Write them into a model's folder.

    Raises:
        StorageError: The folder cannot be written.
    """
    write_beside_weights(folder / FILE_NAME, thresholds)


def read_thresholds(folder: Path) -> NodeThresholds | None:
    """Read a model's thresholds; None where nobody set any.

    Raises:
        ModelError: The file is damaged, or belongs to other weights.
    """
    return read_beside_weights(folder / FILE_NAME, NodeThresholds)
