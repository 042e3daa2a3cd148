"""What is said of a data set that is not all here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aed.data.check import check_dataset, missing_note
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


def test_a_file_that_needs_an_extra_is_counted_as_one_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "phone.m4a"
    path.write_bytes(b"\0" * 1_000)
    (problem,) = check_dataset(LoadedDataset(INFO, (replace(DOG, path=path),))).damaged
    assert "phone.m4a needs an optional part" in problem
