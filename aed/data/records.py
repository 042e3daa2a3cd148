"""The words of the data path: a clip, a clip that should be there, a data set's card, a data set that was loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clip:
    """Audio with one label set.

    Attributes:
        clip_id: `<data set>/<name without suffix>`, the same whatever the file's format ("esc50/1-100032-A-0").
        path: The audio file.
        dataset: Name of the data set that it belongs to ("esc50", also when loaded through the subset "esc10").
        labels: Labels in the data set's own words; empty for a clip of unknown content.
        fold: Official fold, where the data set has folds.
        split: Official split ("train", "test"), where the data set has one.
        recording: Source recording, unique within the data set.
        group: Content group: clips of one group share content and stay on one side of every split.
        mixed_of: Content groups of what a mixed scene was made of; empty for a recording of the world. A scene only
            ever teaches, and only where none of these is held out.
    """

    clip_id: str
    path: Path
    dataset: str
    labels: tuple[str, ...]
    fold: int | None
    split: str | None
    recording: str
    group: str
    mixed_of: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MissingClip:
    """A clip that the data set lists and the folder does not hold."""

    clip_id: str
    labels: tuple[str, ...]
    fold: int | None
    split: str | None


@dataclass(frozen=True)
class DatasetInfo:
    """The card of a data set.

    Attributes:
        name: The name in commands and recipes ("esc10").
        title: What it is, for people.
        folders: Names of its folder under the data root, the usual one first.
        licence: Licence of the audio.
        source_url: Where to get it; empty where nobody states one.
        label_map: Name for `aed.ontology.labels.load_label_map`; None where the user brings one.
        clips: How many clips the whole public set has; None where nobody knows.
        part_of: Name of the data set that it is a part of; None for a whole one.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    licence: str
    source_url: str
    label_map: str | None
    clips: int | None
    part_of: str | None = None

    @property
    def dataset(self) -> str:
        """The name that its clips bear."""
        return self.part_of or self.name


@dataclass(frozen=True)
class LoadedDataset:
    """What a loader found.

    Attributes:
        info: The data set's card.
        clips: Clips that are present, ordered by `clip_id`.
        missing: Clips that the data set's own lists name and the folder lacks.
        strays: Audio files in the folder that belong to no known clip.
    """

    info: DatasetInfo
    clips: tuple[Clip, ...]
    missing: tuple[MissingClip, ...] = ()
    strays: tuple[Path, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the clips that are present, in alphabetical order."""
        return tuple(sorted({label for clip in self.clips for label in clip.labels}))


Loader = Callable[[DatasetInfo, Path], LoadedDataset]
"""Reads one data set from its folder; files that are absent are reported, never an error."""


def default_group(dataset: str, recording: str) -> str:
    """Content group of a recording that is not known to share content with another."""
    return f"{dataset}:{recording}"
