"""Clips as files: FLAC, written so that no half clip is ever seen, named by their event, in one folder.

What a killed process left behind (temporary files, clips that no event names) is removed at the next start.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from aed.errors import StorageError
from aed.monitor.memory.store import Store
from aed.storage import atomic_path

CLIPS_FOLDER = "clips"
CLIP_SUFFIX = ".flac"
LEAST_FREE_BYTES = 100_000_000
"""Below it no clip is written: what room is left is for the events, a hundred thousand of them at least."""


def clip_name(event_id: str) -> str:
    """Return the name of an event's clip."""
    return f"{event_id}{CLIP_SUFFIX}"


def write_clip(folder: Path, event_id: str, samples: np.ndarray, rate_hz: int) -> str:
    """Write a clip.

    Args:
        folder: Where.
        event_id: Whose clip it is.
        samples: `(samples,)` float32 in [-1, 1].
        rate_hz: Their rate.

    Returns:
        The name of the file.

    Raises:
        StorageError: The disk is full or as good as full, or the folder cannot be written.
    """
    name = clip_name(event_id)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise StorageError(
            f"only {free / 1e6:.0f} MB are free on the disk, which are left for the events: free some space"
        )
    with atomic_path(folder / name) as temporary:
        try:
            soundfile.write(temporary, samples, rate_hz, format="FLAC", subtype="PCM_16")
        except soundfile.LibsndfileError as error:  # it does not say what the system answered
            raise StorageError(f"cannot write the clip {name}: {error.error_string}; free some space") from error
    return name


def mend_clips(folder: Path, store: Store) -> list[str]:
    """Remove files that no event names, and say of events whose clip is missing that it is.

    Raises:
        StorageError: The disk is full or broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named, there = store.clips(), {path.name for path in folder.iterdir() if path.is_file()}
    orphans = sorted(there - set(named.values()))
    for name in orphans:
        (folder / name).unlink(missing_ok=True)
    for event_id, name in named.items():
        heard = store.event(event_id) if name not in there else None
        if heard is not None:
            store.save(replace(heard, clip=None, clip_note="its clip is missing"))
    return orphans
