"""A run that was killed ends with the same bytes as one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aed.errors import ModelError
from aed.model import TreeModel
from aed.train.checkpoint import FILE_NAME
from aed.train.run import RunOptions, train_run
from tests.tiny_corpus import Recorder, contents, tiny_recipe, write_corpus, write_recipe
from tests.train import killed_run
from tests.train.killed_run import HERE, STEP, WRITE


def kill_run(recipe: Path, folder: Path, workers: int, place: str) -> None:
    """Start a run in a process of its own and kill it in the middle, as a power cut would."""
    command = [sys.executable, killed_run.__file__, str(recipe), str(folder), str(workers), place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    assert line == HERE + "\n"
    assert process.returncode == -signal.SIGKILL


def step_of(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["step"])


@pytest.mark.training
@pytest.mark.parametrize(("workers", "place"), [(0, "step"), (2, "step"), (0, "write")])
def test_a_killed_run_ends_as_one_that_was_not(workers: int, place: str, manifest: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(manifest)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train_run(recipe, 1, None, RunOptions(whole, accelerator="cpu"), Recorder())
    kill_run(write_recipe(tmp_path / "recipe.yaml", manifest), killed, workers, place)
    assert not (killed / "run.json").exists()
    behind = STEP - 1 if place == "step" else WRITE - 1
    assert step_of(killed / FILE_NAME) == behind

    recorder = Recorder()
    train_run(recipe, 1, None, RunOptions(killed, resume=True, accelerator="cpu", workers=workers), recorder)
    assert recorder.steps == list(range(behind + 1, 6))
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not (killed / FILE_NAME).exists()
    TreeModel.load(killed)


class Stops(Recorder):
    """Fails in the third step, as a defect or an interrupt would."""

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        if done == 3:
            raise KeyboardInterrupt


def interrupted(manifest: Path, folder: Path) -> Path:
    """A run folder with a checkpoint after step 2."""
    options = RunOptions(folder, accelerator="cpu", checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        train_run(tiny_recipe(manifest), 1, None, options, Stops())
    return folder


def resume(manifest: Path, folder: Path, *overrides: str) -> None:
    options = RunOptions(folder, resume=True, accelerator="cpu")
    train_run(tiny_recipe(manifest, *overrides), 1, None, options, Recorder())


def test_the_checkpoint_of_another_recipe_is_refused_and_nothing_changes(manifest: Path, tmp_path: Path) -> None:
    folder = interrupted(manifest, tmp_path / "run")
    before = contents(folder)
    with pytest.raises(ModelError, match=r"checkpoint of another run: its recipe is \w+, this run's is \w+; use"):
        resume(manifest, folder, "optim.lr=1e-2")
    assert contents(folder) == before


def test_the_checkpoint_of_another_taxonomy_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path / "corpus")
    folder = interrupted(manifest, tmp_path / "run")
    before = contents(folder)
    manifest.write_text(manifest.read_text().replace("siren", "doorbell"))
    with pytest.raises(ModelError, match="checkpoint of another run: its taxonomy is"):
        resume(manifest, folder)
    assert contents(folder) == before


def test_a_checkpoint_that_does_not_fit_the_network_is_named(manifest: Path, tmp_path: Path) -> None:
    path = interrupted(manifest, tmp_path / "run") / FILE_NAME
    state = torch.load(path, weights_only=True)
    torch.save({**state, "model": {}}, path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: damaged, or no checkpoint .*delete it to start anew"):
        resume(manifest, path.parent)
    torch.save({name: value for name, value in state.items() if name != "average"}, path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: damaged, or no checkpoint .*average"):
        resume(manifest, path.parent)
