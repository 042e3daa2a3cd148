"""Recordings heard: what a model finds in each, set beside what is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from aed.audio.read import inspect
from aed.detect.detector import DetectorConfig, detect_file
from aed.errors import AudioError, MissingExtraError
from aed.metrics.event_scores import Progress
from aed.metrics.event_truth import EventScene, LabelReader, scene_detections, scene_truth
from aed.metrics.spans import intersect, subtract, union, union_of
from aed.ontology.graph import load_ontology
from aed.ontology.label_map import LabelMap
from aed.scorer.protocol import Scorer
from aed.study.event_sets import EventSet, Recording

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


def hear_all(
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
