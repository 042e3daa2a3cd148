"""How sure each node must be so that a wished rate of false alarms holds; kept in the model's folder.

It lies there as `thresholds.json`, holds for the weights beside it only, and goes into their export.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pydantic
from pydantic import Field

from aed.detect.calibration import weights_digest
from aed.errors import ModelError
from aed.settings import Settings
from aed.storage import write_atomic

FILE_NAME = "thresholds.json"


class NodeThreshold(Settings):
    """One node.

    Attributes:
        min_probability: The node is believed in from this probability on.
        false_alarms: How often it was, in the recordings that the thresholds were set on.
        most_per_day: How many false alarms a day there are at most, with the confidence of the whole.
    """

    min_probability: float = Field(gt=0, le=1)
    false_alarms: int
    most_per_day: float


class NodeThresholds(Settings):
    """All nodes of a model.

    Attributes:
        format: Version of this file.
        weights: sha256 of the weights, 12 hex digits.
        false_alarms_per_day: What was wished, for each node by itself.
        confidence: Probability of each node's bound.
        hours: Length of the recordings in which nothing is to be reported.
        recordings: Their number.
        nodes: Id of each node that may be reported -> its threshold.
    """

    format: Literal[1] = 1
    weights: str
    false_alarms_per_day: float = Field(gt=0)
    confidence: float = Field(gt=0, lt=1)
    hours: float = Field(gt=0)
    recordings: int
    nodes: dict[str, NodeThreshold]

    @property
    def is_promised(self) -> bool:
        """Whether the recordings are long enough to promise what was wished, for every node."""
        return all(node.most_per_day <= self.false_alarms_per_day for node in self.nodes.values())

    @property
    def node_probabilities(self) -> dict[str, float]:
        """The thresholds as the detector takes them."""
        return {node_id: node.min_probability for node_id, node in self.nodes.items()}


def write_thresholds(folder: Path, thresholds: NodeThresholds) -> None:
    """Write them into a model's folder.

    Raises:
        StorageError: The folder cannot be written.
    """
    write_atomic(folder / FILE_NAME, thresholds.model_dump_json(indent=1) + "\n")


def read_thresholds(folder: Path) -> NodeThresholds | None:
    """Read a model's thresholds; None where nobody set any.

    Raises:
        ModelError: The file is damaged, or belongs to other weights.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); calibrate anew with 'aed calibrate'") from error
    thresholds = parse_thresholds(content, str(path))
    if thresholds.weights != (found := weights_digest(folder)):
        raise ModelError(
            f"{path}: made for weights {thresholds.weights}, but those in this folder are {found}: calibrate anew with "
            "'aed calibrate', or remove it"
        )
    return thresholds


def parse_thresholds(content: bytes | str, name: str) -> NodeThresholds:
    """Read the content of such a file.

    Args:
        content: JSON.
        name: Where it lies, for messages.

    Raises:
        ModelError: It is damaged.
    """
    try:
        return NodeThresholds.model_validate_json(content)
    except pydantic.ValidationError as error:
        why = " ".join(str(error).split())
        raise ModelError(f"{name}: damaged ({why}); remove it, or calibrate anew with 'aed calibrate'") from error
