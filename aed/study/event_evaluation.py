"""Evaluate a model on recordings with a truth about when what happens: detect, then score node by node.

Cross-fitted sets, one for each fold, are pooled: each recording is judged by the model of its own fold, and the figures
are taken over all recordings at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aed.detect.detector import Detector
from aed.errors import DataError, ModelError
from aed.metrics.event_scores import Progress
from aed.metrics.event_truth import LabelReader
from aed.ontology.graph import load_ontology
from aed.ontology.label_map import LabelMap
from aed.study.event_figures import EventFigures
from aed.study.event_hearing import HeardRecording, Listener, hear_all
from aed.study.event_report import EventEvaluation
from aed.study.event_sets import EventSet
from aed.study.event_thresholds import cross_fitted_thresholds
from aed.study.ledger import TestLook, append_look, count_looks, ledger_path
from aed.study.report import without_nan
from aed.study.runs import RUN_FILE, Run, read_run


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
    by_set, skipped = hear_all(sets, listeners, label_map, progress)
    if false_alarms_per_hour is not None:
        listeners = _with_thresholds_of_others(listeners, by_set, false_alarms_per_hour)
        by_set, skipped = hear_all(sets, listeners, label_map, progress)
    heard = [recording for of_set in by_set for recording in of_set]
    if not heard:
        first_reason = next(iter(skipped.values()))
        raise DataError(f"none of the {len(skipped)} recordings can be read; the first: {first_reason}")
    first = listeners[0]
    figures = EventFigures(heard, LabelReader(first.scorer.taxonomy, load_ontology(), label_map), progress)
    found = EventEvaluation(
        taxonomy=first.scorer.taxonomy,
        conditions=figures.conditions(),
        outside=figures.outside(),
        min_probability=tuple(listener.config.min_probability for listener in listeners),
        answer_delay_seconds=Detector(first.scorer, first.config).delay_seconds,
        skipped=skipped,
        notes=(*_notes(sets, models), *_threshold_notes(false_alarms_per_hour)),
    )
    return replace(found, looks=_record_looks(found, sets, models, ledger))


def _with_thresholds_of_others(
    listeners: Sequence[Listener], by_set: Sequence[Sequence[HeardRecording]], per_hour: float
) -> list[Listener]:
    """Return the listeners, each with the thresholds that the sets of the others set, for the events they count."""
    scorer = listeners[0].scorer
    scenes = [[each.scene for each in of_set] for of_set in by_set]
    found = cross_fitted_thresholds(scenes, scorer.taxonomy, scorer.layout, per_hour)
    return [
        replace(listener, config=listener.config.with_changes(node_probabilities=thresholds, min_event_seconds=None))
        for listener, thresholds in zip(listeners, found, strict=True)
    ]


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
