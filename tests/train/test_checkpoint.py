"""Checkpoints: whole or not at all, and never another run's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aed.errors import ModelError, StorageError
from aed.train.checkpoint import FILE_NAME, load_checkpoint, save_checkpoint
from tests.full_disk import disk_with_room_for, fill_when_synced
from tests.tiny_corpus import contents

IDENTITY = {"recipe": "0123456789ab", "fold": 1, "taxonomy": "ba9876543210"}
STATE = {**IDENTITY, "step": 7, "model": {"weight": torch.arange(50_000.0)}}


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, STATE)
    state = load_checkpoint(tmp_path, IDENTITY)
    assert state is not None
    assert state["step"] == 7
    assert torch.equal(state["model"]["weight"], STATE["model"]["weight"])


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, IDENTITY) is None


@pytest.mark.parametrize("name", IDENTITY)
def test_another_runs_checkpoint_is_refused(name: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, STATE | {name: "other"})
    with pytest.raises(ModelError, match=f"its {name} is other, this run's is {IDENTITY[name]}"):
        load_checkpoint(tmp_path, IDENTITY)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"no checkpoint\n",
        lambda whole: whole[:100],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[:60_000] + bytes(2_000) + whole[62_000:],
        lambda whole: os.urandom(1000),
    ],
    ids=["empty", "text", "head", "half", "last byte", "hole", "noise"],
)
def test_a_damaged_checkpoint_is_one_line_that_says_how_to_mend(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, STATE)
    path = tmp_path / FILE_NAME
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path, IDENTITY)
    message = str(caught.value)
    assert message.startswith(f"{path}: damaged, or no checkpoint (")
    assert message.endswith("delete it to start anew")
    assert "\n" not in message


def test_a_file_of_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / FILE_NAME)
    with pytest.raises(ModelError, match="expected named entries, got list"):
        load_checkpoint(tmp_path, IDENTITY)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    torch.save({**STATE, "model": os.getcwd}, tmp_path / FILE_NAME)
    with pytest.raises(ModelError, match="damaged, or no checkpoint"):
        load_checkpoint(tmp_path, IDENTITY)


def test_a_full_disk_leaves_the_former_checkpoint_whole(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, STATE)
    before = contents(tmp_path)
    with (
        disk_with_room_for(10_000),
        pytest.raises(StorageError, match=rf"cannot write {tmp_path / FILE_NAME}: file too large"),
    ):
        save_checkpoint(tmp_path, STATE | {"step": 8})
    assert contents(tmp_path) == before


def test_a_disk_that_is_full_when_it_syncs_leaves_the_former_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, STATE)
    before = contents(tmp_path)
    fill_when_synced(monkeypatch)
    with pytest.raises(StorageError, match="no space left on device; what was there is unchanged; free some space"):
        save_checkpoint(tmp_path, STATE | {"step": 8})
    assert contents(tmp_path) == before
