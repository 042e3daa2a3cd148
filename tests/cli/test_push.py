"""`aed push`; what travels is tested in tests/hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")

from aed.cli.main import app  # after the check for the extra
from aed.model import ModelConfig, TreeModel
from tests.fake_scorer import small_taxonomy
from tests.hub.fake_hub import TOKEN, serving
from tests.hub.isolation import isolate


def test_pushes_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.random.fork_rng(devices=[]):
        TreeModel(ModelConfig(), small_taxonomy()).save(tmp_path / "run")
    with serving() as hub:
        isolate(monkeypatch, tmp_path, hub.url)
        arguments = ["push", str(tmp_path / "run"), "owner/name", "--private", "--license", "cc-by-4.0"]
        refused = CliRunner().invoke(app, arguments)
        assert refused.exit_code == 2
        assert "aed: error: the hub does not let you push to owner/name (HTTP 401)" in refused.stderr
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        done = CliRunner().invoke(app, arguments)
        assert done.stdout.startswith(f"pushed: {hub.url}/owner/name/commit/")
        assert hub.repositories["owner/name"].private
        assert b"license: cc-by-4.0" in hub.repositories["owner/name"].files()["README.md"]


def test_refuses_what_is_no_folder_of_a_model(tmp_path: Path) -> None:
    exported = CliRunner().invoke(app, ["push", "home.onnx", "owner/name"])
    assert exported.exit_code == 2
    assert "push the folder of the trained model" in exported.stderr
    empty = CliRunner().invoke(app, ["push", str(tmp_path), "owner/name"])
    assert empty.exit_code == 2
    assert "is not a model folder" in empty.stderr
