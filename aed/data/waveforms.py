"""Decoded clips on disk: each file is decoded and resampled once, then read through a memory map by every run.

A file that could not be read is tried again by every later run: a permission or a missing decoder is mended without any
change of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aed.audio.read import read_audio
from aed.data.records import Clip
from aed.errors import AudioError, MissingExtraError, StorageError
from aed.storage import atomic_path, write_atomic

_FORMAT = 1
"""Part of the key: raise it when what is stored changes."""

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, how many there are)."""


def cache_folder() -> Path:
    """Folder for what can be made again: `AED_CACHE`, or `aed` in the user's cache folder."""
    if configured := os.environ.get("AED_CACHE"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aed"


class WaveformStore:
    """Mono float32 waveforms of a list of clips at one rate, memory-mapped.

    Attributes:
        clips: The clips that could be read, in the order asked for.
        skipped: Clip id -> why it could not be read.
        rate_hz: Sample rate.
        key: Names the clips asked for, the state of their files and the rate.
    """

    def __init__(
        self, clips: tuple[Clip, ...], skipped: dict[str, str], rate_hz: int, offsets: NDArray[np.int64], path: Path
    ) -> None:
        self.clips = clips
        self.skipped = skipped
        self.rate_hz = rate_hz
        self.key = path.stem
        self._offsets = offsets
        self._samples: NDArray[np.float32] = np.memmap(path, dtype=np.float32, mode="r")

    @classmethod
    def open(
        cls, clips: Sequence[Clip], rate_hz: int, folder: Path | None = None, progress: Progress | None = None
    ) -> WaveformStore:
        """Open the stored waveforms of these clips, decoding them first where that was not done before.

        All are decoded anew where one that was skipped can be read now.

        Args:
            clips: At least one clip.
            rate_hz: Sample rate wanted.
            folder: Where to store; `cache_folder()` by default.
            progress: Told of each decoded clip.

        Raises:
            AudioError: None of the clips can be read.
            StorageError: The folder cannot be written, or another run changes the same store right now.
        """
        folder = folder or cache_folder() / "waveforms"
        key = _key(clips, rate_hz)
        data, index = folder / f"{key}.f32", folder / f"{key}.json"
        stored = cls._stored(clips, rate_hz, data, index)
        if stored is None or any(_can_be_read(clip, rate_hz) for clip in clips if clip.clip_id in stored.skipped):
            _decode(clips, rate_hz, data, index, progress)
            stored = cls._stored(clips, rate_hz, data, index)
        if stored is None:
            raise StorageError(f"{data} changed while it was opened: another run writes it; start this one again")
        return stored

    @classmethod
    def _stored(cls, clips: Sequence[Clip], rate_hz: int, data: Path, index: Path) -> WaveformStore | None:
        """Open what is on the disk; None where a part is missing or the two are not of one piece."""
        if not (index.exists() and data.exists()):
            return None
        meta = json.loads(index.read_text(encoding="utf-8"))
        skipped: dict[str, str] = meta["skipped"]
        kept = tuple(clip for clip in clips if clip.clip_id not in skipped)
        store = cls(kept, skipped, rate_hz, np.asarray(meta["offsets"], dtype=np.int64), data)
        return store if len(store._samples) == store._offsets[-1] else None  # else another run is between its writes

    def __len__(self) -> int:
        """Number of readable clips."""
        return len(self.clips)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each clip: (clip,)."""
        return np.diff(self._offsets)

    def samples(self, index: int) -> NDArray[np.float32]:
        """Whole waveform of a clip: (samples,) float32, a read-only view."""
        return self._samples[self._offsets[index] : self._offsets[index + 1]]


def _key(clips: Sequence[Clip], rate_hz: int) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {rate_hz}".encode())
    for clip in clips:
        digest.update(f"\n{clip.clip_id} {clip.path} {file_version(clip.path)}".encode())
    return digest.hexdigest()[:20]


def file_version(path: Path) -> str:
    """What changes when a file's content does: size and time of the last change, or that it is missing."""
    try:
        stat = path.stat()
    except OSError:  # reading will say what is wrong with it, and skip it
        return "missing"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _can_be_read(clip: Clip, rate_hz: int) -> bool:
    try:
        read_audio(clip.path, rate_hz)
    except (AudioError, MissingExtraError):
        return False
    return True


def _decode(clips: Sequence[Clip], rate_hz: int, data: Path, index: Path, progress: Progress | None) -> None:
    offsets, skipped = [0], {}
    with atomic_path(data) as temporary, temporary.open("wb") as file:
        for done, clip in enumerate(clips):
            if progress:
                progress("decoding", done, len(clips))
            try:
                samples = read_audio(clip.path, rate_hz)
            except (AudioError, MissingExtraError) as error:
                skipped[clip.clip_id] = str(error)
                continue
            file.write(samples.astype(np.float32, copy=False).tobytes())
            offsets.append(offsets[-1] + len(samples))
        if len(skipped) == len(clips):
            raise AudioError(f"none of the {len(clips)} clips can be read; the first: {next(iter(skipped.values()))}")
    if progress:
        progress("decoding", len(clips), len(clips))
    write_atomic(index, json.dumps({"offsets": offsets, "skipped": skipped}))
