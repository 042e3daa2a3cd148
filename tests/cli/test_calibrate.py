"""`aed calibrate` on a model that is really trained, and what predict and detect make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import aed as package
from aed.cli.main import app
from aed.scorer.tempered import tempered
from aed.study.predictions import load_predictions
from tests.tiny_corpus import MULTI_LABEL, write_corpus, write_multi_label_corpus, write_recipe


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))


def aed(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def trained(folder: Path, *settings: str, corpus: Callable[[Path], Path] = write_corpus) -> Path:
    """A model of six labelled clips, two of each class."""
    manifest = corpus(folder / "sounds")
    recipe = write_recipe(folder / "recipe.yaml", manifest)
    changes = [part for setting in settings for part in ("--set", setting)]
    result = aed("train", recipe, "--fold", 1, "--out", folder / "runs", "--device", "cpu", *changes)
    assert result.exit_code == 0, result.output
    return folder / "runs/fold1"


@pytest.mark.training
def test_a_model_is_calibrated_on_its_own_labelled_clips(tmp_path: Path) -> None:
    model = trained(tmp_path)
    # little enough to be promised from six recordings by models that learned next to nothing
    result = aed("calibrate", "--model", model, "--accuracy", 0.2, "--parts", 2, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["clips"], found["recordings"], found["parts"], found["accuracy"]) == (6, 6, 2, 0.2)
    (kept,) = (model / "cross_fit").rglob("*.npz")
    predictions = load_predictions(kept)
    assert len(predictions) == 6
    assert {path.name for path in kept.parent.iterdir()} == {"predictions.npz"}
    loaded = package.load(model)
    assert loaded.min_probability == found["min_probability"]
    assert len(found["temperatures"]) == loaded.taxonomy.max_depth
    silence = np.zeros(16_000, dtype=np.float32)
    raw = package.LoadedModel(package.api.load_scorer(model)).predict(silence, 16_000).probabilities
    expected = np.exp(tempered(np.log(raw), loaded.taxonomy, found["temperatures"]))
    np.testing.assert_allclose(loaded.predict(silence, 16_000).probabilities, expected, rtol=1e-3)
    assert np.abs(expected - raw).max() > 1e-3
    asked = loaded.predict(silence, 16_000, min_probability=found["min_probability"])
    assert loaded.predict(silence, 16_000).answers == asked.answers
    again = aed("calibrate", "--model", model, "--accuracy", 0.3, "--parts", 2, "--device", "cpu")
    assert again.exit_code == 0, again.output
    assert "at least 30.0% of the clips of a new recording" in again.stdout
    refused = aed("calibrate", "--model", model, "--accuracy", 0.95, "--parts", 2, "--device", "cpu")
    assert (refused.exit_code, len(refused.stderr.splitlines()[-1:])) == (2, 1)
    assert "0.95 cannot be promised on average from 6 recordings: it takes 19" in refused.stderr


@pytest.mark.training
def test_what_cannot_be_calibrated_is_refused(tmp_path: Path) -> None:
    model = trained(tmp_path, "data.inner={part: 1, parts: 2}")
    inner = aed("calibrate", "--model", model, "--accuracy", 0.5, "--device", "cpu")
    assert inner.exit_code == 2
    assert "was itself trained without a part of its labelled clips" in inner.stderr
    wrong = aed("calibrate", "--model", model, "--accuracy", 1.5)
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "aed: error: --accuracy 1.5: expected a number between 0 and 1, such as 0.95\n",
    )
    nothing = aed("calibrate", "--model", tmp_path, "--accuracy", 0.5)
    assert (nothing.exit_code, "is no finished run" in nothing.stderr) == (2, True)


@pytest.mark.training
def test_several_labels_are_refused(tmp_path: Path) -> None:
    model = trained(tmp_path, *MULTI_LABEL, corpus=write_multi_label_corpus)
    result = aed("calibrate", "--model", model, "--accuracy", 0.5, "--device", "cpu")
    assert result.exit_code == 2
    assert "how deep to answer is calibrated for single-label models only" in result.stderr
