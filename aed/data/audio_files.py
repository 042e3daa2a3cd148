"""The audio files of a folder, by name without suffix: a list that says `.wav` also finds the `.ogg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aed.errors import DataError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".m4a", ".mp4", ".webm")
"""In order of preference, where a clip is there in several formats."""


def audio_paths(folder: Path) -> Iterator[Path]:
    """Yield the audio files in a folder and the folders under it, in alphabetical order, hidden ones left out."""
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in AUDIO_SUFFIXES and not is_hidden and path.is_file():
            yield path


def audio_files(folder: Path) -> dict[str, Path]:
    """Find audio files in a folder and the folders under it.

    Args:
        folder: Where to look; a folder that does not exist holds nothing.

    Returns:
        Path by name relative to the folder, with `/` and without the suffix ("train/siren_001"), in alphabetical order.
        Hidden files and folders are left out.

    Raises:
        DataError: A name is not valid text.
    """
    found: dict[str, Path] = {}
    for path in audio_paths(folder):
        stem = _name(path, folder)
        if stem not in found or _preference(path) < _preference(found[stem]):
            found[stem] = path
    return found


def _name(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).with_suffix("").as_posix()
    if not name.isprintable() and any("\ud800" <= character <= "\udfff" for character in name):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise DataError(f"{shown}: the file's name is not valid UTF-8, and a clip is known by it: rename the file")
    return name


def _preference(path: Path) -> int:
    return AUDIO_SUFFIXES.index(path.suffix.lower())
