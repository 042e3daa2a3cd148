"""A user's own sounds: a folder with one folder for each label."""

from __future__ import annotations

from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group
from aed.errors import DataError


def load_folder(folder: Path) -> LoadedDataset:
    """Load a folder of folders: `doorbell/kitchen/a.wav` has the label `doorbell`.

    Args:
        folder: Its direct sub-folders are the labels; audio right in it is a stray. Each file is its own recording.

    Raises:
        DataError: There is no such folder, or no sub-folder holds audio.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: expected a folder with one folder for each label, but it is not there. Check the path"
        )
    clips: list[Clip] = []
    strays: list[Path] = []
    for stem, path in audio_files(folder).items():
        label, _, rest = stem.partition("/")
        if not rest:
            strays.append(path)
            continue
        group = default_group(folder.name, stem)
        clips.append(Clip(f"{folder.name}/{stem}", path, folder.name, (label,), None, None, stem, group))
    if not clips:
        raise DataError(
            f"{folder}: expected folders named after labels with audio files in them, got none. Sort the files so"
        )
    return LoadedDataset(folder_info(folder), tuple(sorted(clips, key=lambda clip: clip.clip_id)), strays=tuple(strays))


def folder_info(folder: Path) -> DatasetInfo:
    """Return the card of a user's own folder."""
    return DatasetInfo(f"folder:{folder}", f"sounds in {folder.name}", (str(folder),), "your own", "", None, None)
