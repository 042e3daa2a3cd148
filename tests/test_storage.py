from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from aed.errors import StorageError
from aed.storage import atomic_folder, atomic_path, check_writable, write_atomic
from tests.full_disk import fill_when_synced


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(("data", "expected"), [("naïve\r\n", "naïve\r\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_writes_text_and_bytes_into_new_folders(tmp_path: Path, data: str | bytes, expected: bytes) -> None:
    target = tmp_path / "new" / "deep" / "file.txt"
    write_atomic(target, data)
    assert target.read_bytes() == expected
    assert names(target.parent) == ["file.txt"]


def test_keeps_the_suffix_and_follows_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.png"
    real.write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(real)
    with atomic_path(tmp_path / "link.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"new")
    assert real.read_bytes() == b"new"
    assert (tmp_path / "link.png").is_symlink()


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("body")])
def test_a_failing_body_leaves_the_old_file_and_no_rubbish(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "model.bin"
    target.write_bytes(b"whole")
    with pytest.raises(type(failure)), atomic_path(target) as temporary:
        temporary.write_bytes(b"ha")
        raise failure
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["model.bin"]


def test_a_full_disk_is_one_clear_line_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "model.bin"
    target.write_bytes(b"whole")

    fill_when_synced(monkeypatch)
    with pytest.raises(StorageError, match=r"cannot write .*model\.bin: no space left.*unchanged.*free some space"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["model.bin"]


def test_a_place_that_takes_no_files_is_named_and_not_the_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *arguments: object, **options: object) -> None:  # as /proc does
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(Path, "touch", refused)
    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(StorageError, match=r"cannot write .*/x\.png: no such file.*choose a place") as raised:
        write_atomic(tmp_path / "x.png", b"picture")
    assert ".tmp" not in str(raised.value)
    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StorageError, match=r"cannot write .*/x\.png: no such file"):
        write_atomic(tmp_path / "x.png", b"picture")


DAY_SECONDS = 24 * 3600


@pytest.mark.parametrize(
    ("name", "age_seconds", "is_removed"),
    [
        (".run[1].0123abcd.tmp.pt", DAY_SECONDS + 60, True),
        (".run[1].0123abcd.tmp.pt", DAY_SECONDS - 60, False),  # another process may be at work on it
        (".run[1].0123abcd.tmp.json", DAY_SECONDS + 60, False),  # of another target
        (".run1.0123abcd.tmp.pt", DAY_SECONDS + 60, False),
        (".run[1].mine.tmp.pt", DAY_SECONDS + 60, False),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_old_leftovers_of_the_same_target_are_removed(
    tmp_path: Path, name: str, age_seconds: float, is_removed: bool, kind: str
) -> None:
    leftover = tmp_path / name
    if kind == "file":
        leftover.write_bytes(b"half")
    else:
        leftover.mkdir()
        (leftover / "half").write_bytes(b"half")
    before = time.time() - age_seconds
    os.utime(leftover, (before, before))
    with atomic_path(tmp_path / "run[1].pt") if kind == "file" else atomic_folder(tmp_path / "run[1].pt") as temporary:
        if kind == "file":
            temporary.write_bytes(b"whole")
    assert leftover.exists() != is_removed
    assert (tmp_path / "run[1].pt").exists()


def test_a_leftover_that_cannot_be_removed_is_no_obstacle(tmp_path: Path) -> None:
    leftover = tmp_path / ".run.0123abcd.tmp.pt"
    leftover.mkdir()  # a folder in place of a file
    os.utime(leftover, (1, 1))
    write_atomic(tmp_path / "run.pt", b"whole")
    assert (tmp_path / "run.pt").read_bytes() == b"whole"


def test_an_error_that_is_not_the_storages_fault_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out"):
        (tmp_path / "missing-input").read_bytes()


def test_a_body_that_writes_nothing_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out"):
        pass


@pytest.mark.parametrize("target", ["folder", "file/below"])
def test_refuses_a_folder_or_a_file_in_the_way(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        write_atomic(tmp_path / target, "data")


def test_never_replaces_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="device or pipe"):
        write_atomic(tmp_path / "pipe", "data")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "stale").write_text("old")
    with atomic_folder(target) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "fresh").write_text("new")
        assert names(target) == ["stale"]
    assert (target / "inner" / "fresh").read_text() == "new"
    assert names(target) == ["inner"]
    assert names(tmp_path) == ["run"]


def test_a_failing_folder_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "whole").write_text("old")
    with pytest.raises(ValueError, match="body"), atomic_folder(target) as temporary:
        (temporary / "half").write_text("h")
        raise ValueError("body")
    replace = os.replace

    def refuses_the_new(source: Path, to: Path) -> None:
        if ".tmp" in str(source):
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(source, to)

    monkeypatch.setattr(os, "replace", refuses_the_new)
    with pytest.raises(StorageError, match="permission denied"), atomic_folder(target) as temporary:
        (temporary / "half").write_text("h")
    assert names(target) == ["whole"]
    assert names(tmp_path) == ["run"]


def test_a_folder_cannot_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(StorageError, match="a file has that name"), atomic_folder(tmp_path / "run"):
        pass


def test_a_target_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    check_writable(tmp_path / "old.csv")
    check_writable(tmp_path / "new.csv")
    assert names(tmp_path) == ["old.csv"]
    with pytest.raises(StorageError, match=r"cannot write .*events\.csv"):
        check_writable(tmp_path / "old.csv/events.csv")
