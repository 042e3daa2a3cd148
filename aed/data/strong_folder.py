"""Strongly labelled recordings: a folder in DESED's form, of which it is known when what sounds.

A folder holds the recordings, right in it or in `audio/`, and the tables of `aed.data.scape_tables`: `truth.tsv`
(filename, onset, offset, event_label) and, where there is one, `durations.tsv`, which also names recordings without
events. `aed data scape` writes such folders too, with `sources.csv` beside: which clips each scene was mixed of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group
from aed.data.scape_tables import (
    AUDIO_FOLDER,
    DURATIONS_FILE,
    SOURCES_FILE,
    TRUTH_FILE,
    TruthRow,
    read_durations,
    read_sources,
    read_truth,
)
from aed.errors import DataError, ManifestError

STRONG = "strong:"
"""What a source begins with that names such a folder."""
NO_EVENT = "no event"
"""Label of a recording in which nothing of what the table names sounds: somebody listened and heard none of it."""
LABEL_MAP_FILE = "labels.yaml"
"""What the labels mean, where it lies in the folder."""


@dataclass(frozen=True)
class StrongRecording:
    """A recording of which the events are known.

    Attributes:
        name: Its name in the tables.
        path: The file.
        duration_seconds: Its length as a table tells it; None where none does.
        events: Its rows of the table of truth, none of them without a label.
    """

    name: str
    path: Path
    duration_seconds: float | None
    events: tuple[TruthRow, ...]

    @property
    def stem(self) -> str:
        """Its name without the suffix."""
        return _stem(self.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of its events, in alphabetical order."""
        return tuple(sorted({row.event_label for row in self.events if row.event_label is not None}))


def is_strong(source: str) -> bool:
    """Whether a source names a folder of strongly labelled recordings."""
    return source.startswith(STRONG) and source != STRONG


def strong_path(source: str) -> Path:
    """Return the folder, or the table of truth, that such a source names."""
    return Path(source.removeprefix(STRONG))


def load_strong(path: Path) -> LoadedDataset:
    """Load strongly labelled recordings as clips, each labelled with what sounds in it at some time.

    A recording without events has the label `NO_EVENT`. What `aed data scape` mixed tells the content groups that it
    was mixed of.

    Args:
        path: The folder, or the table of truth.

    Raises:
        DataError: There is no table of truth, it names no event, or a recording is not there.
        ManifestError: A table is damaged.
    """
    truth = find_truth(path)
    name = truth.parent.absolute().name
    mixed_of = _mixed_of(truth.parent / SOURCES_FILE)
    recordings = read_recordings(truth)
    if not any(recording.events for recording in recordings):
        raise DataError(f"{truth} names no event: expected a row for each event. Add some")
    clips = [_clip(name, recording, mixed_of.get(recording.name, frozenset())) for recording in recordings]
    return LoadedDataset(strong_info(path), tuple(sorted(clips, key=lambda clip: clip.clip_id)))


def strong_info(path: Path) -> DatasetInfo:
    """Return the card of a folder of strongly labelled recordings."""
    name = find_truth(path).parent.absolute().name
    title = f"strongly labelled recordings in {name}"
    return DatasetInfo(f"{STRONG}{path}", title, (str(path),), "your own", "", None, None, part_of=name)


def load_events(path: Path) -> dict[str, tuple[TruthRow, ...]]:
    """Return the events of each recording by the clip's id.

    Raises:
        DataError, ManifestError: As `load_strong`.
    """
    truth = find_truth(path)
    name = truth.parent.absolute().name
    return {f"{name}/{recording.stem}": recording.events for recording in read_recordings(truth)}


def label_map_file(path: Path) -> Path | None:
    """Return the label map that lies in the folder, if one does."""
    file = find_truth(path).parent / LABEL_MAP_FILE
    return file if file.is_file() else None


def find_truth(path: Path) -> Path:
    """Return the table of truth of a folder; a table is its own.

    Raises:
        DataError: There is none.
    """
    truth = path if path.is_file() else path / TRUTH_FILE
    if not truth.is_file():
        raise DataError(
            f"{path}: expected a table of truth, or a folder with {TRUTH_FILE} (filename, onset, offset, event_label) "
            "and the recordings, got none. Correct the path"
        )
    return truth


def read_recordings(
    truth: Path, audio: Path | None = None, durations: Path | None = None
) -> tuple[StrongRecording, ...]:
    """Read which recordings there are and what sounds in them when.

    Args:
        truth: Table of truth.
        audio: Folder of the recordings; by default `audio` beside the table, or the table's own folder. A table that
            says `.wav` also finds the `.flac`.
        durations: Table of lengths, which also names recordings without events; the one beside the truth by default.

    Returns:
        In order of name.

    Raises:
        ManifestError: A table is missing or damaged.
        DataError: A recording is not there, or none is named.
    """
    folder = truth.parent
    if audio is None:
        audio = folder / AUDIO_FOLDER if (folder / AUDIO_FOLDER).is_dir() else folder
    if durations is None and (folder / DURATIONS_FILE).is_file():
        durations = folder / DURATIONS_FILE
    seconds = read_durations(durations) if durations is not None else {}
    events: dict[str, list[TruthRow]] = {name: [] for name in seconds}
    for row in read_truth(truth):
        if durations is not None and row.filename not in seconds:
            raise ManifestError(f"{durations} lacks '{row.filename}', which {truth} names. Add its length")
        events.setdefault(row.filename, []).extend([row] if row.event_label is not None else [])
    if not events:
        raise DataError(f"{truth} names no recording: expected a row for each event. Add some")
    paths = _paths(audio, events, truth)
    return tuple(StrongRecording(name, paths[name], seconds.get(name), tuple(events[name])) for name in sorted(events))


def _paths(audio: Path, names: Iterable[str], truth: Path) -> dict[str, Path]:
    files = audio_files(audio)
    paths = {name: files.get(_stem(name)) for name in names}
    absent = [name for name, path in paths.items() if path is None]
    if absent:
        raise DataError(
            f"{audio}: {len(absent)} of the {len(paths)} recordings that {truth} names are not there, the first is "
            f"'{absent[0]}'. Name their folder with --audio, or put them in '{AUDIO_FOLDER}' beside the table"
        )
    return {name: path for name, path in paths.items() if path is not None}


def _stem(name: str) -> str:
    return Path(name).with_suffix("").as_posix()


def _mixed_of(path: Path) -> dict[str, frozenset[str]]:
    """Content groups that each scene was mixed of; none where no table tells."""
    groups: dict[str, set[str]] = defaultdict(set)
    for row in read_sources(path) if path.is_file() else []:
        groups[row.filename].add(row.group)
    return {name: frozenset(of_scene) for name, of_scene in groups.items()}


def _clip(dataset: str, recording: StrongRecording, mixed_of: frozenset[str]) -> Clip:
    stem = recording.stem
    labels = recording.labels or (NO_EVENT,)
    group = default_group(dataset, stem)
    return Clip(f"{dataset}/{stem}", recording.path, dataset, labels, None, None, stem, group, mixed_of)
