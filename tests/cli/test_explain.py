"""`aed explain`: what it prints, draws and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from aed.cli.explain import find_node
from aed.cli.main import app
from aed.errors import ConfigError
from aed.model import ModelConfig, TreeModel
from tests.fake_scorer import small_taxonomy
from tests.tiny_corpus import write_clip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        TreeModel(ModelConfig(), small_taxonomy()).save(tmp_path / "model")
    return tmp_path / "model"


def explain(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_way_is_printed_and_drawn(suffix: str, model: Path, tmp_path: Path) -> None:
    clip, picture = write_clip(tmp_path / "siren.wav"), tmp_path / f"why.{suffix}"
    result = explain(clip, "--model", model, "--node", "dog", "--draw", picture)
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first.startswith("Animal 0.")
    assert second.startswith("  Dog 0.")
    assert "(not Cat 0." in second
    assert picture.stat().st_size > 5_000


def test_json_holds_every_decision(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "siren.wav")
    decisions = json.loads(explain(clip, "--model", model, "--node", "Dog", "--json").stdout)
    assert [decision["chosen"] for decision in decisions] == ["Animal", "Dog"]
    assert set(decisions[1]["others"]) == {"Cat"}
    assert len(decisions[0]["attribution_per_frame"]) == len(decisions[1]["attribution_per_frame"]) > 40


def test_what_cannot_be_explained_is_one_line(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "siren.wav")
    for arguments, line in (
        (
            (clip, "--model", model, "--node", "Dok"),
            "the taxonomy has no node called 'Dok'",
        ),
        ((clip, "--model", model, "--draw", tmp_path / "why.bmp"), "expected a name that ends in .png or .svg"),
        ((tmp_path / "none.wav", "--model", model), "expected an audio file, but no such file"),
        ((clip, "--model", tmp_path), "is not a model folder"),
    ):
        result = explain(*arguments)
        assert result.exit_code == 2
        assert line in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_the_root_is_no_answer_to_explain() -> None:
    taxonomy = small_taxonomy()
    with pytest.raises(ConfigError):
        find_node(taxonomy, taxonomy.nodes[0].name)
