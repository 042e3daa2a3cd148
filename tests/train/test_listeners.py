"""Who watches: lines of text and TensorBoard's curves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aed.train.dataset import fold_clips
from aed.train.labels import recipe_taxonomy
from aed.train.listeners import LineListener, Listeners, TensorBoardListener, describe_start, duration
from aed.train.run import RunOptions, train_run
from tests.tiny_corpus import Recorder, tiny_recipe


def test_curves_can_be_read_by_tensorboard(manifest: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    listeners = Listeners(recorder, TensorBoardListener(tmp_path / "tensorboard"))
    options = RunOptions(tmp_path / "run", accelerator="cpu")
    train_run(tiny_recipe(manifest, "optim.steps=12"), 1, None, options, listeners)
    curves = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(curves.Tags()["scalars"]) == {f"train/{name}" for name in recorder.losses[0]}
    points = curves.Scalars("train/label")
    assert [point.step for point in points] == [10, 12]
    assert points[-1].value == pytest.approx(recorder.losses[-1]["label"], rel=1e-5)


def test_tensorboard_writes_nothing_before_training_begins(tmp_path: Path) -> None:
    TensorBoardListener(tmp_path / "tensorboard").on_decode("decoding", 1, 2)
    assert not (tmp_path / "tensorboard").exists()


def test_lines_say_step_losses_and_time_left(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(manifest)
    clips, taxonomy = fold_clips(recipe, 1, None), recipe_taxonomy(recipe, None)
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lines: list[str] = []
    listener = LineListener(lines.append)
    listener.on_decode("decoding", 1, 12)
    listener.on_decode("decoding", 2, 12)  # too soon for another line
    listener.on_decode("decoding", 12, 12)
    listener.on_start(100, 1234, clips, taxonomy)
    for done in range(1, 101):
        now += 1.0
        listener.on_step(done, {"label": 0.5, "loss": 0.75})
    assert lines[:2] == ["decoding 1/12", "decoding 12/12"]
    assert lines[2].startswith("1,234 parameters, ")
    assert "6 labelled clips, 6 for consistency, fold 1 held out (6 clips)" in lines[2]
    with_others = describe_start(1234, replace(clips, teaching=clips.test), taxonomy)
    assert "6 labelled clips, 6 of other sources, 6 for consistency" in with_others
    assert "step 10/100  label 0.500  loss 0.750  1 min 30 s left" in lines
    assert lines[-1] == "step 100/100  label 0.500  loss 0.750  0 s left"
    assert len(lines) == 3 + 100 // 5


def test_what_is_left_out_is_said(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    clips = fold_clips(recipe, 1, None)
    fewer = replace(clips, labelled=clips.labelled[1:], left_out=clips.labelled[:1])
    assert describe_start(1, fewer, recipe_taxonomy(recipe, None)).endswith("1 left out that share its content")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (125, "2 min 05 s")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
