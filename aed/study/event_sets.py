"""Recordings with a truth about when what happens: which files, what is so in them, where their sounds come from.

A set is a table in DESED's form with a folder of recordings, or a folder that `aed data scape` wrote, or a folder of
such folders, `fold1` and so on, one for each fold of a model.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aed.data.scape import SCAPE_FILE
from aed.data.scape_tables import BACKGROUND, EVENT, SOURCES_FILE, TRUTH_FILE, SourceRow, TruthRow, read_sources
from aed.data.strong_folder import StrongRecording, read_recordings
from aed.errors import DataError
from aed.metrics.event_truth import LabelledEvent
from aed.metrics.spans import total_seconds, union

_FOLD_FOLDER = re.compile(r"fold(\d+)")


@dataclass(frozen=True)
class Recording:
    """One recording of a set.

    Attributes:
        name: Its name in the tables.
        path: The file.
        duration_seconds: Its length as a table tells it; None: as the file tells it.
        events: What is to be found in it.
        backgrounds: What sounds in its background, or may sound there.
        snr_db: Signal-to-noise ratio of its events; None where no table tells it.
        sources: Where its sounds come from; none where no table tells it.
    """

    name: str
    path: Path
    duration_seconds: float | None
    events: tuple[LabelledEvent, ...]
    backgrounds: tuple[LabelledEvent, ...]
    snr_db: float | None
    sources: tuple[SourceRow, ...]


@dataclass(frozen=True)
class EventSet:
    """Recordings that one model is asked about.

    Attributes:
        folder: Where the truth lies.
        recordings: In order of name.
        scape_part: "train" or "test" where `aed data scape` wrote it, else None.
        scape_fold: Its fold, likewise.
    """

    folder: Path
    recordings: tuple[Recording, ...]
    scape_part: str | None = None
    scape_fold: int | None = None


def find_truths(events: Path) -> dict[int | None, Path]:
    """Return the table of truth by fold; None for the fold of a single one.

    Raises:
        DataError: There is none.
    """
    if events.is_file():
        return {None: events}
    if (events / TRUTH_FILE).is_file():
        return {None: events / TRUTH_FILE}
    folders = [path for path in events.iterdir() if path.is_dir()] if events.is_dir() else []
    numbers = {int(match[1]): path for path in folders if (match := _FOLD_FOLDER.fullmatch(path.name))}
    truths = {number: path / TRUTH_FILE for number, path in sorted(numbers.items())}
    found: dict[int | None, Path] = {number: path for number, path in truths.items() if path.is_file()}
    if not found:
        raise DataError(
            f"{events}: expected a table of truth, or a folder with {TRUTH_FILE} or with fold1/{TRUTH_FILE} and so on, "
            "got none. Correct the path, or make scenes with 'aed data scape'"
        )
    return found


def read_event_set(truth: Path, audio: Path | None = None, durations: Path | None = None) -> EventSet:
    """Read a set.

    Args:
        truth: Table of truth.
        audio: Folder of the recordings; by default `audio` beside the table, or the table's own folder. A table that
            says `.wav` also finds the `.flac`.
        durations: Table of lengths, which also names recordings without events; the one beside the truth by default.

    Raises:
        ManifestError: A table is missing or damaged.
        DataError: A recording is not there.
    """
    folder = truth.parent
    sources = _sources(folder / SOURCES_FILE)
    recordings = tuple(
        _recording(recording, sources.get(recording.name, [])) for recording in read_recordings(truth, audio, durations)
    )
    return EventSet(folder, recordings, *_scape(folder / SCAPE_FILE))


def unique_share(recordings: Iterable[Recording]) -> float:
    """Return which share of the recordings' time is heard for the first time; 1 where no table tells.

    Scenes at several ratios share their backgrounds, and what is heard twice is no new evidence.
    """
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in (row for recording in recordings for row in recording.sources if row.kind == BACKGROUND):
        spans[row.clip_id].append((row.clip_onset, row.clip_offset))
    heard = sum(stop - start for of_clip in spans.values() for start, stop in of_clip)
    once = sum(total_seconds(union(of_clip)) for of_clip in spans.values())
    return once / heard if heard else 1.0


def event_sources(recordings: Iterable[Recording]) -> dict[str, set[str]]:
    """Return the content groups that the events come from, by label; none where no table tells."""
    groups: dict[str, set[str]] = defaultdict(set)
    for row in (row for recording in recordings for row in recording.sources if row.kind == EVENT):
        groups[row.label].add(row.group)
    return dict(groups)


def _sources(path: Path) -> dict[str, list[SourceRow]]:
    by_name: dict[str, list[SourceRow]] = defaultdict(list)
    for row in read_sources(path) if path.is_file() else []:
        by_name[row.filename].append(row)
    return by_name


def _recording(recording: StrongRecording, sources: Sequence[SourceRow]) -> Recording:
    behind = [
        LabelledEvent(row.onset, row.offset, name)
        for row in sources
        if row.kind == BACKGROUND
        for name in (row.label, *row.unchecked)
        if name
    ]
    return Recording(
        name=recording.name,
        path=recording.path,
        duration_seconds=recording.duration_seconds,
        events=tuple(_event(row) for row in recording.events),
        backgrounds=tuple(behind),
        snr_db=sources[0].snr_db if sources else None,
        sources=tuple(sources),
    )


def _event(row: TruthRow) -> LabelledEvent:
    assert row.onset is not None and row.offset is not None and row.event_label is not None, "it has a label"
    return LabelledEvent(row.onset, row.offset, row.event_label)


def _scape(path: Path) -> tuple[str | None, int | None]:
    """Part and fold of a folder of scenes."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))["config"]
        return str(config["part"]), int(config["fold"])
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error}); make the scenes again, or remove the file") from error
