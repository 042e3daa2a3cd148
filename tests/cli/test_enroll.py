"""`aed enroll`, and the same enrolled sounds in every verb that hears: by default, from a folder, or left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
from aed.audio.synth import SOUNDS
from aed.audio.waves import coloured_noise, gain_from_db
from aed.cli.main import app
from tests.fake_embedder import OURS, small_embedder
from tests.fake_scorer import LAYOUT, scene

RATE_HZ = 16_000


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder of a tree with Glass in it, and three clips and two quiet recordings beside it."""
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: small_embedder("multi"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    for number in range(3):
        write(tmp_path / f"ring{number}.wav", (0, 0.3), (OURS, 1.0 + number / 10), (0, 0.3))
    for number in range(2):
        write(tmp_path / "quiet" / f"{number}.wav", (0, 5.0), (1, 2.0), (0, 3.0), (4, 1.5), (2, 2.0), (3, 1.0))
    write(tmp_path / "evening.wav", (0, 2.0), (1, 1.5), (0, 2.0), (OURS, 1.5), (0, 3.0))
    return tmp_path / "model"


def write(path: Path, *parts: tuple[int, float]) -> Path:
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, scene(*parts), LAYOUT.rate_hz, subtype="FLOAT")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def enroll(model: Path, *more: str | Path, under: str = "Glass", name: str = "our bell") -> Result:
    clips = sorted(model.parent.glob("ring*.wav"))
    return run("enroll", name, *clips, "--under", under, "--model", model, "--against", model.parent / "quiet", *more)


def found(result: Result) -> set[str]:
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["label"] if "label" in line else line["name"] for line in lines if line.get("type") != "health"}


def test_what_is_enrolled_is_heard_at_once_by_every_verb(model: Path) -> None:
    result = enroll(model)
    assert result.exit_code == 0, result.output
    assert "'our bell' is now known under Glass, from 3 clips" in result.stdout
    assert "3 of the 3 clips are found by the other ones" in result.stdout
    assert "0 false alarms in 0.01 hours (2 recordings)" in result.stdout
    evening = model.parent / "evening.wav"
    verbs = (
        ("detect", evening, "--model", model, "--format", "jsonl"),
        ("listen", f"file:{evening}", "--model", model, "--format", "jsonl", "--speed", "max"),
    )
    for verb in verbs:
        assert {"our bell", "Dog"} <= found(run(*verb))
        assert "our bell" not in found(run(*verb, "--no-enrolled"))
        assert "Dog" in found(run(*verb, "--no-enrolled"))
        assert "our bell" in found(run(*verb, "--min-probability", "0.93"))  # its threshold is its own


def test_the_monitor_and_why_know_it_too(model: Path) -> None:
    assert enroll(model).exit_code == 0
    evening, memory = model.parent / "evening.wav", model.parent / "memory"
    usual = ("--source", f"file:{evening}", "--model", model, "--speed", "max", "--no-dashboard")
    assert "our bell" in run("monitor", *usual, "--out", memory).stdout
    assert "our bell" not in run("monitor", *usual, "--out", model.parent / "other", "--no-enrolled").stdout
    assert "our bell" in run("why", evening, "--at", "6.5", "--model", model).stdout
    assert "our bell" not in run("why", evening, "--at", "6.5", "--model", model, "--no-enrolled").stdout


def test_sounds_may_lie_elsewhere(model: Path) -> None:
    elsewhere = model.parent / "mine"
    assert enroll(model, "--out", elsewhere).exit_code == 0
    detect = ("detect", model.parent / "evening.wav", "--model", model, "--format", "jsonl")
    assert "our bell" not in found(run(*detect))
    assert "our bell" in found(run(*detect, "--enrolled", elsewhere))
    both = run(*detect, "--enrolled", elsewhere, "--no-enrolled")
    assert both.exit_code == 2
    assert "exclude each other" in both.stderr
    nowhere = run(*detect, "--enrolled", model.parent / "nowhere")
    assert nowhere.exit_code == 2
    assert "there is no such folder of enrolled sounds" in nowhere.stderr


def test_json_tells_what_is_promised(model: Path) -> None:
    sound = json.loads(enroll(model, "--json").stdout)
    assert (sound["name"], sound["under_name"]) == ("our bell", "Glass")
    assert (sound["heard_again"], sound["false_alarms"]) == (3, 0)
    assert sound["most_per_hour"] > 0


def test_what_cannot_be_enrolled_is_refused_and_nothing_is_written(model: Path) -> None:
    silent = model.parent / "silent.wav"
    soundfile.write(silent, np.zeros(LAYOUT.rate_hz), LAYOUT.rate_hz)
    refusals = (
        (enroll(model, under="Nowhere"), "no node"),
        (enroll(model, name="a/b"), "cannot be the name of a sound"),
        (enroll(model, name="Dog"), "a node called 'Dog' already"),
        (enroll(model, "--false-alarms-per-hour", "0"), "must be above 0"),
        (run("enroll", "x", *[silent] * 11, "--under", "Glass", "--model", model), "expected 1 to 10 clips"),
        (run("enroll", "x", silent, "--under", "Glass", "--model", model), "nothing sounds in it"),
        (run("enroll", "x", model.parent / "no.wav", "--under", "Glass", "--model", model), "no.wav"),
    )
    for result, why in refusals:
        assert result.exit_code == 2, result.output
        assert why in " ".join(result.stderr.split())
    assert not (model / "enrolled").exists()


def test_the_shipped_model_learns_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    generator = np.random.default_rng(1)
    ring = SOUNDS["doorbell"](RATE_HZ, generator)
    for number, level_db in enumerate((-10.0, -20.0, -6.0, -14.0)):
        samples = np.pad(0.5 * gain_from_db(level_db) * ring, RATE_HZ)
        noise = coloured_noise(len(samples), generator, 1.0) * gain_from_db(-65.0)
        soundfile.write(tmp_path / f"ring{number}.wav", samples + noise, RATE_HZ)
    clips = [tmp_path / f"ring{number}.wav" for number in range(3)]
    result = run("enroll", "our doorbell", *clips, "--under", "Doorbell")
    assert result.exit_code == 0, result.output
    assert "nothing can be promised about false alarms" in result.stdout
    assert list((tmp_path / "user").rglob("our-doorbell.npz"))
    unheard = ("detect", tmp_path / "ring3.wav", "--format", "jsonl")
    assert "our doorbell" in found(run(*unheard))
    assert "our doorbell" not in found(run(*unheard, "--no-enrolled"))
