"""Reading a JSON object: what is damaged says how to mend it, what is missing is left to the caller."""

from __future__ import annotations

from pathlib import Path

import pytest

from aed.errors import DataError, ModelError
from aed.json_object import read_json_object


def test_an_object_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"name": "Türklingel", "steps": [1, 2]}', encoding="utf-8")

    assert read_json_object(path, ModelError, "train again") == {"name": "Türklingel", "steps": [1, 2]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"name": ', "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[1]", "expected a JSON object, got list"),
    ],
)
def test_a_damaged_file_is_the_callers_error_with_the_callers_advice(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)

    with pytest.raises(DataError, match=f"run.json: {why}.*; copy it again"):
        read_json_object(path, DataError, "copy it again")


def test_a_folder_in_its_place_is_damage(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        read_json_object(tmp_path, ModelError, "train again")


@pytest.mark.parametrize("name", ["missing.json", "file/run.json"])
def test_what_is_not_there_is_the_callers_to_explain(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        read_json_object(tmp_path / name, ModelError, "train again")
