"""The tables beside a folder of scenes: DESED's truth and durations, and from which clip every sound comes.

`truth.tsv`: filename, onset, offset, event_label; a scene without events has a row with empty cells.
`durations.tsv`: filename, duration.
`sources.csv`: a row for every event and every background of every scene.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from aed.data.table import read_table, write_table
from aed.errors import ManifestError
from aed.storage import write_atomic

AUDIO_FOLDER = "audio"
TRUTH_FILE, DURATIONS_FILE, SOURCES_FILE = "truth.tsv", "durations.tsv", "sources.csv"
TRUTH_COLUMNS = ("filename", "onset", "offset", "event_label")
DURATION_COLUMNS = ("filename", "duration")
EVENT, BACKGROUND = "event", "background"
_BETWEEN_NAMES = "; "


@dataclass(frozen=True)
class TruthRow:
    """One event in one recording; without a label, a recording without events.

    Attributes:
        filename: The recording.
        onset: In seconds.
        offset: In seconds.
        event_label: What it is.
    """

    filename: str
    onset: float | None = None
    offset: float | None = None
    event_label: str | None = None


@dataclass(frozen=True)
class SourceRow:
    """Where a sound of a scene comes from.

    Attributes:
        filename: The scene.
        kind: "event" or "background".
        label: Name of its concept; empty for a background that is only known for what it is not.
        onset: Where in the scene it begins, in seconds.
        offset: Where in the scene it ends.
        snr_db: Signal-to-noise ratio of the scene's events.
        clip_id: The clip; of noise by formula, a name that no other noise has.
        clip_onset: Where in the clip the stretch begins, in seconds.
        clip_offset: Where in the clip it ends.
        group: Content group of the clip.
        unchecked: Names of the events' concepts that a background is not known to be free of.
    """

    filename: str
    kind: str
    label: str
    onset: float
    offset: float
    snr_db: float
    clip_id: str
    clip_onset: float
    clip_offset: float
    group: str
    unchecked: tuple[str, ...] = ()


SOURCE_COLUMNS = tuple(field.name for field in fields(SourceRow))
_UNCHECKED = "unchecked"
"""The one column that a table may lack: then every background was checked."""


def write_truth(path: Path, rows: Iterable[TruthRow]) -> None:
    """Write a table of truth; times to the millisecond.

    Raises:
        StorageError: The file cannot be written.
    """
    cells = [
        (
            row.filename,
            *(("", "", "") if row.event_label is None else (_ms(row.onset), _ms(row.offset), row.event_label)),
        )
        for row in rows
    ]
    write_atomic(path, tab_separated(TRUTH_COLUMNS, cells))


def write_durations(path: Path, durations: Iterable[tuple[str, float]]) -> None:
    """Write the length of each recording in seconds.

    Raises:
        StorageError: The file cannot be written.
    """
    write_atomic(path, tab_separated(DURATION_COLUMNS, [(name, _ms(seconds)) for name, seconds in durations]))


def write_sources(path: Path, rows: Iterable[SourceRow]) -> None:
    """Write where the sounds come from.

    Raises:
        StorageError: The file cannot be written.
    """
    write_table(path, SOURCE_COLUMNS, [tuple(map(_cell, astuple(row))) for row in rows])


def read_truth(path: Path) -> list[TruthRow]:
    """Read a table of truth: DESED's, or any with its columns; others are ignored.

    Raises:
        ManifestError: The file is missing, lacks a column, or a row has no event with a beginning and an end.
    """
    rows = []
    for line, cells in _rows(path, TRUTH_COLUMNS):
        label = cells["event_label"]
        if not label:
            rows.append(TruthRow(cells["filename"]))
            continue
        onset, offset = _number(path, line, cells, "onset"), _number(path, line, cells, "offset")
        if not 0 <= onset < offset:
            raise ManifestError(
                f"{path}, line {line}: an event from {onset:g} to {offset:g} s: expected 0 <= onset < offset. "
                "Correct the line"
            )
        rows.append(TruthRow(cells["filename"], onset, offset, label))
    return rows


def read_durations(path: Path) -> dict[str, float]:
    """Read the length of each recording in seconds.

    Raises:
        ManifestError: The file is missing, lacks a column, or a cell is no positive number.
    """
    durations = {}
    for line, cells in _rows(path, DURATION_COLUMNS):
        durations[cells["filename"]] = _number(path, line, cells, "duration")
        if durations[cells["filename"]] <= 0:
            raise ManifestError(f"{path}, line {line}: a recording of {cells['duration']} s. Correct the line")
    return durations


def read_sources(path: Path) -> list[SourceRow]:
    """Read where the sounds come from.

    Raises:
        ManifestError: The file is missing, lacks a column, or a number is none.
    """
    numbers = ("onset", "offset", "snr_db", "clip_onset", "clip_offset")
    rows = []
    needed = tuple(name for name in SOURCE_COLUMNS if name != _UNCHECKED)
    for row in read_table(path, needed):
        cells: dict[str, Any] = {name: row.cells[name] for name in needed}
        cells |= {name: _number(path, row.line, row.cells, name) for name in numbers}
        cells[_UNCHECKED] = tuple(filter(None, row.cells.get(_UNCHECKED, "").split(_BETWEEN_NAMES)))
        rows.append(SourceRow(**cells))
    return rows


def tab_separated(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a header line, cells separated by tabs, Unix line ends."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read a tab-separated table: line and cells by column of each row."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ManifestError(f"{path}: cannot read the table ({error.strerror}). Check the path") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: the table is not UTF-8 text ({error.reason}). Save it as UTF-8") from error
    rows = [(number, cells) for number, cells in enumerate(csv.reader(lines, delimiter="\t"), start=1) if cells]
    header = [name.strip() for name in rows[0][1]] if rows else []
    absent = [column for column in columns if column not in header]
    if absent:
        raise ManifestError(
            f"{path}, line 1: missing column {', '.join(absent)}: expected {', '.join(columns)}, separated by tabs, "
            f"got {', '.join(header) or 'nothing'}. Save the table in this form"
        )
    return [(line, _named(header, cells)) for line, cells in rows[1:]]


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Cells by column; those that are missing at the end of a line are empty."""
    return {name: cells[place].strip() if place < len(cells) else "" for place, name in enumerate(header)}


def _number(path: Path, line: int, cells: dict[str, str], column: str) -> float:
    try:
        number = float(cells[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ManifestError(f"{path}, line {line}: {column} '{cells[column]}': expected a number. Correct the cell")
    return number


def _ms(seconds: float | None) -> str:
    return f"{seconds:.3f}"


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return _BETWEEN_NAMES.join(value)
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
