from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import aed.api
from aed.cli.main import app
from tests.study.test_event_evaluation import CAT, DOG, GLASS, home_scorer, write_set

pytest.importorskip("sed_scores_eval", reason="needs the extra 'eval'")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scenes at two ratios, and a model by formula in place of a trained one."""
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: home_scorer())
    (tmp_path / "model").mkdir()
    scenes = {"a_20dB": [(DOG, "Dog"), (GLASS, None)], "a_0dB": [(0, "Dog"), (CAT, "Siren")]}
    return write_set(tmp_path / "scenes", scenes, {"a_20dB": 20.0, "a_0dB": 0.0})


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "80"})


def test_prints_tables(folder: Path) -> None:
    result = evaluate("--events", folder / "truth.tsv", "--model", folder.parent / "model")
    assert result.exit_code == 0, result.output
    for words in (
        "PSDS 1",
        "event F1",
        "20 dB",
        "events/distinct sources",
        "silent",
        "an hour",
        "the detector itself answers up to",
    ):
        assert words in " ".join(result.stdout.split()), words
    dog = next(line for line in result.stdout.splitlines() if line.strip().startswith("Dog"))
    assert dog.split()[1:3] == ["2/1", "50%"]
    assert "events 'Siren' are none of this model's tree" in " ".join(result.stdout.split())


def test_json_is_nothing_but_json(folder: Path) -> None:
    result = evaluate("--events", folder, "--model", folder.parent / "model", "--json", "--min-probability", "0.3")
    content = json.loads(result.stdout)
    assert content["min_probability"] == [0.3]
    assert [condition["snr_db"] for condition in content["conditions"]] == [None, 20.0, 0.0]


def test_folds_are_judged_by_their_own_models(folder: Path, tmp_path: Path) -> None:
    for fold in (1, 2):
        write_set(tmp_path / f"folds/fold{fold}", {"a": [(DOG, "Dog")]})
    result = evaluate("--events", tmp_path / "folds", "--model", tmp_path / "models")
    assert result.exit_code == 2
    assert "models/fold1: expected a trained model for the scenes of this fold" in result.stderr
    for fold in (1, 2):
        (tmp_path / f"models/fold{fold}").mkdir(parents=True)
    result = evaluate("--events", tmp_path / "folds", "--model", tmp_path / "models", "--json")
    assert json.loads(result.stdout)["conditions"][0]["recordings"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--events", "scenes"), "expected --model FOLDER beside it"),
        (("--events", "scenes", "--model", "model", "--min-probability", "2"), "must lie between 0 and 1, got 2"),
        (("--events", "nowhere", "--model", "model"), "expected a table of truth"),
        (("--audio", "scenes", "--model", "model"), "--audio: expected only together with --events"),
        (("--min-probability", "0.5", "--model", "model"), "expected only together with --events"),
    ],
)
def test_a_wrong_option_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder.parent)
    result = evaluate(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
