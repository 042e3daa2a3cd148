"""Tree heads by name, each with the task it serves."""

from __future__ import annotations

from typing import Literal

from aed.errors import ConfigError
from aed.ontology.taxonomy import Taxonomy
from aed.settings import Settings
from aed.tree.conditional import ConditionalSigmoidHead, ConditionalSoftmaxHead
from aed.tree.flat import FlatSigmoidHead, FlatSoftmaxHead
from aed.tree.head import TreeHead
from aed.tree.path_sum import PathSumSoftmaxHead
from aed.tree.prototype import PrototypeSoftmaxHead

HeadName = Literal["tree", "flat", "path_sum", "prototype"]

HEADS: dict[tuple[HeadName, str], type[TreeHead]] = {
    ("tree", "single"): ConditionalSoftmaxHead,
    ("tree", "multi"): ConditionalSigmoidHead,
    ("flat", "single"): FlatSoftmaxHead,
    ("flat", "multi"): FlatSigmoidHead,
    ("path_sum", "single"): PathSumSoftmaxHead,
    ("prototype", "single"): PrototypeSoftmaxHead,
}


class HeadConfig(Settings):
    """Which head.

    Attributes:
        name: `tree`: conditional softmax or sigmoid by the taxonomy's task; `flat`: leaf sums; `path_sum`: leaf sums of
            logits that are summed along paths; `prototype`: of cosines with directions that are. The last two for
            single labels only.
    """

    name: HeadName = "tree"


def build_head(config: HeadConfig, dim: int, taxonomy: Taxonomy) -> TreeHead:
    """Make the head that the taxonomy's task needs.

    Raises:
        ConfigError: No head of this name serves the task.
    """
    key = (config.name, taxonomy.task)
    if key not in HEADS:
        known = ", ".join(sorted(name for name, task in HEADS if task == taxonomy.task))
        raise ConfigError(f"no head '{config.name}' for the task '{taxonomy.task}': known are {known}")
    return HEADS[key](dim, taxonomy)
