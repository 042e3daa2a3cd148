"""Evaluate a model on recordings with a truth about when what happens: detect, then score node by node.

Cross-fitted sets, one for each fold, are pooled: each recording is judged by the model of its own fold, and the figures
are taken over all recordings at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import ceil, nan
from pathlib import Path

import numpy as np

from aed.audio.read import inspect
from aed.detect.detector import Detector, DetectorConfig, detect_file
from aed.detect.hedge import reportable_nodes
from aed.errors import AudioError, DataError, MissingExtraError, ModelError
from aed.metrics.event_scores import F1, PSDS1, PSDS2, Progress, Psds, PsdsCurves, collar_f1, segment_f1
from aed.metrics.event_truth import EventScene, LabelReader, scene_detections, scene_truth
from aed.metrics.events import average_precisions_over_time, find_events
from aed.metrics.false_alarms import count_false_alarms
from aed.metrics.spans import intersect, subtract, union, union_of
from aed.ontology.graph import load_ontology
from aed.ontology.label_map import LabelMap
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.protocol import Scorer
from aed.study.event_report import ConditionEvents, EventEvaluation, NodeEvents
from aed.study.event_sets import EventSet, Recording, event_sources, unique_share
from aed.study.event_thresholds import cross_fitted_thresholds
from aed.study.ledger import TestLook, append_look, count_looks, ledger_path
from aed.study.report import without_nan
from aed.study.runs import RUN_FILE, Run, read_run

_SECONDS_AN_HOUR = 3600.0
_ROUNDING = 1e-6
"""A recording of 3 rows may be told as 3.0000000001 rows long."""


@dataclass(frozen=True)
class Listener:
    """A model that is asked about a set.

    Attributes:
        folder: Its folder.
        scorer: The model.
        config: Settings of the detector.
    """

    folder: Path
    scorer: Scorer
    config: DetectorConfig


@dataclass(frozen=True, eq=False)
class HeardRecording:
    """A recording, and what is so and was found in it."""

    recording: Recording
    scene: EventScene


def evaluate_events(
    sets: Sequence[EventSet],
    models: Sequence[Path],
    load: Callable[[Path], Listener],
    *,
    label_map: LabelMap | None = None,
    false_alarms_per_hour: float | None = None,
    ledger: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> EventEvaluation:
    """Detect in all recordings of all sets and score what was found.

    Args:
        sets: Recordings with their truth.
        models: The folder of the model that is asked about each set.
        load: Loads a model.
        label_map: What the labels of the truth mean; names or ids of nodes and concepts by default.
        false_alarms_per_hour: Set the thresholds of each set's model by this budget on the other sets, see
            `aed.study.event_thresholds`; by default those of the model are taken.
        ledger: Where looks at test folds are recorded; by default `ledger_path`.
        progress: Told of each recording.

    Raises:
        DataError: Nobody knows a label, or no recording can be read.
        ModelError: The models have different trees.
        ConfigError: Thresholds are to be set on other sets, and there is one.
    """
    listeners = [load(folder) for folder in models]
    for listener in listeners:
        _check_tree(listener, listeners[0])
    by_set, skipped = _hear_all(sets, listeners, label_map, progress)
    if false_alarms_per_hour is not None:
        listeners = _with_thresholds_of_others(listeners, by_set, false_alarms_per_hour)
        by_set, skipped = _hear_all(sets, listeners, label_map, progress)
    heard = [recording for of_set in by_set for recording in of_set]
    if not heard:
        first_reason = next(iter(skipped.values()))
        raise DataError(f"none of the {len(skipped)} recordings can be read; the first: {first_reason}")
    first = listeners[0]
    scores = _Scores(heard, LabelReader(first.scorer.taxonomy, load_ontology(), label_map), progress)
    found = EventEvaluation(
        taxonomy=first.scorer.taxonomy,
        conditions=scores.conditions(),
        outside=scores.outside(),
        min_probability=tuple(listener.config.min_probability for listener in listeners),
        answer_delay_seconds=Detector(first.scorer, first.config).delay_seconds,
        skipped=skipped,
        notes=(*_notes(sets, models), *_threshold_notes(false_alarms_per_hour)),
    )
    return replace(found, looks=_record_looks(found, sets, models, ledger))


def _hear_all(
    sets: Sequence[EventSet], listeners: Sequence[Listener], label_map: LabelMap | None, progress: Progress
) -> tuple[list[list[HeardRecording]], dict[str, str]]:
    """Hear every set with its own listener; returns what was heard by set, and why a recording could not be read."""
    by_set: list[list[HeardRecording]] = []
    skipped: dict[str, str] = {}
    total, done = sum(len(each.recordings) for each in sets), 0
    for place, (each, listener) in enumerate(zip(sets, listeners, strict=True)):
        by_set.append([])
        for recording in each.recordings:
            try:
                scene = hear(recording, listener, label_map)
                by_set[-1].append(HeardRecording(recording, replace(scene, name=f"{place}/{scene.name}")))
            except (AudioError, MissingExtraError) as error:
                skipped[recording.name] = str(error)
            done += 1
            progress("detecting", done, total)
    return by_set, skipped


def _with_thresholds_of_others(
    listeners: Sequence[Listener], by_set: Sequence[Sequence[HeardRecording]], per_hour: float
) -> list[Listener]:
    """Return the listeners, each with the thresholds that the sets of the others set."""
    scorer = listeners[0].scorer
    scenes = [[each.scene for each in of_set] for of_set in by_set]
    found = cross_fitted_thresholds(scenes, scorer.taxonomy, scorer.layout, per_hour)
    return [
        replace(listener, config=listener.config.model_copy(update={"node_probabilities": thresholds}))
        for listener, thresholds in zip(listeners, found, strict=True)
    ]


def hear(recording: Recording, listener: Listener, label_map: LabelMap | None = None) -> EventScene:
    """Detect in one recording, and set what was found beside what is so.

    Raises:
        AudioError: The recording cannot be read.
        DataError: Nobody knows a label.
    """
    scorer, taxonomy, ontology = listener.scorer, listener.scorer.taxonomy, load_ontology()
    rows: list[np.ndarray] = [np.zeros((0, taxonomy.num_nodes), dtype=np.float32)]
    events = detect_file(scorer, recording.path, listener.config, on_rows=rows.append)
    seconds = recording.duration_seconds or inspect(recording.path).seconds
    row_seconds = scorer.layout.row_seconds
    truth, unknown = scene_truth(LabelReader(taxonomy, ontology, label_map), recording.events)
    behind = scene_truth(LabelReader(taxonomy, ontology), (), recording.backgrounds)[1]
    whole = union([(0.0, seconds)])
    return EventScene(
        name=recording.name,
        duration_seconds=seconds,
        truth=tuple(intersect(spans, whole) for spans in truth),
        unknown=tuple(
            subtract(intersect(union_of(each), whole), true) for *each, true in zip(unknown, behind, truth, strict=True)
        ),
        detections=tuple(
            intersect(spans, whole)
            for spans in scene_detections(taxonomy, [(e.onset_seconds, e.offset_seconds, e.node) for e in events])
        ),
        probabilities=np.concatenate(rows)[: ceil(seconds / row_seconds - _ROUNDING)],
        row_seconds=row_seconds,
    )


class _Scores:
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


def _check_tree(listener: Listener, first: Listener) -> None:
    if listener.scorer.taxonomy.digest != first.scorer.taxonomy.digest:
        raise ModelError(
            f"{listener.folder}: its tree is {listener.scorer.taxonomy.digest}, that of {first.folder} is "
            f"{first.scorer.taxonomy.digest}: expected folds of one recipe; evaluate them one by one"
        )


def _notes(sets: Sequence[EventSet], models: Sequence[Path]) -> list[str]:
    notes = []
    for each, folder in zip(sets, models, strict=True):
        run = _run(folder)
        if each.scape_part == "train":
            notes.append(f"{each.folder} holds scenes of the training part: these figures say nothing about new sounds")
        elif run is not None and each.scape_fold is not None and run.fold != each.scape_fold:
            held_out = "nothing" if run.fold is None else f"fold {run.fold}"
            notes.append(
                f"{folder} held out {held_out}, the scenes in {each.folder} are of fold {each.scape_fold}: "
                "it may have been trained on their sounds"
            )
    return notes


def _threshold_notes(false_alarms_per_hour: float | None) -> list[str]:
    if false_alarms_per_hour is None:
        return []
    budget = f"{false_alarms_per_hour:g} false alarms an hour a node"
    return [f"each fold's thresholds were set on the scenes of the other folds: at most {budget}"]


def _record_looks(
    found: EventEvaluation, sets: Sequence[EventSet], models: Sequence[Path], ledger: Path | None
) -> int | None:
    """Record a look for every model that was asked about the test part of its own fold; return how many there are."""
    looks = None
    whole = found.conditions[0]
    figures = {"psds1": whole.psds1, "psds2": whole.psds2, "event_f1": whole.event_f1, "segment_f1": whole.segment_f1}
    for each, folder in zip(sets, models, strict=True):
        run = _run(folder)
        if run is None or run.fold is None or run.is_inner or each.scape_part != "test":
            continue
        date = datetime.now(UTC).isoformat(timespec="seconds")
        count = len(each.recordings)
        look = TestLook(date, run.commit, run.recipe, run.recipe_hash, run.fold, run.seed, count, without_nan(figures))
        path = ledger or ledger_path(run.folder)
        append_look(look, path)
        looks = count_looks(path, run.recipe)
    return looks


def _run(folder: Path) -> Run | None:
    return read_run(folder) if (folder / RUN_FILE).is_file() else None
