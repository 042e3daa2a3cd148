"""AudioSet (Gemmeke et al. 2017): 10 s pieces of videos, several labels each, from the public segment lists.

The lists name video, start, end and label ids; there is no official archive of the audio, so the usual downloads differ
in their file names. All of these are found, in any folder under the data set's and with any audio suffix:
`<id>_30.000`, `<id>_30`, `<id>_30.000_40.000`, `<id>_30_40`, `<id>_30000_40000`, `<id>_30000`, `<id>`, `Y<id>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, MissingClip, default_group
from aed.data.table import numbered_rows
from aed.errors import DataError, ManifestError

DATASET = "audioset"
SEGMENT_FILES = {"balanced_train": "balanced_train_segments.csv", "eval": "eval_segments.csv"}
"""List by split; the two million unbalanced segments are left out."""

AUDIOSET_INFO = DatasetInfo(
    name=DATASET,
    title="AudioSet: balanced training and evaluation segments, 527 labels",
    folders=("audioset", "AudioSet"),
    licence="labels CC BY 4.0; the audio belongs to the videos' authors",
    source_url="https://research.google.com/audioset/download.html",
    label_map="audioset",
    clips=22_160 + 20_371,
)


@dataclass(frozen=True)
class _Segment:
    video: str
    start_seconds: float
    end_seconds: float
    labels: tuple[str, ...]
    split: str

    @property
    def clip_id(self) -> str:
        return f"{DATASET}/{self.video}_{self.start_seconds:.3f}"

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names without suffix under which downloads keep it, the most exact first."""
        video, start, end = self.video, self.start_seconds, self.end_seconds
        return (
            f"{video}_{start:.3f}",
            f"{video}_{start:.3f}_{end:.3f}",
            f"{video}_{start * 1000:.0f}_{end * 1000:.0f}",
            f"{video}_{start * 1000:.0f}",
            f"{video}_{start:.0f}_{end:.0f}",
            f"{video}_{start:.0f}",
            video,
            f"Y{video}",
        )


def load_audioset(info: DatasetInfo, folder: Path) -> LoadedDataset:
    """Load the segments whose audio is present.

    Raises:
        DataError: Neither segment list is there.
        ManifestError: A row of a segment list is damaged.
    """
    lists = {split: folder / name for split, name in SEGMENT_FILES.items() if (folder / name).is_file()}
    if not lists:
        raise DataError(
            f"{folder}: expected {' or '.join(SEGMENT_FILES.values())}, got neither. Get them from {info.source_url}"
        )
    unclaimed = {path.stem: path for path in audio_files(folder).values()}
    clips: list[Clip] = []
    missing: list[MissingClip] = []
    for segment in (segment for split, path in lists.items() for segment in _segments(path, split)):
        name = next((name for name in segment.file_names if name in unclaimed), None)
        if name is None:
            missing.append(MissingClip(segment.clip_id, segment.labels, None, segment.split))
        else:
            clips.append(_clip(segment, unclaimed.pop(name)))
    return LoadedDataset(
        info, tuple(sorted(clips, key=lambda clip: clip.clip_id)), tuple(missing), tuple(unclaimed.values())
    )


def _clip(segment: _Segment, path: Path) -> Clip:
    group = default_group(DATASET, segment.video)
    return Clip(segment.clip_id, path, DATASET, segment.labels, None, segment.split, segment.video, group)


def _segments(path: Path, split: str) -> Iterator[_Segment]:
    for line, cells in numbered_rows(path, blank_after_comma=True):
        if cells[0].startswith("#"):
            continue
        try:
            video, start, end, labels = cells
            yield _Segment(video, float(start), float(end), tuple(labels.split(",")), split)
        except ValueError as error:
            raise ManifestError(
                f'{path}, line {line}: expected video, start, end, "labels", got {", ".join(cells)}. '
                "Download the list again"
            ) from error
