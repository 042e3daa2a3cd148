"""Events as text: a table for people, JSON lines and CSV for programs, labels for the audio editor Audacity."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aed.detect.event import Event
from aed.errors import ConfigError

CSV_COLUMNS = ("file", "onset_seconds", "offset_seconds", "node_id", "name", "path", "score")
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


def to_audacity(files: Sequence[FileEvents]) -> str:
    """Write a label track for Audacity: onset, offset and label, separated by tabs.

    Raises:
        ConfigError: There are several recordings; a label track belongs to one.
    """
    if len(files) != 1:
        raise ConfigError(
            f"Audacity labels belong to one recording, got {len(files)}: give one file at a time, or --format csv"
        )
    labels = [f"{e.onset_seconds:.6f}\t{e.offset_seconds:.6f}\t{e.name} {e.score:.2f}\n" for e in files[0].events]
    return "".join(labels)


FORMATS: Mapping[str, Callable[[Sequence[FileEvents]], str]] = {
    "table": to_table,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "audacity": to_audacity,
}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
