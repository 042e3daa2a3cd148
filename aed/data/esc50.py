"""ESC-50 (Piczak 2015) and its subsets: 2,000 clips of 5 s, 50 classes, five official folds.

`meta/esc50.csv` lists all clips; a folder may hold any part of them, in any audio format.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, MissingClip, default_group
from aed.data.table import Row, read_table
from aed.errors import ManifestError

DATASET = "esc50"
META_FILE = Path("meta/esc50.csv")
COLUMNS = ("filename", "fold", "category", "src_file")

ESC10_CLASSES = (
    *("chainsaw", "clock_tick", "crackling_fire", "crying_baby", "dog"),
    *("helicopter", "rain", "rooster", "sea_waves", "sneezing"),
)
"""The classes that the `esc10` column of `esc50.csv` flags."""

ESC11_DEVELOPMENT_CLASSES = (
    *("car_horn", "cat", "chirping_birds", "church_bells", "clapping", "cow"),
    *("engine", "glass_breaking", "siren", "snoring", "thunderstorm"),
)
"""Classes outside ESC-10 on which settings are tuned; a choice of ours, not of the data set's authors."""

ESC21_CLASSES = tuple(sorted((*ESC10_CLASSES, *ESC11_DEVELOPMENT_CLASSES)))
"""ESC-10 and the development classes together."""

ESC50_INFO = DatasetInfo(
    name=DATASET,
    title="ESC-50: environmental sounds, 50 classes, 5 folds",
    folders=("esc50", "ESC-50-master", "ESC-50"),
    licence="CC BY-NC 3.0 (the ESC-10 part CC BY 3.0)",
    source_url="https://github.com/karolpiczak/ESC-50",
    label_map="esc50",
    clips=2000,
)


def esc_subset(name: str, title: str, classes: tuple[str, ...]) -> DatasetInfo:
    """Return the card of a subset of ESC-50 by classes; 40 clips a class."""
    return DatasetInfo(
        name=name,
        title=title,
        folders=ESC50_INFO.folders,
        licence=ESC50_INFO.licence,
        source_url=ESC50_INFO.source_url,
        label_map=name,
        clips=40 * len(classes),
        part_of=DATASET,
    )


def load_esc50(info: DatasetInfo, folder: Path) -> LoadedDataset:
    """Load all of ESC-50 that is present; see `load_esc_classes`."""
    return _load(info, folder, lambda category: True)


def load_esc_classes(classes: tuple[str, ...]) -> Callable[[DatasetInfo, Path], LoadedDataset]:
    """Return a loader for some classes of ESC-50; clip ids stay those of ESC-50."""
    return lambda info, folder: _load(info, folder, frozenset(classes).__contains__)


def _load(info: DatasetInfo, folder: Path, wanted: Callable[[str], bool]) -> LoadedDataset:
    files = audio_files(folder / "audio")
    rows = read_table(folder / META_FILE, COLUMNS)
    clips: list[Clip] = []
    missing: list[MissingClip] = []
    for row in rows:
        if not wanted(row["category"]):
            continue
        stem = Path(row["filename"]).stem
        clip_id, labels, fold = f"{DATASET}/{stem}", (row["category"],), _fold(folder / META_FILE, row)
        if stem in files:
            recording = row["src_file"]
            group = default_group(DATASET, recording)
            clips.append(Clip(clip_id, files[stem], DATASET, labels, fold, None, recording, group))
        else:
            missing.append(MissingClip(clip_id, labels, fold, None))
    listed = {Path(row["filename"]).stem for row in rows}
    strays = tuple(path for stem, path in files.items() if stem not in listed)
    return LoadedDataset(info, tuple(sorted(clips, key=lambda clip: clip.clip_id)), tuple(missing), strays)


def _fold(path: Path, row: Row) -> int:
    if not row["fold"].isdecimal():
        raise ManifestError(f"{path}, line {row.line}: expected a fold number, got '{row['fold']}'. Download it again")
    return int(row["fold"])
