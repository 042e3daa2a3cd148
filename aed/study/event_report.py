"""What an evaluation of events found, and its form as JSON, where a figure without a value is null."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from aed.metrics.average_precision import NodeAveragePrecision
from aed.metrics.event_scores import COLLAR_SECONDS, COLLAR_SHARE, SEGMENT_SECONDS
from aed.metrics.events import FoundEvents
from aed.metrics.false_alarms import CONFIDENCE, FalseAlarms
from aed.ontology.taxonomy import Taxonomy

_FORMAT = 1
_SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True)
class NodeEvents:
    """Figures of one node; nan where it has no event.

    Attributes:
        node: Index of the node.
        is_class: Whether a label names it: the means are taken over these.
        found: Its events, and how late they were found.
        sources: Content groups that its events come from; None where no table tells.
        psds1: PSDS of scenario 1, of this node alone.
        psds2: PSDS of scenario 2.
        event_f1: Collar F1.
        segment_f1: Segment F1.
        precision: Average precision over time.
        false_alarms: False alarms.
    """

    node: int
    is_class: bool
    found: FoundEvents
    sources: int | None
    psds1: float
    psds2: float
    event_f1: float
    segment_f1: float
    precision: NodeAveragePrecision
    false_alarms: FalseAlarms


@dataclass(frozen=True)
class ConditionEvents:
    """Figures over the recordings of one condition.

    Attributes:
        snr_db: Signal-to-noise ratio; None for all recordings.
        recordings: How many.
        hours: How long they are together.
        unique_hours: How much of that is heard for the first time.
        psds1: PSDS of scenario 1 over the classes.
        psds2: PSDS of scenario 2.
        event_f1: Mean collar F1 over the classes.
        segment_f1: Mean segment F1 over the classes.
        mean_average_precision: Mean over the classes.
        nodes: Every node that can be an answer.
    """

    snr_db: float | None
    recordings: int
    hours: float
    unique_hours: float
    psds1: float
    psds2: float
    event_f1: float
    segment_f1: float
    mean_average_precision: float
    nodes: tuple[NodeEvents, ...]


@dataclass(frozen=True)
class EventEvaluation:
    """What an evaluation of events found.

    Attributes:
        taxonomy: The model's tree.
        conditions: All recordings, and those of each ratio where there are several.
        outside: Events whose label no node of the tree stands for, by label: whatever is found there is a false alarm.
        min_probability: How sure an answer had to be, of each model.
        answer_delay_seconds: How long after a sound the detector knows about it at worst.
        skipped: Recording -> why it could not be read.
        notes: What the reader must know before trusting the figures.
        looks: Looks at test folds by this recipe so far, these included; None where it was none.
    """

    taxonomy: Taxonomy
    conditions: tuple[ConditionEvents, ...]
    outside: dict[str, int]
    min_probability: tuple[float, ...]
    answer_delay_seconds: float
    skipped: dict[str, str]
    notes: tuple[str, ...]
    looks: int | None = None


def event_evaluation_to_dict(found: EventEvaluation) -> dict[str, Any]:
    """Return what `aed evaluate --events --json` prints."""
    return {
        "format": _FORMAT,
        "taxonomy": found.taxonomy.digest,
        "min_probability": list(found.min_probability),
        "answer_delay_seconds": found.answer_delay_seconds,
        "collar_seconds": COLLAR_SECONDS,
        "collar_share": COLLAR_SHARE,
        "segment_seconds": SEGMENT_SECONDS,
        "confidence": CONFIDENCE,
        "outside": found.outside,
        "skipped": found.skipped,
        "notes": list(found.notes),
        "looks": found.looks,
        "conditions": [_condition(condition, found.taxonomy) for condition in found.conditions],
    }


def _condition(condition: ConditionEvents, taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        "snr_db": condition.snr_db,
        "recordings": condition.recordings,
        "hours": condition.hours,
        "unique_hours": condition.unique_hours,
        "psds1": _known(condition.psds1),
        "psds2": _known(condition.psds2),
        "event_f1": _known(condition.event_f1),
        "segment_f1": _known(condition.segment_f1),
        "mean_average_precision": _known(condition.mean_average_precision),
        "nodes": [_node(node, taxonomy) for node in condition.nodes],
    }


def _node(node: NodeEvents, taxonomy: Taxonomy) -> dict[str, Any]:
    alarms = node.false_alarms
    return {
        "node_id": taxonomy.nodes[node.node].id,
        "name": taxonomy.nodes[node.node].name,
        "path": list(taxonomy.path_names(node.node)),
        "is_class": node.is_class,
        "events": node.found.events,
        "sources": node.sources,
        "found": node.found.found,
        "median_delay_seconds": _known(node.found.median_delay_seconds),
        "late_delay_seconds": _known(node.found.late_delay_seconds),
        "psds1": _known(node.psds1),
        "psds2": _known(node.psds2),
        "event_f1": _known(node.event_f1),
        "segment_f1": _known(node.segment_f1),
        "average_precision": _known(node.precision.average_precision),
        "prior": _known(node.precision.prior),
        "false_alarms": alarms.count,
        "negative_minutes": alarms.exposure_seconds / _SECONDS_A_MINUTE,
        "unique_negative_minutes": alarms.unique_share * alarms.exposure_seconds / _SECONDS_A_MINUTE,
        "false_alarms_per_hour": _known(alarms.per_hour),
        "most_false_alarms_per_hour": _known(alarms.most_per_hour()),
        "false_alarms_per_day": _known(alarms.per_day),
        "most_false_alarms_per_day": _known(alarms.most_per_day()),
    }


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
