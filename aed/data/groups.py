"""Content groups: which clips share content, beyond what their names say.

`data_manifests/content_groups.csv` names a group for clips that were found to share content (`aed data overlap` makes
it). A clip that it does not name takes the group of its recording's other clips, else its recording is its group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from aed.data.records import Clip
from aed.data.table import read_table
from aed.errors import DataError, ManifestError
from aed.resources import manifests_folder

CONTENT_GROUPS_FILE = "content_groups.csv"
COLUMNS = ("clip_id", "group")


def content_groups_path() -> Path | None:
    """Return the shipped table of content groups; None where it is not there."""
    try:
        path = manifests_folder() / CONTENT_GROUPS_FILE
    except DataError:
        return None
    return path if path.is_file() else None


def read_content_groups(path: Path) -> dict[str, str]:
    """Read the table: group by clip id.

    Raises:
        ManifestError: The file is unreadable, lacks a column, or names a clip twice.
    """
    groups: dict[str, str] = {}
    for row in read_table(path, COLUMNS):
        if row["clip_id"] in groups:
            raise ManifestError(
                f"{path}, line {row.line}: '{row['clip_id']}' is there twice. Make the table again: aed data overlap"
            )
        groups[row["clip_id"]] = row["group"]
    return groups


def with_content_groups(clips: Iterable[Clip], groups: Mapping[str, str]) -> tuple[Clip, ...]:
    """Return the clips with their content groups filled in.

    Args:
        clips: Clips whose `group` is still that of their recording.
        groups: Group by clip id.
    """
    clips = tuple(clips)
    by_recording = {
        (clip.dataset, clip.recording): groups[clip.clip_id] for clip in reversed(clips) if clip.clip_id in groups
    }
    return tuple(
        replace(clip, group=groups.get(clip.clip_id) or by_recording.get((clip.dataset, clip.recording), clip.group))
        for clip in clips
    )
