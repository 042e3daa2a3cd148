"""Pretraining inside a run: made once, shared, resumed, and never from a held-out clip."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from filelock import FileLock

from aed.errors import ConfigError, ModelError
from aed.train import pretrained, pretraining
from aed.train.checkpoint import FILE_NAME as CHECKPOINT
from aed.train.dataset import fold_clips
from aed.train.pretrained import SETTINGS_FILE, WEIGHTS_FILE
from aed.train.run import RunOptions, train_run
from tests.tiny_corpus import Recorder, tiny_recipe, write_corpus, write_recipe

PRETRAIN = "pretrain={steps: 4, batch_size: 4, segment_seconds: 0.4, hidden_dim: 16, projection_dim: 8}"
NOT_AT_ALL = "pretrain=null"
PROBE = "optim.freeze_encoder=true"


class Watcher(Recorder):
    """Remembers what was said before training, and may stop there."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.pretraining: list[int] = []
        self._stop_at = stop_at

    def on_decode(self, what: str, done: int, total: int) -> None:
        if what.startswith("pretraining"):
            self.pretraining.append(done)
            if done == self._stop_at:
                raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own: pretraining of another test is not found."""
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def train(manifest: Path, folder: Path, *overrides: str, fold: int = 1, stop_at: int | None = None) -> Watcher:
    watcher = Watcher(stop_at)
    recipe = tiny_recipe(manifest, "consistency=null", PRETRAIN, *overrides)
    train_run(recipe, fold, None, RunOptions(folder, accelerator="cpu"), watcher)
    return watcher


def entries(cache: Path) -> list[Path]:
    """Folders of pretrained encoders."""
    return sorted((cache / "pretrained").iterdir())


def encoder_of(folder: Path) -> dict[str, torch.Tensor]:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    return {name.removeprefix("encoder."): tensor for name, tensor in weights.items() if name.startswith("encoder.")}


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return record


def test_a_probe_keeps_the_pretrained_encoder_and_its_statistics_to_the_bit(
    manifest: Path, tmp_path: Path, cache: Path
) -> None:
    train(manifest, tmp_path / "probe", PROBE)
    (entry,) = entries(cache)
    before, kept = safetensors.torch.load_file(entry / WEIGHTS_FILE), encoder_of(tmp_path / "probe")
    assert before.keys() == kept.keys()
    assert any("running_mean" in name for name in kept)
    for name, tensor in kept.items():
        assert torch.equal(tensor, before[name]), name


def test_the_head_of_a_probe_learns(manifest: Path, tmp_path: Path) -> None:
    def head(*overrides: str) -> torch.Tensor:
        folder = tmp_path / f"{len(overrides)}{overrides[-1]}".replace("/", "")
        train(manifest, folder, PROBE, *overrides)
        return safetensors.torch.load_file(folder / "model.safetensors")["head.decision.weight"]

    assert not torch.equal(head("optim.steps=1", "optim.lr=1e-9"), head("optim.steps=3", "optim.lr=1e-2"))


def test_probe_fine_tuning_and_seeds_of_the_head_share_one_pretraining(
    manifest: Path, tmp_path: Path, cache: Path
) -> None:
    first = train(manifest, tmp_path / "probe", PROBE)
    second = train(manifest, tmp_path / "fine", "model.head.name=flat", "optim.lr=1e-4", "augment.mixup_alpha=0.5")
    assert (first.pretraining[-1], second.pretraining) == (4, [])
    assert len(entries(cache)) == 1
    probe, fine = record_of(tmp_path / "probe"), record_of(tmp_path / "fine")
    assert probe["pretraining"] == fine["pretraining"]
    assert probe["parameters"] > 90_000, "what is frozen counts"
    kept, moved = encoder_of(tmp_path / "probe"), encoder_of(tmp_path / "fine")
    assert any(not torch.equal(kept[name], moved[name]) for name in kept), "fine-tuning moves the encoder"


@pytest.mark.parametrize(
    "change", ["seed=2", "pretrain.steps=5", "model.encoder.size=medium", "model.features.floor_power=1e-5"]
)
def test_what_has_a_say_in_it_pretrains_anew(change: str, manifest: Path, tmp_path: Path, cache: Path) -> None:
    train(manifest, tmp_path / "one", "optim.steps=1")
    assert train(manifest, tmp_path / "other", "optim.steps=1", change).pretraining
    assert len(entries(cache)) == 2


def test_only_training_clips_of_the_fold_are_heard(manifest: Path, tmp_path: Path, cache: Path) -> None:
    recipe = tiny_recipe(manifest, PRETRAIN)
    heard: dict[int, set[str]] = {}
    for fold in (1, 2):
        train(manifest, tmp_path / f"{fold}", "optim.steps=1", fold=fold)
        held_out = {clip.clip_id for clip in fold_clips(recipe, fold, None).test}
        settings = [json.loads((entry / SETTINGS_FILE).read_text()) for entry in entries(cache)]
        (heard[fold],) = (set(one["clips"]) for one in settings if not held_out & set(one["clips"]))
        assert len(heard[fold]) == 6
    assert not heard[1] & heard[2]
    assert len(entries(cache)) == 2


def test_the_record_tells_what_pretraining_cost(manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "run")
    record = record_of(tmp_path / "run")
    seconds = record["pretraining"].pop("seconds")
    # 4 steps of 2 segments of 0.4 s of 4 clips, in clips of 1 s
    assert record["pretraining"] == {"method": "contrastive", "steps": 4, "clips": 6, "forward_clips": 13}
    assert seconds > 0
    assert record["unlabelled_clips"] == 6
    train(manifest, tmp_path / "without", NOT_AT_ALL)
    assert record["forward_clips"] == 13 + record_of(tmp_path / "without")["forward_clips"]
    assert record_of(tmp_path / "without")["pretraining"] is None
    assert record_of(tmp_path / "without")["unlabelled_clips"] == 0


def test_an_interrupted_pretraining_goes_on_and_ends_with_the_same_bytes(
    manifest: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining, "_CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(pretraining, "_TOLD_EVERY_STEPS", 1)
    train(manifest, tmp_path / "whole")
    (entry,) = entries(cache)
    weights = safetensors.torch.load_file(entry / WEIGHTS_FILE)
    (entry / WEIGHTS_FILE).unlink()
    with pytest.raises(KeyboardInterrupt):
        train(manifest, tmp_path / "killed", stop_at=3)
    assert (entry / CHECKPOINT).exists()
    assert not (tmp_path / "killed").exists(), "nothing of the run was written yet: it begins without --resume"
    assert train(manifest, tmp_path / "killed").pretraining == [3, 4]
    again = safetensors.torch.load_file(entry / WEIGHTS_FILE)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert not (entry / CHECKPOINT).exists()
    model = "model.safetensors"
    assert (tmp_path / "killed" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()


@pytest.mark.training
def test_of_two_processes_at_once_one_pretrains_and_the_other_waits(
    manifest: Path, tmp_path: Path, cache: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", manifest)
    command = [sys.executable, "-m", "aed", "train", str(recipe), "--fold", "1", "--device", "cpu", "--threads", "1"]
    settings = ["--set", "consistency=null", "--set", PRETRAIN, "--set", "optim.steps=1"]
    begun = [
        subprocess.Popen([*command, *settings, "--out", str(tmp_path / name)], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    told = [process.communicate(timeout=120)[0] for process in begun]
    assert [process.returncode for process in begun] == [0, 0]
    assert sum(text.count("4/4") for text in told) == 1
    assert len(entries(cache)) == 1
    a, b = (record_of(tmp_path / name / "fold1") for name in ("a", "b"))
    assert a["pretraining"] == b["pretraining"]


def test_waiting_for_another_run_is_told(
    manifest: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "_WAITING_TOLD_SECONDS", 0.01)
    train(manifest, tmp_path / "one", "optim.steps=1")
    (entry,) = entries(cache)
    others = FileLock(entry / "lock")
    others.acquire()

    class Impatient(Recorder):
        def on_decode(self, what: str, done: int, total: int) -> None:
            if "another run pretrains" in what:
                others.release()

    recipe = tiny_recipe(manifest, "consistency=null", PRETRAIN, "optim.steps=1")
    train_run(recipe, 1, None, RunOptions(tmp_path / "other", accelerator="cpu"), Impatient())
    assert not others.is_locked


def test_clips_that_cannot_be_read_are_left_out(tmp_path: Path, cache: Path) -> None:
    manifest = write_corpus(tmp_path / "corpus")
    (manifest.parent / "1.wav").write_bytes(b"no audio")  # fold 2: a training clip of fold 1
    train(manifest, tmp_path / "run", "optim.steps=1")
    (entry,) = entries(cache)
    assert "clips/1" not in json.loads((entry / SETTINGS_FILE).read_text())["clips"]


@pytest.mark.parametrize("damage", [b"", b"no weights", None])
def test_a_damaged_cache_is_named(damage: bytes | None, manifest: Path, tmp_path: Path, cache: Path) -> None:
    train(manifest, tmp_path / "one", "optim.steps=1")
    (entry,) = entries(cache)
    whole = (entry / WEIGHTS_FILE).read_bytes()
    (entry / WEIGHTS_FILE).write_bytes(whole[:-8] if damage is None else damage)
    with pytest.raises(ModelError, match=r"encoder\.safetensors: damaged .*delete it to pretrain again"):
        train(manifest, tmp_path / "other", "optim.steps=1")


def test_segments_longer_than_a_clip_are_refused(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pretrain\.segment_seconds is 2, longer than a clip .*=1\): shorten it"):
        train(manifest, tmp_path / "run", "pretrain.segment_seconds=2")
