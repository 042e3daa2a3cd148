"""`aed feedback export`, and the whole way from marks to a monitor with a model that learned from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner, Result

from aed.audio.synth import SOUNDS
from aed.audio.waves import coloured_noise
from aed.cli.main import app
from aed.data.manifest import read_manifest
from aed.detect.event import Event
from aed.monitor.memory.store import Mark, Store, Verdict
from aed.monitor.messages import HeardEvent, Outcome
from aed.resources import recipes_folder
from tests.tiny_corpus import RATE_HZ, SHATTER, SIREN, write_multi_label_corpus

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIREN_PATH = ("Sounds of things", "Alarm", "Siren")


def remember(store: Store, number: int, sound: str) -> str:
    """An event that was told as a siren, with its clip; each in an hour of its own."""
    onset, event_id = BEGAN + timedelta(hours=number), f"event-{number}"
    event = Event(1.0, 2.0, 1, SIREN, "Siren", SIREN_PATH, 0.9)
    clip = f"{event_id}.flac"
    wave = SOUNDS[sound](RATE_HZ, np.random.default_rng(number))
    soundfile.write(store.folder / "clips" / clip, 0.5 * wave, RATE_HZ)
    told = (Outcome.REPORTED, None, "", clip)
    store.save(HeardEvent(event_id, "kitchen", event, onset, onset + timedelta(seconds=1), -20.0, *told))
    return event_id


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Ten sirens that were right and ten that were breaking glass."""
    folder = tmp_path / "memory"
    (folder / "clips").mkdir(parents=True)
    store = Store(folder)
    for number in range(20):
        if number % 2:
            store.mark(Mark(remember(store, number, "siren"), Verdict.RIGHT, None, BEGAN))
        else:
            store.mark(Mark(remember(store, number, "glass_breaking"), Verdict.OTHER, SHATTER, BEGAN))
    store.close()
    return folder


def run(*arguments: str | Path, **settings: object) -> Result:
    given = [word for key, value in settings.items() for word in ("--set", f"{key.replace('__', '.')}={value}")]
    return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *given)])


def export(memory: Path, out: Path) -> Result:
    return run("feedback", "export", "--data", memory, "--out", out)


def test_marks_are_written_and_it_says_what_to_do_with_them(memory: Path, tmp_path: Path) -> None:
    out = tmp_path / "marks.csv"
    result = export(memory, out)
    assert result.exit_code == 0, result.output
    assert "20 clips with a label (10 right, 10 something else, 0 wrong: hard negatives) and 0 without" in result.stdout
    assert f"aed train recipes/home/feedback.yaml --set data.source=csv:{out}" in result.stdout
    labels = {clip.labels for clip in read_manifest(out, out.parent)}
    assert labels == {("Siren",), ("Shatter", "not: Siren")}


def test_without_a_memory_it_says_so(tmp_path: Path) -> None:
    result = export(tmp_path / "nowhere", tmp_path / "marks.csv")
    assert (result.exit_code, (tmp_path / "marks.csv").exists()) == (2, False)
    assert str(tmp_path / "nowhere") in result.stderr


@pytest.mark.slow
@pytest.mark.training
def test_from_marks_to_a_monitor_that_learned_from_them(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    recipe, corpus = recipes_folder() / "home" / "feedback.yaml", write_multi_label_corpus(tmp_path / "corpus")
    usual = {"consistency": "null", "augment__waveform__views": 0}
    start = {"start_from": "null", "data__source": f"csv:{corpus}", "data__label_map": "audioset", "optim__steps": 2}
    first = run("train", recipe, "--out", tmp_path / "home", data__folds="none", **start, **usual)
    assert first.exit_code == 0, first.output

    assert export(memory, tmp_path / "marks.csv").exit_code == 0
    learning = {"start_from": tmp_path / "home", "data__source": f"csv:{tmp_path / 'marks.csv'}", "optim__steps": 25}
    second = run("train", recipe, "--out", tmp_path / "house", **learning, **usual)
    assert second.exit_code == 0, second.output
    assert "Held-back clips" in second.stdout
    model = tmp_path / "house" / "fold1"

    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, 0.001 * coloured_noise(30 * RATE_HZ, np.random.default_rng(0), 1.0), RATE_HZ)
    calibrated = run("calibrate", "--model", model, "--false-alarms-per-day", "100000", "--on", quiet)
    assert calibrated.exit_code == 0, calibrated.output
    exported = run("export", model, "--to", "onnx", "--out", tmp_path / "mine.onnx")
    assert exported.exit_code == 0, exported.output
    played = ("--source", f"file:{quiet}", "--speed", "max", "--no-dashboard", "--out", tmp_path / "listening")
    listened = run("monitor", "--model", tmp_path / "mine.onnx", *played)
    assert listened.exit_code == 0, listened.output
    assert "is ended: the source ended" in listened.stderr
