"""`aed train` of a recipe that starts from a model: compared before and after, never replaced by a worse one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from aed.cli.main import app
from tests.tiny_corpus import MULTI_LABEL, contents, write_multi_label_corpus, write_recipe

QUICK = ("optim.steps=3", "consistency=null")
RUINOUS = ("optim.lr=100", "optim.ema_decay=0", "optim.warmup_fraction=0")


@pytest.fixture(autouse=True)
def _own_cache_and_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "recipe.yaml", write_multi_label_corpus(tmp_path / "corpus"))


def train(recipe: Path, name: str, *settings: str) -> Result:
    given = [argument for setting in (*MULTI_LABEL, *QUICK, *settings) for argument in ("--set", setting)]
    out = ["--out", str(recipe.parent / name), "--device", "cpu", "--threads", "1"]
    return CliRunner().invoke(app, ["train", str(recipe), *out, *given])


@pytest.fixture
def start(recipe: Path) -> Path:
    """A model that knows little."""
    assert train(recipe, "start").exit_code == 0
    return recipe.parent / "start" / "fold1"


def test_a_better_model_is_put_in_place_and_the_one_before_is_kept(recipe: Path, start: Path) -> None:
    before = contents(start)
    learning = (f"start_from={start}", "optim.steps=30", "optim.ema_decay=0.5")
    first = train(recipe, "house", *learning)
    assert first.exit_code == 0, first.output
    assert "Held-back clips" in first.stdout
    assert "not worse: the new model is in" in first.stdout
    model = recipe.parent / "house" / "fold1"
    assert json.loads((model / "run.json").read_text())["start_from"]
    assert contents(start) == before
    former = (model / "model.safetensors").read_bytes()
    again = train(recipe, "house", *learning, *RUINOUS)
    assert again.exit_code == 3, again.output
    assert f"got worse and replaces nothing: {model} stays" in again.stderr
    assert (model / "model.safetensors").read_bytes() == former
    assert (model.with_name("fold1.refused") / "model.safetensors").is_file()
    assert not model.with_name("fold1.new").exists()


def test_a_worse_model_replaces_nothing(recipe: Path, start: Path) -> None:
    before = contents(start)
    result = train(recipe, "house", f"start_from={start}", *RUINOUS)
    assert result.exit_code == 3, result.output
    assert contents(start) == before
    assert [path.name for path in (recipe.parent / "house").iterdir()] == ["fold1.refused"]


def test_what_cannot_be_started_from_is_refused_before_anything_is_written(recipe: Path, start: Path) -> None:
    exported = recipe.parent / "home.onnx"
    exported.write_bytes(b"graph")
    refusals = (
        ((f"start_from={recipe.parent / 'nowhere'}",), "no such folder; expected the folder of a trained model"),
        ((f"start_from={exported}",), "an exported model, which cannot be trained"),
        ((f"start_from={start}", "taxonomy.tree=home"), "its tree is"),
        (
            (f"start_from={start}", "model.features.mel_bands=32"),
            "model.features.mel_bands: 64 there, 32 in this recipe",
        ),
        ((f"start_from={start}", "pretrain={}"), "pretrain and start_from exclude each other"),
    )
    for settings, why in refusals:
        result = train(recipe, "house", *settings)
        assert result.exit_code == 2, result.output
        assert why in " ".join(result.stderr.split())
        assert not (recipe.parent / "house").exists()
