"""What is said of a data set that is not all here."""

from __future__ import annotations

from pathlib import Path

from aed.data.check import missing_note
from aed.data.records import Clip, DatasetInfo, LoadedDataset, MissingClip

INFO = DatasetInfo("esc50", "ESC-50", ("esc50",), "CC BY-NC 3.0", "", "esc50", 3)
DOG = Clip("esc50/1", Path("1.ogg"), "esc50", ("dog",), 1, None, "1", "esc50:1")


def test_a_whole_data_set_is_not_spoken_of() -> None:
    assert missing_note(LoadedDataset(INFO, (DOG,))) is None


def test_missing_clips_and_classes_are_counted() -> None:
    missing = (MissingClip("esc50/2", ("dog",), 2, None), MissingClip("esc50/3", ("cat",), 3, None))
    note = missing_note(LoadedDataset(INFO, (DOG,), missing))
    assert note == "esc50: 1 of 3 listed clips are here, nothing of 1 of 2 classes (aed data check esc50)"


def test_where_every_class_has_a_clip_only_clips_are_counted() -> None:
    note = missing_note(LoadedDataset(INFO, (DOG,), (MissingClip("esc50/2", ("dog",), 2, None),)))
    assert note == "esc50: 1 of 2 listed clips are here (aed data check esc50)"
