"""Manifests: a CSV file of clips and labels, with paths relative to a root.

Columns `path` and `labels` are needed (several labels are joined by `;`); `clip_id`, `fold`, `split`, `recording` and
`group` are optional. A row that is wrong is an error with its line number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from aed.data.records import Clip, default_group
from aed.data.table import Row, read_table, write_table
from aed.errors import ManifestError

NEEDED_COLUMNS = ("path", "labels")
COLUMNS = ("clip_id", "path", "labels", "fold", "split", "recording", "group")
LABEL_SEPARATOR = ";"


def read_manifest(path: Path, root: Path) -> list[Clip]:
    """Read a manifest.

    Args:
        path: The CSV file.
        root: Folder that the column `path` starts from.

    Raises:
        ManifestError: A column is missing, or a row names a file that is absent or outside the root, or a clip that is
            there already; with the line number.
    """
    root = root.absolute()
    clips: list[Clip] = []
    line_of: dict[str, int] = {}
    for row in read_table(path, NEEDED_COLUMNS):
        clip = _clip(path, row, root)
        for key in (f"clip '{clip.clip_id}'", f"file '{clip.path.relative_to(root)}'"):
            if key in line_of:
                raise ManifestError(
                    f"{path}, line {row.line}: {key} is in line {line_of[key]} already. Remove one of the two lines"
                )
            line_of[key] = row.line
        clips.append(clip)
    return clips


def write_manifest(path: Path, clips: Iterable[Clip], root: Path) -> None:
    """Write a manifest; the same clips give the same bytes.

    Raises:
        ManifestError: A clip lies outside the root, or a label holds the separator.
        StorageError: The file cannot be written.
    """
    write_table(path, COLUMNS, [_cells(clip, root.absolute()) for clip in clips])


def _clip(manifest: Path, row: Row, root: Path) -> Clip:
    where = f"{manifest}, line {row.line}"
    file = _file(where, row["path"], root)
    labels = tuple(filter(None, (label.strip() for label in row["labels"].split(LABEL_SEPARATOR))))
    stem = file.relative_to(root).with_suffix("").as_posix()
    clip_id = row.cells.get("clip_id") or f"{manifest.stem}/{stem}"
    dataset, _, name = clip_id.partition("/")
    if not name:
        raise ManifestError(f"{where}: clip_id '{clip_id}': expected the form 'dataset/name'. Correct the cell")
    recording = row.cells.get("recording") or name
    group = row.cells.get("group") or default_group(dataset, recording)
    fold = _fold(where, row.cells.get("fold", ""))
    split = row.cells.get("split") or None
    return Clip(clip_id, file, dataset, labels, fold, split, recording, group)


def _fold(where: str, cell: str) -> int | None:
    if not cell:
        return None
    if not cell.isdecimal():
        raise ManifestError(f"{where}: fold '{cell}': expected a whole number or nothing. Correct the cell")
    return int(cell)


def _file(where: str, cell: str, root: Path) -> Path:
    file = Path(os.path.normpath(root / cell))  # not resolved: a link below the root is the user's own will
    if not file.is_relative_to(root):
        raise ManifestError(
            f"{where}: the path '{cell}' leads outside the root {root}. Write paths relative to the root, without '..'"
        )
    if not cell or not file.is_file():
        raise ManifestError(f"{where}: no such file: {file}. Correct the path, or remove the line")
    return file


def _cells(clip: Clip, root: Path) -> tuple[object, ...]:
    file = clip.path.absolute()
    if not file.is_relative_to(root):
        raise ManifestError(f"'{clip.clip_id}': the file {clip.path} lies outside the root {root}. Choose another root")
    if any(LABEL_SEPARATOR in label for label in clip.labels):
        raise ManifestError(f"'{clip.clip_id}': a label holds '{LABEL_SEPARATOR}', which separates labels. Rename it")
    relative = file.relative_to(root).as_posix()
    labels = LABEL_SEPARATOR.join(clip.labels)
    fold = "" if clip.fold is None else clip.fold
    return clip.clip_id, relative, labels, fold, clip.split or "", clip.recording, clip.group
