from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aed.errors import DataError, StorageError
from aed.study import ledger
from aed.study.ledger import TestLook, append_look, count_looks, ledger_path, read_looks
from tests.full_disk import disk_with_room_for


def look(recipe: str = "esc10", fold: int = 1) -> TestLook:
    return TestLook(
        date="2026-01-01T00:00:00+00:00",
        commit="abc1234",
        recipe=recipe,
        recipe_hash="0123456789ab",
        fold=fold,
        seed=1,
        clips=80,
        result={"leaf_accuracy": 0.9, "none_recall": None},
    )


def test_looks_are_appended_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "test_looks.jsonl"
    assert count_looks(path, "esc10") == 0
    for fold in (1, 2, 2):
        append_look(look(fold=fold), path)
    append_look(look(recipe="esc50"), path)
    assert read_looks(path)[0] == look()
    assert count_looks(path, "esc10") == 3
    assert count_looks(path, "esc10", fold=2) == 2


def test_looks_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "test_looks.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda fold: append_look(look(fold=fold), path), range(200)))
    assert sorted(found.fold for found in read_looks(path)) == list(range(200))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "test_looks.jsonl"
    append_look(look(), path)
    with path.open("a") as handle:
        handle.write('{"date": 1}\n')
    with pytest.raises(DataError, match="line 2"):
        read_looks(path)


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot record the test look"):
        append_look(look(), tmp_path)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "test_looks.jsonl"
    append_look(look(), path)
    before = path.read_bytes()
    with disk_with_room_for(len(before) + 10), pytest.raises(StorageError, match="the disk is full"):
        append_look(look(), path)
    assert path.read_bytes() == before


def test_no_test_writes_into_the_checkouts_ledger(tmp_path: Path) -> None:
    assert ledger_path(tmp_path / "runs" / "fold1") == tmp_path / "runs" / "test_looks.jsonl"


@pytest.mark.parametrize(("is_checkout", "expected"), [(True, "recipes"), (False, "runs/made")])
def test_the_ledger_lies_in_the_checkout_or_beside_the_run(
    is_checkout: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    if is_checkout:
        (tmp_path / ".git").mkdir()
    monkeypatch.setattr(ledger, "recipes_folder", lambda: tmp_path / "recipes")
    assert ledger_path(tmp_path / "runs" / "made" / "fold1") == tmp_path / expected / "test_looks.jsonl"
