"""Tree heads by name, each with the task it serves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from aed.errors import ConfigError
from aed.ontology.taxonomy import Taxonomy
from aed.tree.conditional import ConditionalSigmoidHead, ConditionalSoftmaxHead
from aed.tree.flat import FlatSigmoidHead, FlatSoftmaxHead
from aed.tree.head import TreeHead

HeadName = Literal["tree", "flat"]

HEADS: dict[tuple[HeadName, str], type[TreeHead]] = {
    ("tree", "single"): ConditionalSoftmaxHead,
    ("tree", "multi"): ConditionalSigmoidHead,
    ("flat", "single"): FlatSoftmaxHead,
    ("flat", "multi"): FlatSigmoidHead,
}


class HeadConfig(BaseModel):
    """Which head: `tree` (conditional softmax or sigmoid by the taxonomy's task) or `flat` (leaf sums)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: HeadName = "tree"


def build_head(config: HeadConfig, dim: int, taxonomy: Taxonomy) -> TreeHead:
    """Make the head that the taxonomy's task needs.

    Raises:
        ConfigError: No head of this name serves the task.
    """
    key = (config.name, taxonomy.task)
    if key not in HEADS:
        raise ConfigError(f"no head '{config.name}' for the task '{taxonomy.task}': known are {sorted(HEADS)}")
    return HEADS[key](dim, taxonomy)
