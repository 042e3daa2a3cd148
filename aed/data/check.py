"""How complete a data set is: clips, classes, folds, hours, and files that cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from aed.audio.read import inspect
from aed.data.records import Clip, LoadedDataset, MissingClip
from aed.errors import AudioError, MissingExtraError

Progress = Callable[[int, int], None]
"""Called with the files that are inspected and the files in all."""

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Presence:
    """How many clips of a class, fold or split are present, of how many that are listed."""

    name: str
    present: int
    listed: int


@dataclass(frozen=True)
class DatasetReport:
    """What `aed data check` prints.

    Attributes:
        name: The data set.
        present: Clips whose file is there.
        expected: Clips of the whole public set; those that are listed where nobody knows.
        labels: Presence by label, in alphabetical order.
        folds: Presence by official fold.
        splits: Presence by official split.
        content_groups: Number of content groups among the clips that are present.
        seconds: Length of the readable files together.
        damaged: What is wrong with each file that cannot be read.
        strays: Audio files that belong to no known clip.
    """

    name: str
    present: int
    expected: int
    labels: tuple[Presence, ...]
    folds: tuple[Presence, ...]
    splits: tuple[Presence, ...]
    content_groups: int
    seconds: float
    damaged: tuple[str, ...]
    strays: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Length of the readable files together in hours."""
        return self.seconds / SECONDS_PER_HOUR

    @property
    def absent_labels(self) -> tuple[str, ...]:
        """Labels of which no clip is present."""
        return tuple(label.name for label in self.labels if not label.present)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {**asdict(self), "hours": self.hours, "absent_labels": self.absent_labels}


def missing_note(loaded: LoadedDataset) -> str | None:
    """One line on what of a data set is not here; None where nothing is missing."""
    if not loaded.missing:
        return None
    here = {label for clip in loaded.clips for label in clip.labels}
    absent = {label for clip in loaded.missing for label in clip.labels} - here
    name, present = loaded.info.name, len(loaded.clips)
    classes = f", nothing of {len(absent)} of {len(absent | here)} classes" if absent else ""
    return (
        f"{name}: {present} of {present + len(loaded.missing)} listed clips are here{classes} (aed data check {name})"
    )


def check_dataset(dataset: LoadedDataset, progress: Progress | None = None) -> DatasetReport:
    """Count what is present and read the header of every file; a damaged file is reported, not raised."""
    seconds = 0.0
    damaged: list[str] = []
    for done, clip in enumerate(dataset.clips, start=1):
        try:
            seconds += inspect(clip.path).seconds
        except (AudioError, MissingExtraError) as error:
            damaged.append(str(error))
        if progress is not None:
            progress(done, len(dataset.clips))
    clips, missing = dataset.clips, dataset.missing
    return DatasetReport(
        name=dataset.info.name,
        present=len(clips),
        expected=dataset.info.clips or len(clips) + len(missing),
        labels=_presence(clips, missing, lambda clip: clip.labels),
        folds=_presence(clips, missing, lambda clip: () if clip.fold is None else (f"{clip.fold}",)),
        splits=_presence(clips, missing, lambda clip: () if clip.split is None else (clip.split,)),
        content_groups=len({clip.group for clip in clips}),
        seconds=seconds,
        damaged=tuple(damaged),
        strays=tuple(str(path) for path in dataset.strays),
    )


def _presence(
    clips: Iterable[Clip], missing: Iterable[MissingClip], keys: Callable[[Clip | MissingClip], tuple[str, ...]]
) -> tuple[Presence, ...]:
    present = Counter(key for clip in clips for key in keys(clip))
    listed = present + Counter(key for clip in missing for key in keys(clip))
    return tuple(Presence(name, present[name], listed[name]) for name in sorted(listed))
