"""Log-mel frames of clips on disk: computed once, clean and in some distorted views, then read through a memory map.

A training step costs one indexed read: crop, roll-over shift and padding are index arithmetic on rows of frames, and
row 0 is silence. Frames are float16, which resolves features of the order of one to 0.001 (0.04 dB).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aed.data.records import Clip
from aed.data.waveforms import Progress, WaveformStore, cache_folder
from aed.features.logmel import LogMel, LogMelConfig
from aed.features.waveform_augment import WaveformAugment, WaveformAugmentConfig
from aed.storage import atomic_path

_FORMAT = 1
"""Part of the key: raise it when what is stored changes."""
_SILENT_ROW = 0
_BLOCK_FRAMES = 3_000
"""Frames computed at once, a minute at the usual hop: an hour of sound needs no more memory than that."""

Frames = NDArray[np.float16]
Indices = NDArray[np.int64]


class FrameStore:
    """Log-mel frames of a list of clips, memory-mapped, each clip in 1 + `distorted_views` views of equal length.

    View 0 is the clean clip, the others are draws of the waveform distortion, the same for every run: a view depends on
    the clip's id and its number alone.

    Attributes:
        clips: The clips that could be read, in the order asked for.
        skipped: Clip id -> why it could not be read.
        distorted_views: Views beside the clean one.
        num_frames: (clip,) int64 length of each clip.
    """

    def __init__(self, waveforms: WaveformStore, features: LogMelConfig, distorted_views: int, path: Path) -> None:
        self.clips, self.skipped, self.distorted_views = waveforms.clips, waveforms.skipped, distorted_views
        self.num_frames = _num_frames(waveforms, features)
        self._first_rows = 1 + (1 + distorted_views) * (np.cumsum(self.num_frames) - self.num_frames)
        # a plain array over the map: np.memmap itself is slow to index
        rows: Frames = np.asarray(np.memmap(path, dtype=np.float16, mode="r"))
        self._rows = rows.reshape(-1, features.mel_bands)

    @classmethod
    def open(
        cls,
        clips: Sequence[Clip],
        features: LogMelConfig,
        augment: WaveformAugmentConfig,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> FrameStore:
        """Open the stored frames of these clips, decoding and computing first what was not stored before.

        Args:
            clips: At least one clip.
            features: Settings of the front end.
            augment: Number of distorted views and how they are distorted.
            folder: Where to store; `cache_folder()` by default.
            progress: Told of each clip that is decoded, and of each whose frames are computed.

        Raises:
            AudioError: None of the clips can be read.
            StorageError: The folder cannot be written, or another run changes the same store right now.
        """
        folder = folder or cache_folder()
        waveforms = WaveformStore.open(clips, features.rate_hz, folder / "waveforms", progress)
        path = folder / "frames" / f"{_key(waveforms, features, augment)}.f16"
        rows = 1 + (1 + augment.views) * int(_num_frames(waveforms, features).sum())
        if not path.exists() or path.stat().st_size != rows * features.mel_bands * np.dtype(np.float16).itemsize:
            with atomic_path(path) as temporary:  # several processes may do this at once: the last one's file stays
                _write(waveforms, features, augment, temporary, progress)
        return cls(waveforms, features, augment.views, path)

    def __len__(self) -> int:
        """Number of readable clips."""
        return len(self.clips)

    def levels(self, index: int) -> NDArray[np.float32]:
        """Mean over mel of each frame of a clean clip: (frames,) float32."""
        first = self._first_rows[index]
        levels: NDArray[np.float32] = self._rows[first : first + self.num_frames[index]].mean(axis=1, dtype=np.float32)
        return levels

    def gather(self, clip: Indices, view: Indices, start: Indices, roll: Indices, num_frames: int) -> Tensor:
        """Read a piece of each of some clips, silent where a clip has ended.

        Args:
            clip: (batch,) index into `clips`.
            view: (batch,) 0 for the clean clip, else up to `distorted_views`.
            start: (batch,) first frame of the piece in the clip.
            roll: (batch,) frames by which the piece is then rotated to the right.
            num_frames: Length of every piece.

        Returns:
            (batch, num_frames, mel) float32.
        """
        length = self.num_frames[clip]
        frame = start[:, None] + (np.arange(num_frames) - roll[:, None]) % num_frames
        rows = (self._first_rows[clip] + view * length)[:, None] + frame
        rows = np.where(frame < length[:, None], rows, _SILENT_ROW)
        return torch.from_numpy(self._rows.take(rows, axis=0)).float()


def _num_frames(waveforms: WaveformStore, features: LogMelConfig) -> Indices:
    return np.maximum(1, -(-waveforms.lengths // features.hop_samples))


def _key(waveforms: WaveformStore, features: LogMelConfig, augment: WaveformAugmentConfig) -> str:
    settings = f"{_FORMAT} {features.model_dump_json()} {augment.model_dump_json(exclude_none=True)} {waveforms.key}"
    kept = "\n".join(clip.clip_id for clip in waveforms.clips)  # a clip that was skipped may be readable now
    return hashlib.sha256(f"{settings}\n{kept}".encode()).hexdigest()[:20]


def _write(
    waveforms: WaveformStore,
    features: LogMelConfig,
    augment: WaveformAugmentConfig,
    path: Path,
    progress: Progress | None,
) -> None:
    logmel, distort = LogMel(features), WaveformAugment(augment, features)
    with path.open("wb") as file:
        file.write(np.zeros((1, features.mel_bands), dtype=np.float16).tobytes())
        for index, clip in enumerate(waveforms.clips):
            if progress:
                progress("computing frames", index, len(waveforms))
            samples = waveforms.samples(index)
            for view in range(1 + augment.views):
                generator = np.random.default_rng((zlib.crc32(clip.clip_id.encode()), view))
                for block in frame_blocks(logmel, distort(samples, generator) if view else samples):
                    file.write(block.tobytes())
    if progress:
        progress("computing frames", len(waveforms), len(waveforms))


@torch.inference_mode()
def frame_blocks(logmel: LogMel, samples: NDArray[np.float32], block_frames: int = _BLOCK_FRAMES) -> Iterator[Frames]:
    """Compute the frames of a waveform of any length, some at a time: (frames, mel) float16 each.

    A block is computed with what its outer frames read beyond it, so that its frames are those of the whole waveform.
    """
    hop = logmel.config.hop_samples
    beyond = -(-logmel.config.edge_samples // hop)
    total = max(1, -(-len(samples) // hop))
    for start in range(0, total, block_frames):
        stop, before = min(start + block_frames, total), min(start, beyond)
        piece = np.array(samples[(start - before) * hop : (stop + beyond) * hop])
        block = logmel(torch.from_numpy(piece)[None])[0, before : before + stop - start]
        yield block.numpy().astype(np.float16)
