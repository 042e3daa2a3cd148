"""Bad input to `aed train`: one line that says what, where and how to mend; exit code 2; nothing whole is harmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from aed.cli.main import app
from aed.train.recipe import load_recipe
from aed.train.run import RunOptions, train_run
from tests.full_disk import disk_with_room_for
from tests.tiny_corpus import Recorder, contents, write_corpus, write_recipe


@pytest.fixture(autouse=True)
def _own_cache_and_one_thread(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The tiny recipe; its manifest is `corpus/clips.csv` beside it."""
    return write_recipe(tmp_path / "recipe.yaml", write_corpus(tmp_path / "corpus"))


def run(recipe: Path | str, *arguments: str | Path) -> Result:
    out = Path(recipe).parent / "runs"
    return CliRunner().invoke(app, ["train", str(recipe), "--threads", "1", "--out", str(out), *map(str, arguments)])


def refused(result: Result) -> str:
    """The one line of a command that refused, behind what it said of its progress."""
    assert result.exit_code == 2, result.output
    progress, error, line = result.stderr.partition("aed: error: ")
    assert error, result.stderr
    assert progress in {"", "training 2 folds at once\n"}
    assert line.count("\n") == 1, line
    return line.strip()


def replace(old: str, new: str) -> Callable[[str], str]:
    def replaced(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return replaced


@pytest.mark.parametrize(
    ("damage", "line", "what", "mend"),
    [
        (replace("labels", "lables"), "line 1", "missing column labels: expected path, labels", "Add the column"),
        (replace("dog_bark", "dog_brak"), "'clips/0'", "the label 'dog_brak'", "did you mean 'dog_bark'?; correct"),
        (replace("1.wav", "0.wav"), "line 3", "'clips/0' is in line 2 already", "Remove one of the two lines"),
        (replace("0.wav", "../0.wav"), "line 2", "leads outside the root", "Write paths relative to the root"),
        (replace("0.wav", "/etc/hosts"), "line 2", "leads outside the root", "Write paths relative to the root"),
        (replace("0.wav", "none.wav"), "line 2", "no such file", "Correct the path, or remove the line"),
        (
            replace("0.wav,dog_bark,1", "0.wav,dog_bark,one"),
            "line 2",
            "fold 'one': expected a whole",
            "Correct the cell",
        ),
        (replace("0.wav,dog_bark,1", "0.wav,dog_bark"), "line 2", "expected 3 cells", "Put cells that hold a comma"),
        (replace("0.wav,dog_bark,1", "0.wav,dog_bark,"), "'clips/0'", "no official fold", "data.folds={groups: 5}"),
        (lambda text: "", "clips.csv", "the file is empty", "expected a header line"),
        (lambda text: text.splitlines()[0] + "\n", "clips.csv", "holds no clip", "add clips to it"),
    ],
)
def test_a_wrong_manifest(
    damage: Callable[[str], str], line: str, what: str, mend: str, recipe: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "corpus/clips.csv"
    manifest.write_text(damage(manifest.read_text()))
    message = refused(run(recipe))
    assert str(manifest) in message or "official" in what
    for part in (line, what, mend):
        assert part in message
    assert not (tmp_path / "runs").exists()


def test_a_manifest_that_is_not_there(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus/clips.csv").unlink()
    assert "clips.csv: cannot read the table (No such file or directory). Check the path" in refused(run(recipe))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (replace("title:", "colour: red\ntitle:"), "unknown key 'colour'"),
        (replace("steps: 5", "steps: many"), "'optim.steps': Input should be a valid integer"),
        (replace("name: tiny", "name: [tiny"), "cannot be read as YAML"),
        (replace("label_map: demo", "label_map: dmeo"), "dmeo"),
        (replace("folds: official", "folds: officially"), "officially"),
        (replace("batch_size: 4}", "batch_size: 4, ema: 1}"), "unknown key 'consistency.ema'"),
    ],
)
def test_a_wrong_recipe(damage: Callable[[str], str], message: str, recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(damage(recipe.read_text()))
    assert message in refused(run(recipe))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fold", "9"), "recipe tiny has no fold 9: its folds are 1, 2"),
        (("--fold", "1", "--all-folds"), "--fold and --all-folds exclude each other"),
        (("--device", "banana"), "unknown device 'banana': expected one of auto, cpu, cuda"),
        (("--device", "banana", "--all-folds"), "unknown device 'banana'"),
        (("--set", "optim.lr"), "expected KEY=VALUE"),
        (("--set", "optim.rate=1"), "unknown key 'optim.rate'"),
        (("--set", "optim.lr=fast"), "'optim.lr': Input should be a valid number"),
        (("--set", "data.source=null"), "'data.source': Input should be a valid string, got None"),
        (("--set", "data.source=audioste"), "unknown data set 'audioste': did you mean 'audioset'?"),
        (("--set", "data.source=esc10"), "no data root: AED_DATA_ROOT is not set. Set it to the folder"),
        (("--set", "data.source=folder:/nowhere"), "/nowhere: expected a folder with one folder for each label"),
        (
            (
                *("--set", "taxonomy.task=multi", "--set", "optim.short_window_weight=0"),
                *("--set", "optim.made_silence_share=0", "--set", "consistency.leaf_threshold=fixed"),
            ),
            "Set none_of_these to false",
        ),
        (("--set", "data.labels_percent=10"), "no label budget '10percent'"),
    ],
)
def test_a_wrong_option(arguments: tuple[str, ...], message: str, recipe: Path, tmp_path: Path) -> None:
    assert message in refused(run(recipe, *arguments))
    assert not (tmp_path / "runs").exists()


def test_a_device_that_is_not_there(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device on this machine; use --device cpu or auto" in refused(run(recipe, "--device", "cuda"))


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    message = refused(run(tmp_path / "none.yaml"))
    assert message == f"recipe {tmp_path / 'none.yaml'} does not exist: 'aed recipe list' names the shipped ones"


def test_a_data_root_that_is_not_there(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_DATA_ROOT", str(tmp_path / "none"))
    assert "expected a folder, but there is none" in refused(run(recipe, "--set", "data.source=esc10"))
    (tmp_path / "none").mkdir()
    message = refused(run(recipe, "--set", "data.source=esc10"))
    assert f"esc10: expected the folder {tmp_path / 'none/esc50'}, but it is not there. Get it from" in message


def test_no_clip_can_be_read(recipe: Path, tmp_path: Path) -> None:
    for clip in (tmp_path / "corpus").glob("*.wav"):
        clip.write_bytes(b"")
    assert "none of the 12 clips can be read; the first: " in refused(run(recipe))
    assert not (tmp_path / "runs").exists()


def test_a_file_in_the_way_of_the_run(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("precious")
    assert str(tmp_path / "runs") in refused(run(recipe))
    assert str(tmp_path / "runs") in refused(run(recipe, "--all-folds"))
    assert (tmp_path / "runs").read_text() == "precious"


def test_a_file_in_the_way_of_the_cache(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("precious")
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "file"))
    assert f"cannot write {tmp_path / 'file'}/waveforms/" in refused(run(recipe))


class Stops(Recorder):
    def on_step(self, done: int, losses: dict[str, float]) -> None:
        if done == 3:
            raise KeyboardInterrupt


@pytest.fixture
def half_run(recipe: Path, tmp_path: Path) -> Path:
    """The folder of a run with a checkpoint after step 2."""
    folder = tmp_path / "runs/fold1"
    options = RunOptions(folder, accelerator="cpu", checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        train_run(load_recipe(recipe), 1, None, options, Stops())
    return folder


@pytest.mark.parametrize("damage", [b"", b"text\n", b"half"])
def test_a_damaged_checkpoint(damage: bytes, half_run: Path, recipe: Path) -> None:
    path = half_run / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:10_000] if damage == b"half" else damage)
    before = contents(half_run)
    message = refused(run(recipe, "--resume", "--device", "cpu"))
    assert message.startswith(f"{path}: damaged, or no checkpoint (")
    assert message.endswith("delete it to start anew")
    assert contents(half_run) == before
    path.unlink()  # as the line says
    assert run(recipe, "--resume", "--device", "cpu").exit_code == 0


@pytest.mark.parametrize(
    "setting",
    [
        *("model.encoder.name=[cnn]", "title=2024-13-45", "seed=99999999999999999999999", "data.clip_seconds=1e12"),
        *("optim.batch_size=true", "optim.lr=false", "optim.steps=1.5", "optim.freeze_encoder=7"),
    ],
)
def test_a_setting_that_no_training_can_take(setting: str, recipe: Path) -> None:
    assert setting.partition("=")[0].split(".")[0] in refused(run(recipe, "--set", setting))


def test_a_training_that_diverges_leaves_no_model(recipe: Path, tmp_path: Path) -> None:
    message = refused(run(recipe, "--device", "cpu", "--set", "optim.lr=1e30", "--set", "optim.warmup_fraction=0"))
    assert "training diverged: the loss is not finite at step" in message
    assert "lower the learning rate" in message
    assert not list((tmp_path / "runs").rglob("model.safetensors"))


def test_the_checkpoint_of_another_recipe(half_run: Path, recipe: Path) -> None:
    before = contents(half_run)
    message = refused(run(recipe, "--resume", "--set", "model.head.name=flat"))
    assert "checkpoint of another run: its recipe is" in message
    assert "use the recipe and data it was made with, or another --out folder" in message
    assert contents(half_run) == before


def test_the_checkpoint_of_another_taxonomy(half_run: Path, recipe: Path, tmp_path: Path) -> None:
    before = contents(half_run)
    manifest = tmp_path / "corpus/clips.csv"
    manifest.write_text(manifest.read_text().replace("siren", "doorbell"))
    assert "checkpoint of another run: its taxonomy is" in refused(run(recipe, "--resume"))
    assert contents(half_run) == before


def test_a_disk_that_is_full_when_the_model_is_written(half_run: Path, recipe: Path) -> None:
    checkpoint = (half_run / "checkpoint.pt").read_bytes()
    with disk_with_room_for(50_000):
        result = run(recipe, "--resume", "--device", "cpu")
    assert f"cannot write {half_run / 'model.safetensors'}: file too large" in refused(result)
    assert (half_run / "checkpoint.pt").read_bytes() == checkpoint
    assert not {"model.safetensors", "config.json", "run.json"} & set(contents(half_run))
    assert not list(half_run.glob(".*"))
    assert run(recipe, "--resume", "--device", "cpu").exit_code == 0
