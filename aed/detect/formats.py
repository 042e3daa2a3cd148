"""Events as text: a table for people, JSON lines and CSV for programs, and the forms of other tools.

These are labels for the audio editor Audacity, the tables of DESED (sound event detection), and the selection tables of
Raven (bioacoustics).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aed.audio.read import inspect
from aed.detect.event import Event
from aed.errors import ConfigError

CSV_COLUMNS = ("file", "onset_seconds", "offset_seconds", "node_id", "name", "path", "score")
DESED_COLUMNS = ("filename", "onset", "offset", "event_label")
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Begin Path", "Annotation", "Score"),
)
"""The first seven are Raven's own; it shows further columns as they are."""
RAVEN_VIEW = "Spectrogram 1"
PATH_SEPARATOR = " > "
TEXT_TABLE_COLUMNS = 120
"""Width of a table that goes to a file and not to a terminal, in characters."""


@dataclass(frozen=True)
class FileEvents:
    """What was found in one recording.

    Attributes:
        path: The audio file, as the user named it.
        events: By onset.
    """

    path: Path
    events: tuple[Event, ...]


def events_table(files: Sequence[FileEvents]) -> Table:
    """Return a table of all events; a recording without any gets a row that says so."""
    table = Table(
        title=f"{_count(sum(len(file.events) for file in files), 'event')} in {_count(len(files), 'recording')}"
    )
    if len(files) > 1:
        table.add_column("recording", overflow="fold")
    table.add_column("from", justify="right")
    table.add_column("to", justify="right")
    table.add_column("what", style="bold")
    table.add_column("path", overflow="fold")
    table.add_column("score", justify="right")
    for file in files:
        rows = [_table_row(event) for event in file.events] or [("", "", "nothing found", "", "")]
        for row in rows:
            table.add_row(*([str(file.path)] if len(files) > 1 else []), *row)
        table.add_section()
    return table


def _table_row(event: Event) -> tuple[str, str, str, str, str]:
    onset, offset = format_time(event.onset_seconds), format_time(event.offset_seconds)
    return onset, offset, event.name, PATH_SEPARATOR.join(event.path), f"{event.score:.2f}"


def format_time(seconds: float) -> str:
    """Write a time as people read it: "0:07.25", "1:02:07.25"."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{clock}:{rest // 100:02d}.{rest % 100:02d}"


def to_table(files: Sequence[FileEvents]) -> str:
    """Write the table as plain text."""
    text = io.StringIO()
    Console(file=text, width=TEXT_TABLE_COLUMNS).print(events_table(files))
    return text.getvalue()


def to_jsonl(files: Sequence[FileEvents]) -> str:
    """Write one JSON object a line and event; `file` names the recording."""
    lines = [{"file": str(file.path), **event.to_dict()} for file in files for event in file.events]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def to_csv(files: Sequence[FileEvents]) -> str:
    """Write a CSV with a header (`CSV_COLUMNS`); the path's names are joined by " > "."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for file in files:
        for event in file.events:
            row = event.to_dict()
            writer.writerow({"file": str(file.path), **row, "path": PATH_SEPARATOR.join(row["path"])})
    return text.getvalue()


def to_desed(files: Sequence[FileEvents]) -> str:
    """Write a tab-separated table as DESED has it, times to the millisecond; a recording without events has one row.

    Recordings are named without their folders, as DESED's own tables do.

    Raises:
        ConfigError: Two recordings have one name.
    """
    names = [file.path.name for file in files]
    if twins := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"two recordings are called '{min(twins)}', and DESED's tables tell them apart by name only: rename one, "
            "or give the folders one by one"
        )
    rows = [
        (file.path.name, *cells)
        for file in files
        for cells in [_desed_cells(event) for event in file.events] or [("", "", "")]
    ]
    return _tab_separated(DESED_COLUMNS, rows)


def _desed_cells(event: Event) -> tuple[str, str, str]:
    return f"{event.onset_seconds:.3f}", f"{event.offset_seconds:.3f}", event.name


def to_audacity(files: Sequence[FileEvents]) -> str:
    """Write a label track for Audacity: onset, offset and label, separated by tabs.

    Raises:
        ConfigError: There are several recordings; a label track belongs to one.
    """
    file = _only_one(files, "Audacity labels")
    return "".join(f"{e.onset_seconds:.6f}\t{e.offset_seconds:.6f}\t{e.name} {e.score:.2f}\n" for e in file.events)


def to_raven(files: Sequence[FileEvents]) -> str:
    """Write a selection table for Raven, which shows each event as a box over the spectrogram.

    An event has no frequencies of its own: its box reaches from 0 Hz to the highest that the recording holds.

    Raises:
        ConfigError: There are several recordings; a selection table belongs to one.
        AudioError: The recording is not there any more.
    """
    file = _only_one(files, "a Raven selection table")
    highest_hz = inspect(file.path).rate_hz / 2 if file.events else 0.0
    rows = [
        (
            *(number, RAVEN_VIEW, 1, f"{event.onset_seconds:.6f}", f"{event.offset_seconds:.6f}"),
            *("0.0", f"{highest_hz:.1f}", str(file.path), event.name, f"{event.score:.4f}"),
        )
        for number, event in enumerate(file.events, start=1)
    ]
    return _tab_separated(RAVEN_COLUMNS, rows)


def _only_one(files: Sequence[FileEvents], what: str) -> FileEvents:
    if len(files) != 1:
        raise ConfigError(f"{what}: expected one recording, got {len(files)}: give one file at a time, or --format csv")
    return files[0]


def _tab_separated(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[FileEvents]], str]] = {
    "table": to_table,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "desed": to_desed,
    "audacity": to_audacity,
    "raven": to_raven,
}
FORMATS_OF_ONE_RECORDING = frozenset({"audacity", "raven"})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
