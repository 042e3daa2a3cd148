"""`aed evaluate --events`: how well a model hears when what happens, and how often it raises a false alarm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from aed.cli.progress import bar_for_each
from aed.errors import ConfigError, DataError

if TYPE_CHECKING:
    from aed.study.event_hearing import Listener
    from aed.study.event_report import EventEvaluation


@dataclass(frozen=True)
class EventOptions:
    """What the command line says beside the model."""

    events: Path
    audio: Path | None
    durations: Path | None
    label_map: Path | None
    min_probability: float | None
    false_alarms_per_hour: float | None


def evaluate_events(model: Path, options: EventOptions, as_json: bool) -> None:
    """Evaluate and print.

    Raises:
        DataError: Recordings could not be read; raised after everything else was done and printed.
    """
    from aed.ontology.label_map import load_label_map
    from aed.study.event_evaluation import evaluate_events as evaluate
    from aed.study.event_report import event_evaluation_to_dict
    from aed.study.event_sets import find_truths, read_event_set

    truths = find_truths(options.events)
    if len(truths) > 1 and (options.audio or options.durations):
        raise ConfigError(
            f"{options.events} holds several folds: leave --audio and --durations out, they lie beside each"
        )
    sets = [read_event_set(truth, options.audio, options.durations) for truth in truths.values()]
    folders = [model if fold is None else model / f"fold{fold}" for fold in truths]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a trained model for the scenes of this fold, but there is none")
    label_map = load_label_map(options.label_map) if options.label_map else None
    with bar_for_each() as progress:
        found = evaluate(
            sets,
            folders,
            lambda folder: _load(folder, options),
            label_map=label_map,
            false_alarms_per_hour=options.false_alarms_per_hour,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(event_evaluation_to_dict(found), indent=2, allow_nan=False))
    else:
        _print(found)
    if found.skipped:
        first = next(iter(found.skipped.values()))
        names = ", ".join(found.skipped)
        raise DataError(
            f"{len(found.skipped)} recordings could not be read and were left out: {names}; the first: {first}"
        )


def _load(folder: Path, options: EventOptions) -> Listener:
    from aed.api import load
    from aed.cli.detect import checked_probability
    from aed.study.event_hearing import Listener

    loaded, sure = load(folder, enrolled=False), checked_probability(options.min_probability)
    return Listener(folder, loaded.scorer, loaded.detector_config if sure is None else loaded.config_as_sure(sure))


def _print(found: EventEvaluation) -> None:
    from aed.study.event_table import event_tables, quiet_nodes

    console = Console()
    for table in event_tables(found):
        console.print(table)
    if quiet := quiet_nodes(found.conditions[0]):
        least = max(node.false_alarms.most_per_hour() for node in quiet)
        console.print(
            f"{len(quiet)} more nodes have no event and raised no false alarm: at most {least:.1f} an hour each",
            highlight=False,
        )
    console.print(
        f"delay: from the beginning of a sound to that of its event, median; the detector itself answers up to "
        f"{found.answer_delay_seconds:.1f} s later",
        highlight=False,
    )
    for label, count in found.outside.items():
        console.print(f"{count} events '{label}' are none of this model's tree: what is found there is a false alarm")
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    if found.looks is not None:
        console.print(f"looks at test folds by this recipe so far: {found.looks}", highlight=False)
