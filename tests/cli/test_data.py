from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aed.cli import data
from aed.data.manifest import read_manifest
from aed.data.registry import DATASETS
from aed.errors import AedError, DataError
from tests.data.layouts import make_audioset, make_esc50, make_sesa, touch_audio


@pytest.fixture(autouse=True)
def no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)


def aed(*arguments: object, exit_code: int = 0) -> str:
    """Run the verb alone; an error of ours passes through, as the real command line catches it."""
    app = typer.Typer()
    data.register(app)
    app.callback()(lambda: None)
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if isinstance(result.exception, AedError):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_list_knows_every_set_and_says_what_is_here(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    entries = {entry["name"]: entry for entry in json.loads(aed("list", "--data-root", tmp_path, "--json"))}
    assert set(entries) == set(DATASETS)
    esc50 = entries["esc50"]
    assert (esc50["here"], esc50["present"], esc50["expected"]) == (True, 4, 2000)
    assert esc50["licence"].startswith("CC BY-NC")
    assert not entries["sesa"]["here"]
    table = aed("list", "--data-root", tmp_path)
    assert "4 of 2000" in table
    assert "not here" in table


def test_check_names_what_is_absent(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".ogg")
    touch_audio(tmp_path / "esc50/audio/new.wav")
    text = aed("check", "esc50", "--data-root", tmp_path)
    assert "4 of 2000 clips present" in text
    assert "classes: 3 of 4 present; absent: pig" in text
    assert "4: 0 of 1" in text
    assert "new.wav" in text
    report = json.loads(aed("check", "esc50", "--data-root", tmp_path, "--json"))
    assert report["absent_labels"] == ["pig"]
    assert report["folds"][0] == {"name": "1", "present": 2, "listed": 2}
    assert report["seconds"] == pytest.approx(0.04)


def test_check_shows_classes_in_part_and_shortens_long_lists(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    (tmp_path / "esc50/audio/1-100-B-0.wav").unlink()
    assert "classes in part: dog 1/2" in aed("check", "esc50", "--data-root", tmp_path)
    make_audioset(tmp_path, ".wav")
    labels = ",".join(f"/m/{i}" for i in range(30))
    with (tmp_path / "audioset/eval_segments.csv").open("a") as file:
        file.write(f'abcdefghijk, 0.000, 10.000, "{labels}"\n')
    assert "and 20 more" in aed("check", "audioset", "--data-root", tmp_path)


def test_check_names_a_damaged_file_and_exits_with_2(tmp_path: Path) -> None:
    make_sesa(tmp_path, ".wav")
    (tmp_path / "sesa/train/siren_001.wav").write_bytes(b"")
    text = aed("check", "sesa", "--data-root", tmp_path, exit_code=2)
    assert "siren_001.wav: the file is empty" in text
    assert "4 of 585" in text


def test_check_of_an_own_folder_needs_no_data_root(tmp_path: Path) -> None:
    touch_audio(tmp_path / "own/doorbell/a.wav")
    assert "1 of 1 clips present" in aed("check", f"folder:{tmp_path / 'own'}")


def test_data_root_from_the_environment_or_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sesa(tmp_path, ".wav")
    with pytest.raises(DataError, match="AED_DATA_ROOT is not set"):
        aed("check", "sesa")
    with pytest.raises(DataError, match="Correct --data-root"):
        aed("list", "--data-root", tmp_path / "none")
    monkeypatch.setenv("AED_DATA_ROOT", str(tmp_path))
    assert "4 of 585" in aed("check", "sesa")


def test_manifest_can_be_read_back(tmp_path: Path) -> None:
    make_sesa(tmp_path, ".wav")
    assert "4 clips" in aed("manifest", "sesa", "--out", tmp_path / "m.csv", "--data-root", tmp_path)
    assert len(read_manifest(tmp_path / "m.csv", tmp_path)) == 4
    other = tmp_path / "other/m.csv"
    aed("manifest", "sesa", "--out", other, "--data-root", tmp_path, "--relative-to", tmp_path)
    assert other.read_bytes() == (tmp_path / "m.csv").read_bytes()


def test_budget_needs_a_complete_set(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    (tmp_path / "esc50/audio/1-100-B-0.wav").unlink()
    with pytest.raises(DataError, match="needs all clips, 1 are missing"):
        aed("budget", "--data-root", tmp_path, "--out", tmp_path / "budgets")
    assert not (tmp_path / "budgets").exists()


def test_budget_writes_six_files(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    aed("budget", "--data-root", tmp_path, "--out", tmp_path / "budgets")
    assert len(list((tmp_path / "budgets").glob("esc*_*percent.csv"))) == 6


def test_get_hands_over_address_and_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def get_dataset(name: str, root: Path, **options: object) -> Path:
        seen.update(name=name, root=root, url=options["url"], sha256=options["sha256"])
        options["progress"](1, None)  # type: ignore[operator]
        return root / name

    monkeypatch.setattr(data, "get_dataset", get_dataset)
    text = aed("get", "esc50", "--data-root", tmp_path, "--url", "http://localhost/x.zip", "--sha256", "ab")
    assert seen == {"name": "esc50", "root": tmp_path, "url": "http://localhost/x.zip", "sha256": "ab"}
    assert "aed data check esc50" in text
    assert "zip checksums (CRC-32) of all files; all 2000 listed clips are there" in text
    assert "checksum of the archive: matches --sha256" in text
    assert "not checked (no --sha256 was given)" in aed("get", "esc50", "--data-root", tmp_path)


def test_get_says_that_a_name_is_wrong_before_it_asks_for_a_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    with pytest.raises(DataError, match="part of esc50: aed data get esc50"):
        aed("get", "esc10")


def test_overlap_writes_where_it_is_told_and_says_what_recurs(tmp_path: Path) -> None:
    make_sesa(tmp_path, ".wav")
    target = tmp_path / "groups.csv"
    text = aed("overlap", "--data-root", tmp_path, "--out", target)
    assert "sesa: 0 of" in text
    assert str(target) in text
    summary = json.loads(aed("overlap", "--data-root", tmp_path, "--out", target, "--json"))
    assert len(target.read_text().splitlines()) == 1 + summary["clips"]


def test_overlap_names_a_damaged_file_and_fails(tmp_path: Path) -> None:
    make_sesa(tmp_path, ".wav")
    damaged = next((tmp_path / "sesa").rglob("*.wav"))
    damaged.write_text("no sound")
    text = aed("overlap", "--data-root", tmp_path, "--out", tmp_path / "groups.csv", exit_code=2)
    assert f"cannot be read: {damaged}" in text


@pytest.mark.audio
def test_real_esc50(data_root: Path) -> None:
    report = json.loads(aed("check", "esc50", "--data-root", data_root, "--json"))
    assert (report["present"], report["expected"], len(report["absent_labels"])) == (840, 2000, 29)
    assert [fold["present"] for fold in report["folds"]] == [168] * 5
    assert report["hours"] == pytest.approx(840 * 5 / 3600, rel=0.01)
    assert report["damaged"] == []
