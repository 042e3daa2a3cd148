"""The figures of recordings that were heard: over all of them and at each ratio, in all and node by node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import nan

import numpy as np

from aed.detect.hedge import reportable_nodes
from aed.metrics.event_scores import F1, PSDS1, PSDS2, Progress, Psds, PsdsCurves, collar_f1, segment_f1
from aed.metrics.event_truth import EventScene, LabelReader
from aed.metrics.events import average_precisions_over_time, find_events
from aed.metrics.false_alarms import count_false_alarms
from aed.ontology.taxonomy import Taxonomy
from aed.study.event_hearing import HeardRecording
from aed.study.event_report import ConditionEvents, NodeEvents
from aed.study.event_sets import event_sources, unique_share

_SECONDS_AN_HOUR = 3600.0


class EventFigures:
    """All figures of recordings that were listened to.

    Args:
        heard: The recordings.
        reader: Reads the labels of the truth.
        progress: Told of each recording.
    """

    def __init__(self, heard: Sequence[HeardRecording], reader: LabelReader, progress: Progress) -> None:
        self._heard, self._reader, self._progress = heard, reader, progress
        self._taxonomy = reader.taxonomy

    def conditions(self) -> tuple[ConditionEvents, ...]:
        """Figures over all recordings, and over those of each ratio where there are several."""
        ratios = sorted({each.recording.snr_db for each in self._heard} - {None}, key=lambda snr_db: -(snr_db or 0))
        parts = [self._condition(None, self._heard)]
        for snr_db in ratios if len(ratios) > 1 else []:
            parts.append(self._condition(snr_db, [each for each in self._heard if each.recording.snr_db == snr_db]))
        return tuple(parts)

    def outside(self) -> dict[str, int]:
        """Count the events whose label no node of the tree stands for."""
        labels = [event.label for each in self._heard for event in each.recording.events]
        return {label: labels.count(label) for label in sorted(set(labels)) if self._meaning_node(label) is None}

    def _condition(self, snr_db: float | None, heard: Sequence[HeardRecording]) -> ConditionEvents:
        scenes = [each.scene for each in heard]
        with_truth = _nodes_with_truth(scenes, self._taxonomy)
        classes = [node for node in with_truth if node in self._named]
        names = [scene.name for scene in scenes]
        psds1 = self._curves[0].score(names, classes, with_truth)
        psds2 = self._curves[1].score(names, classes, with_truth)
        by_event, by_segment = collar_f1(scenes, classes, with_truth), segment_f1(scenes, classes, with_truth)
        share = unique_share(each.recording for each in heard)
        nodes = self._nodes(heard, classes, share, psds1, psds2, by_event, by_segment)
        precisions = [node.precision.average_precision for node in nodes if node.is_class]
        hours = sum(scene.duration_seconds for scene in scenes) / _SECONDS_AN_HOUR
        return ConditionEvents(
            snr_db=snr_db,
            recordings=len(scenes),
            hours=hours,
            unique_hours=share * hours,
            psds1=psds1.score,
            psds2=psds2.score,
            event_f1=by_event.macro,
            segment_f1=by_segment.macro,
            mean_average_precision=float(np.mean(precisions)) if precisions else nan,
            nodes=nodes,
        )

    def _nodes(
        self,
        heard: Sequence[HeardRecording],
        classes: Sequence[int],
        share: float,
        psds1: Psds,
        psds2: Psds,
        by_event: F1,
        by_segment: F1,
    ) -> tuple[NodeEvents, ...]:
        scenes = [each.scene for each in heard]
        answers = [int(node) for node in np.flatnonzero(reportable_nodes(self._taxonomy))]
        precisions = average_precisions_over_time(scenes, answers)
        groups = self._groups(heard)
        return tuple(
            NodeEvents(
                node=node,
                is_class=node in classes,
                found=find_events(scenes, node),
                sources=len(groups[node]) if groups is not None else None,
                psds1=psds1.of_node.get(node, nan),
                psds2=psds2.of_node.get(node, nan),
                event_f1=by_event.of_node.get(node, nan),
                segment_f1=by_segment.of_node.get(node, nan),
                precision=precision,
                false_alarms=count_false_alarms(scenes, node, unique_share=share),
            )
            for node, precision in zip(answers, precisions, strict=True)
        )

    def _groups(self, heard: Sequence[HeardRecording]) -> list[set[str]] | None:
        """Content groups that each node's events come from; None where no table tells."""
        if not any(each.recording.sources for each in heard):
            return None
        groups: list[set[str]] = [set() for _ in self._taxonomy.nodes]
        for label, of_label in event_sources(each.recording for each in heard).items():
            for node in np.flatnonzero(self._reader.meaning(label).present):
                groups[node] |= of_label
        return groups

    @cached_property
    def _named(self) -> set[int]:
        """Nodes that labels name."""
        labels = {event.label for each in self._heard for event in each.recording.events}
        return {node for node in map(self._meaning_node, labels) if node is not None}

    @cached_property
    def _curves(self) -> tuple[PsdsCurves, PsdsCurves]:
        scenes = [each.scene for each in self._heard]
        nodes = _nodes_with_truth(scenes, self._taxonomy)
        first = PsdsCurves(scenes, nodes, PSDS1, self._taxonomy, self._progress)
        return first, PsdsCurves(scenes, nodes, PSDS2, self._taxonomy, self._progress)

    def _meaning_node(self, label: str) -> int | None:
        return self._reader.meaning(label).node


def _nodes_with_truth(scenes: Sequence[EventScene], taxonomy: Taxonomy) -> list[int]:
    reportable = reportable_nodes(taxonomy)
    return [node for node in taxonomy.answer_nodes if reportable[node] and any(len(s.truth[node]) for s in scenes)]
