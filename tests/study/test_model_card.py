"""`aed card` and thresholds on what a training held out: a home model of three steps, sets in their own layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from typer.testing import CliRunner

import aed
from aed.cli.main import app
from aed.resources import recipes_folder
from aed.study.ledger import read_looks
from aed.study.model_card import MOST_PER_HOUR, held_out_clips
from aed.train.recipe import load_recipe
from aed.train.run import RunOptions, train_run
from tests.data.layouts import LAYOUTS
from tests.tiny_corpus import Recorder, write_audioset, write_esc50

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_esc50(root)
    write_audioset(root)
    for name in ("sesa", "glass_break", "dcase2016_task2"):
        LAYOUTS[name][0](root, ".wav")
    few = ["optim.steps=3", "optim.batch_size=4", "augment.waveform.views=1", "data.clip_seconds=0.5"]
    recipe = load_recipe(recipes_folder() / "home" / "recipe.yaml", few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AED_CACHE", str(root / "cache"))
        patch.setenv("AED_DATA_ROOT", str(root))
        train_run(recipe, 5, root, RunOptions(root / "runs" / "fold5", accelerator="cpu"), Recorder())
    return root / "runs" / "fold5"


@pytest.fixture(autouse=True)
def _its_data(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_DATA_ROOT", str(run.parents[1]))
    monkeypatch.setattr("aed.study.model_card.ledger_path", lambda folder: run.parents[1] / "looks.jsonl")


def test_sets_that_are_only_tested_on_are_held_out_whole(run: Path) -> None:
    clips, targets = held_out_clips(run, None)
    names = [clip.dataset for clip in clips]
    assert {"glass_break", "dcase2016_task2"} <= set(names)
    assert {clip.fold for clip in clips if clip.dataset == "esc50"} == {5}
    assert {clip.split for clip in clips if clip.dataset == "sesa"} == {"test"}
    assert targets.shape == (len(clips), aed.load(run).taxonomy.num_nodes)


def test_the_card_says_what_the_model_says_of_each_clip(run: Path, tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("# Mine\n")
    arguments = ["card", "--model", str(run), "--about", str(tmp_path / "about.md"), "--out", str(tmp_path / "CARD.md")]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    card, model, (clips, targets) = json.loads(result.stdout), aed.load(run), held_out_clips(run, None)
    log_p = np.stack([np.log(model.predict(clip.path).probabilities) for clip in clips])
    siren = next(node for node in card["nodes"] if node["name"] == "Siren")
    node = model.taxonomy.find("Siren")
    assert siren["clips"] == (targets[:, node] == 1).sum()
    known = targets[:, node] >= 0
    assert siren["known_clips"] == known.sum()
    expected = average_precision_score(targets[known, node] == 1, log_p[known, node])
    assert siren["average_precision"] == pytest.approx(expected)
    assert siren["strict"]["false_alarms"] <= MOST_PER_HOUR * siren["hours"] or siren["strict"]["recall"] == 0
    assert {one["label"] for one in card["unheard"]} >= {"keysDrop", "cough", "phone"}
    assert all(0 <= one["right"] + one["wrong"] <= 1 for one in card["unheard"])
    text = (tmp_path / "CARD.md").read_text()
    assert text.startswith("# Mine\n")
    assert f"On {len(clips)} clips" in text
    assert "| dcase2016_task2: cough | Human sounds > Respiratory sounds > Cough | 1 |" in text
    assert read_looks(run.parents[1] / "looks.jsonl")[-1].clips == len(clips)


def test_thresholds_on_what_was_held_out_go_with_the_model(run: Path) -> None:
    arguments = ["calibrate", "--model", str(run), "--false-alarms-per-day", "480", "--on-held-out"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert min(node["min_probability"] for node in found["nodes"].values()) >= 0.49
    thresholds = aed.load(run).thresholds
    assert thresholds is not None
    assert thresholds.false_alarms_per_day == 480
    refused = CliRunner().invoke(app, [*arguments, "--on", str(run)])
    assert (refused.exit_code, "--on and --on-held-out exclude each other" in refused.stderr) == (2, True)
