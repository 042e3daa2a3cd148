"""A run: what it leaves behind, what it refuses, and that the seed alone decides."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from aed.data.label_budget import BudgetRule, write_label_budget
from aed.data.source import load_source
from aed.data.splits import official_folds
from aed.errors import ConfigError, DataError, ModelError
from aed.model import TreeModel
from aed.train.device import check_accelerator, resolved_precision
from aed.train.labels import recipe_taxonomy
from aed.train.run import RunOptions, train_run
from aed.train.start import fresh_model
from tests.tiny_corpus import MULTI_LABEL, Recorder, contents, tiny_recipe, write_corpus
from tests.tree.heads import EVERY_HEAD

WEIGHTS = "model.safetensors"


def train(manifest: Path, folder: Path, *overrides: str, resume: bool = False, workers: int = 0) -> Recorder:
    recorder = Recorder()
    options = RunOptions(folder, resume=resume, accelerator="cpu", workers=workers)
    train_run(tiny_recipe(manifest, *overrides), 1, None, options, recorder)
    return recorder


def weights(folder: Path) -> bytes:
    return (folder / WEIGHTS).read_bytes()


def test_the_seed_alone_decides(manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "a")
    torch.rand(3)  # the global generator has no say
    train(manifest, tmp_path / "b", workers=2)
    train(manifest, tmp_path / "c", "seed=2")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_the_commit_is_that_of_the_start(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Commits(Recorder):
        def on_step(self, done: int, losses: dict[str, float]) -> None:
            if done == 1:
                monkeypatch.setattr("aed.train.run.source_commit", lambda: "moved on")

    monkeypatch.setattr("aed.train.run.source_commit", lambda: "begun")
    options = RunOptions(tmp_path / "run", accelerator="cpu")
    assert train_run(tiny_recipe(manifest), 1, None, options, Commits())["commit"] == "begun"


def test_initial_weights_leave_the_global_generator_as_it_was(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    taxonomy = recipe_taxonomy(recipe, None)
    before = torch.get_rng_state()
    one, other = fresh_model(recipe, taxonomy).state_dict(), fresh_model(recipe, taxonomy).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_finished_run_is_a_whole_model_that_says_how_it_was_made(manifest: Path, tmp_path: Path) -> None:
    recorder = train(manifest, tmp_path / "run")
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {WEIGHTS, "config.json", "taxonomy.json", "recipe.yaml", "run.json", "LICENSE.md"}
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["fold"], record["seed"], record["steps"], record["skipped"]) == (1, 1, 5, {})
    assert (record["labelled_clips"], record["unlabelled_clips"], record["processes"]) == (6, 6, 1)
    assert record["forward_clips"] == 5 * (4 + 2 * 4)  # labelled, and unlabelled ones through student and teacher
    assert record["recipe_hash"] == tiny_recipe(manifest).digest
    assert record["precision"] == "32-true"
    assert recorder.steps == [1, 2, 3, 4, 5]
    scores = TreeModel.load(tmp_path / "run").score_clips(torch.zeros(1, 16_000))
    assert torch.isfinite(scores.log_p).all()


def test_what_is_kept_is_the_average_of_the_weights(manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "slow", "optim.ema_decay=0.9")
    train(manifest, tmp_path / "last", "optim.ema_decay=0.0")
    assert weights(tmp_path / "slow") != weights(tmp_path / "last")


@pytest.mark.parametrize(("head", "task"), EVERY_HEAD)
@pytest.mark.parametrize("consistency", [True, False])
def test_every_method_trains_with_named_finite_losses(
    head: str, consistency: bool, task: str, manifest: Path, multi_label_manifest: Path, tmp_path: Path
) -> None:
    overrides = [f"model.head.name={head}", "optim.steps=3", *([] if consistency else ["consistency=null"])]
    if task == "multi":
        recorder = train(multi_label_manifest, tmp_path / "run", *MULTI_LABEL, *overrides)
    else:
        recorder = train(manifest, tmp_path / "run", *overrides)
    names = {"label", "loss"} | ({"consistency", "sure"} if consistency else set())
    assert set(recorder.losses[0]) == names | ({"window"} if task == "single" else set())
    assert all(math.isfinite(value) for losses in recorder.losses for value in losses.values())
    model = TreeModel.load(tmp_path / "run")
    assert (model.taxonomy.task, model.config.head.name) == (task, head)


def test_scenes_train_beside_unlabelled_clips(multi_label_manifest: Path, tmp_path: Path) -> None:
    scenes = ("model.time_pooling={exponent: 4.0}", "scenes={share: 0.5}", "optim.steps=3")
    recorder = train(multi_label_manifest, tmp_path / "run", *MULTI_LABEL, *scenes)
    assert set(recorder.losses[0]) == {"label", "strong", "consistency", "sure", "loss"}
    assert all(math.isfinite(value) for losses in recorder.losses for value in losses.values())


def test_with_all_labels_in_use_a_pool_of_unlabelled_clips_is_empty(manifest: Path, tmp_path: Path) -> None:
    recorder = train(manifest, tmp_path / "run", "consistency.pool=unlabelled")
    train(manifest, tmp_path / "supervised", "consistency=null")
    assert "consistency" not in recorder.losses[0]
    assert weights(tmp_path / "run") == weights(tmp_path / "supervised")
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["unlabelled_clips"], record["forward_clips"]) == (0, 5 * 4)


def test_supercategories_teach_beside_leaves(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    clips = load_source(f"csv:{manifest}")
    write_label_budget(f"csv:{manifest}", clips, BudgetRule(1, "perclass"), official_folds(clips.clips), draws=1)
    settings = ("data.labels=1perclass", "consistency=null", "label_loss={depth_decay: 0.5, soft_sharpness: 4}")
    train(manifest, tmp_path / "few", *settings)
    train(manifest, tmp_path / "more", *settings, "data.coarse={percent: 100}")
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("few", "more")]
    assert [(record["labelled_clips"], record["coarse_clips"]) for record in records] == [(3, 0), (3, 3)]
    assert weights(tmp_path / "few") != weights(tmp_path / "more")


def test_trains_in_bf16_and_keeps_float32_weights(manifest: Path, tmp_path: Path) -> None:
    recorder = train(manifest, tmp_path / "run", "optim.precision=bf16-mixed", "optim.steps=3")
    train(manifest, tmp_path / "exact", "optim.steps=3")
    assert all(math.isfinite(losses["loss"]) for losses in recorder.losses)
    assert json.loads((tmp_path / "run/run.json").read_text())["precision"] == "bf16-mixed"
    model = TreeModel.load(tmp_path / "run")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert weights(tmp_path / "run") != weights(tmp_path / "exact")


@pytest.mark.training
def test_training_learns(manifest: Path, tmp_path: Path) -> None:
    recorder = train(manifest, tmp_path / "run", "optim.steps=40", "augment.mixup_alpha=0", "consistency=null")
    first, last = (sum(losses["label"] for losses in part) for part in (recorder.losses[:5], recorder.losses[-5:]))
    assert last < 0.6 * first


def test_a_folder_with_a_run_is_refused_and_left_alone(manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "run", "optim.steps=1")
    before = contents(tmp_path / "run")
    with pytest.raises(ConfigError, match="already holds a run: use --resume"):
        train(manifest, tmp_path / "run", "optim.steps=1")
    assert contents(tmp_path / "run") == before


def test_resuming_a_finished_run_returns_at_once(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path / "corpus")
    train(manifest, tmp_path / "run", "optim.steps=1")
    before = contents(tmp_path / "run")
    for clip in manifest.parent.glob("*.wav"):
        clip.unlink()  # nothing is read again
    recorder = train(manifest, tmp_path / "run", "optim.steps=1", resume=True)
    assert (recorder.starts, recorder.steps) == ([], [])
    assert contents(tmp_path / "run") == before


def test_a_finished_run_of_another_recipe_is_refused(manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "run", "optim.steps=1")
    with pytest.raises(ConfigError, match=r"finished run of another recipe.*--out"):
        train(manifest, tmp_path / "run", "optim.steps=2", resume=True)


@pytest.mark.parametrize("damage", ["{", "[]", "{}"])
def test_a_damaged_record_is_named(damage: str, manifest: Path, tmp_path: Path) -> None:
    train(manifest, tmp_path / "run", "optim.steps=1")
    (tmp_path / "run/run.json").write_text(damage)
    with pytest.raises(ModelError, match=r"run\.json.*delete it"):
        train(manifest, tmp_path / "run", "optim.steps=1", resume=True)


def test_a_clip_that_cannot_be_read_is_skipped_and_named(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path / "corpus")
    (manifest.parent / "1.wav").write_bytes(b"no audio")  # fold 2: a training clip of fold 1
    train(manifest, tmp_path / "run", "optim.steps=2")
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert list(record["skipped"]) == ["clips/1"]
    assert "1.wav" in record["skipped"]["clips/1"]


def test_a_run_that_cannot_begin_leaves_nothing(manifest: Path, tmp_path: Path) -> None:
    corrupt = write_corpus(tmp_path / "corpus")
    for number in range(1, 12, 2):  # fold 2
        (corrupt.parent / f"{number}.wav").write_bytes(b"no audio")
    with pytest.raises(DataError, match="no labelled training clip is left"):
        train(corrupt, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_devices() -> None:
    check_accelerator("cpu")
    with pytest.raises(ConfigError, match="unknown device 'banana': expected one of auto, cpu, cuda"):
        check_accelerator("banana")


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"no CUDA device.*--device cpu"):
        check_accelerator("cuda")


@pytest.mark.parametrize("has_bf16", [True, False])
def test_auto_precision_is_what_the_processor_computes_in(has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert resolved_precision("auto", "cpu") == ("bf16-mixed" if has_bf16 else "32-true")
    assert resolved_precision("32-true", "cpu") == "32-true"
