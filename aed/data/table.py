"""CSV tables with the line number of every row, so that an error can name it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aed.errors import ManifestError
from aed.storage import write_atomic


@dataclass(frozen=True)
class Row:
    """One row of a table: its line in the file, counted from 1, and its cells by column name."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_table(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read a CSV file with a header line.

    Args:
        path: The file, UTF-8, with or without a byte order mark.
        columns: Columns that must be there; others are kept too.

    Raises:
        ManifestError: The file is missing or not text, lacks a column, or a row has too few or too many cells.
    """
    rows = numbered_rows(path)
    if not rows:
        raise ManifestError(f"{path}: the file is empty: expected a header line with {', '.join(columns)}")
    header = [name.strip() for name in rows[0][1]]
    absent = [column for column in columns if column not in header]
    if absent:
        raise ManifestError(
            f"{path}, line 1: missing column {', '.join(absent)}: expected {', '.join(columns)}, "
            f"got {', '.join(header)}. Add the column to the header line"
        )
    return [_row(path, line, header, cells) for line, cells in rows[1:]]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a header line and Unix line ends: the same bytes on every machine.

    Raises:
        StorageError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomic(path, text.getvalue())


def numbered_rows(path: Path, *, blank_after_comma: bool = False) -> list[tuple[int, list[str]]]:
    """Read the rows of a CSV file, each with its line counted from 1; empty ones left out.

    Args:
        path: The file, UTF-8, with or without a byte order mark.
        blank_after_comma: Whether a blank follows each comma and is no part of the cell.

    Raises:
        ManifestError: The file is missing or not text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=blank_after_comma)
            return [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise ManifestError(f"{path}: cannot read the table ({error.strerror}). Check the path") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: the table is not UTF-8 text ({error.reason}). Save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise ManifestError(
            f"{path}, line {reader.line_num}: not CSV ({error}). Save the table as CSV again"
        ) from error


def _row(path: Path, line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise ManifestError(
            f"{path}, line {line}: expected {len(header)} cells ({', '.join(header)}), got {len(cells)}. "
            "Put cells that hold a comma in double quotes"
        )
    return Row(line, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
