"""`aed train`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from aed.cli.main import app
from aed.cli.train import find_recipe
from aed.model import TreeModel
from aed.resources import recipes_folder
from tests.tiny_corpus import contents, write_corpus, write_recipe


@pytest.fixture(autouse=True)
def _own_cache_and_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The tiny recipe, three steps."""
    path = write_recipe(tmp_path / "recipe.yaml", write_corpus(tmp_path / "corpus"))
    path.write_text(path.read_text().replace("steps: 5", "steps: 3"))
    return path


def run(recipe: Path, *arguments: str | Path) -> Result:
    line = ["train", str(recipe), "--device", "cpu", "--threads", "1", *map(str, arguments)]
    return CliRunner().invoke(app, line)


def test_trains_the_first_fold_and_says_where_the_model_is(recipe: Path, tmp_path: Path) -> None:
    result = run(recipe, "--out", tmp_path / "runs", "--set", "optim.lr=1e-3", "--set", "consistency=null")
    assert result.exit_code == 0, result.output
    assert re.search(r"step 3/3  label \d+\.\d+  window \d+\.\d+  loss \d+\.\d+", result.stdout)
    assert re.search(rf"model written to {tmp_path / 'runs/fold1'} \(\d+ s, 3 steps\)", result.stdout)
    assert result.stderr == ""
    TreeModel.load(tmp_path / "runs/fold1")
    assert list((tmp_path / "runs/fold1/tensorboard").iterdir())
    resolved = (tmp_path / "runs/fold1/recipe.yaml").read_text()
    assert "lr: 0.001" in resolved
    assert "consistency: null" in resolved


def test_holds_out_the_fold_that_is_named_in_the_recipes_own_folder(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(recipe, "--fold", "2").exit_code == 0
    assert json.loads((tmp_path / "runs/tiny/fold2/run.json").read_text())["fold"] == 2


def test_a_recipe_without_folds_trains_on_everything(recipe: Path, tmp_path: Path) -> None:
    everything = ["--out", tmp_path / "runs", "--set", "data.folds=none"]
    refused = run(recipe, *everything, "--all-folds")
    assert refused.exit_code == 2
    assert "recipe tiny holds nothing out (data.folds is none)" in refused.stderr
    assert "leave it out to train on everything" in refused.stderr
    assert not (tmp_path / "runs").exists()
    assert run(recipe, *everything).exit_code == 0
    record = json.loads((tmp_path / "runs/run.json").read_text())
    assert (record["fold"], record["labelled_clips"]) == (None, 12)


def test_an_existing_run_is_refused_and_resume_says_that_it_is_done(recipe: Path, tmp_path: Path) -> None:
    assert run(recipe, "--out", tmp_path / "runs").exit_code == 0
    before = contents(tmp_path / "runs")
    for arguments in ([], ["--all-folds"]):
        result = run(recipe, "--out", tmp_path / "runs", *arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"aed: error: {tmp_path / 'runs/fold1'} already holds a run: use --resume")
    result = run(recipe, "--out", tmp_path / "runs", "--resume")
    assert result.exit_code == 0
    assert "model written to" in result.stdout
    assert contents(tmp_path / "runs") == before


def test_clips_that_cannot_be_read_are_named_at_the_end(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus/1.wav").write_bytes(b"no audio")
    (tmp_path / "corpus/4.wav").write_bytes(b"")
    result = run(recipe, "--out", tmp_path / "runs")
    assert result.exit_code == 1
    first, *reasons = result.stderr.splitlines()
    assert first == "aed: error: 2 clips could not be read and taught nothing:"
    assert [re.search(r"\d+\.wav", reason)[0] for reason in reasons] == ["1.wav", "4.wav"]
    TreeModel.load(tmp_path / "runs/fold1")
    assert run(recipe, "--out", tmp_path / "runs", "--resume").exit_code == 1


@pytest.mark.training
def test_all_folds_side_by_side(recipe: Path, tmp_path: Path) -> None:
    result = run(recipe, "--out", tmp_path / "runs", "--all-folds", "--jobs", "2", "--set", "optim.steps=2")
    assert result.exit_code == 0, result.output
    assert "training 2 folds at once" in result.stderr
    for fold in (1, 2):
        assert re.search(rf"fold {fold}: model written to .*fold{fold} \(\d+ s, 2 steps\)", result.stdout)
        assert json.loads((tmp_path / f"runs/fold{fold}/run.json").read_text())["fold"] == fold
        TreeModel.load(tmp_path / f"runs/fold{fold}")


def test_a_fold_that_fails_is_named_with_its_log(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text(
        '#!/bin/sh\necho well\ncase "$*" in *"--fold 1"*) echo bad luck; exit 2;; *"--fold 3"*) kill -9 $$;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    manifest = tmp_path / "corpus/clips.csv"
    manifest.write_text(manifest.read_text().replace("5.wav,siren,2", "5.wav,siren,3"))
    result = run(recipe, "--out", tmp_path / "runs", "--all-folds")
    assert result.exit_code == 1
    assert result.stdout == "fold 2: well\n"
    logs = ", ".join(str(tmp_path / f"runs/fold{fold}/train.log") for fold in (1, 3))
    assert result.stderr.splitlines()[1:] == [
        "fold 1: bad luck",
        "fold 3: ended by SIGKILL; its last line: well",
        f"aed: error: 2 of 3 folds did not end well; see {logs}",
    ]


@pytest.mark.parametrize(("rank", "notes"), [("0", 1), ("1", 0)])
def test_one_process_speaks_of_what_is_missing(
    rank: str, notes: int, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("aed.train.dataset.missing_note", lambda loaded: "9 clips are missing")
    monkeypatch.setattr("aed.cli.train._train_one", lambda *arguments, **options: None)
    assert run(recipe, "--out", tmp_path / "runs").stderr.count("9 clips are missing") == notes


def test_a_shipped_recipe_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_recipe(Path("esc10")) == recipes_folder() / "esc10/recipe.yaml"
    monkeypatch.chdir(tmp_path)
    Path("esc10").write_text("a file of that name comes first")
    assert find_recipe(Path("esc10")) == Path("esc10")
