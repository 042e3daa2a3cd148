from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aed.cli.main import app
from tests.data.scape_corpus import write_sources


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    return f"csv:{write_sources(tmp_path / 'sources')[0]}"


def scape(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "scape", *map(str, arguments)])


def test_makes_scenes_and_says_what_they_are_worth(source: str, tmp_path: Path) -> None:
    settings = ("--folds", 3, "--scenes", 2, "--seconds", 6, "--snr-db", 10, "--rate", 20, "--rate-hz", 4000)
    result = scape(tmp_path / "out", "--source", f"{source}@Dog", *settings)
    assert result.exit_code == 0, result.output
    assert "test part of fold 1 of 3" in result.stdout
    assert "2 scenes, 0.2 minutes, each at 10 dB" in result.stdout
    assert "of 2 sources" in result.stdout
    assert "up to 0 MB" in result.stderr
    assert len(list((tmp_path / "out/audio").glob("*.flac"))) == 2
    assert "\tDog" in (tmp_path / "out/truth.tsv").read_text()
    kept = json.loads((tmp_path / "out/scape.json").read_text())["config"]
    assert (kept["events_per_minute"], kept["snr_db"], kept["part"]) == (20, [10], "test")


def test_all_folds_go_into_folders_of_their_own(source: str, tmp_path: Path) -> None:
    settings = ("--all-folds", "--folds", 2, "--scenes", 1, "--seconds", 6, "--rate-hz", 4000, "--json")
    result = scape(tmp_path / "out", "--source", source, *settings)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [Path(folder).name for folder in found] == ["fold1", "fold2"]
    for folder, summary in found.items():
        assert (Path(folder) / "truth.tsv").is_file()
        assert summary["files"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fold", 9), "fold 9: expected 1 to 5"),
        (("--seconds", 1), "aed data scape: seconds: "),
        (("--snr-db", 3, "--snr-db", 3), "holds a ratio twice"),
        (("--source", "esc51"), "unknown data set 'esc51'"),
        (("--background", "folder:/nowhere"), "expected a folder with one folder for each label"),
    ],
)
def test_a_wrong_option_is_one_line(source: str, tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    result = scape(tmp_path / "out", "--source", source, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("aed: error: ")
    assert not (tmp_path / "out").exists()
