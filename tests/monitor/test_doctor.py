"""The doctor finds what is wrong, says how to mend it, and changes nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from aed.cli.main import app
from aed.errors import ModelError
from aed.monitor.doctor import (
    Finding,
    Verdict,
    examine_clock,
    examine_disk,
    examine_ffmpeg,
    examine_folder,
    examine_model,
    examine_source,
    is_well,
)

RATE_HZ = 16_000


def recording(path: Path, samples: np.ndarray) -> str:
    soundfile.write(path, samples.astype(np.float32), RATE_HZ, subtype="FLOAT")
    return f"file:{path}"


@pytest.mark.parametrize(
    ("level", "verdict", "words"),
    [(0.01, "fine", "dBFS on average"), (1e-6, "wrong", "next to nothing"), (3.0, "wrong", "overdriven")],
)
def test_the_level_of_a_source(tmp_path: Path, level: float, verdict: str, words: str) -> None:
    noise = np.clip(level * np.random.default_rng(0).standard_normal(RATE_HZ), -1, 1)
    found = examine_source(recording(tmp_path / "x.wav", noise), RATE_HZ, 1.0)
    assert (found.verdict, words in found.message) == (verdict, True)


def test_a_muted_and_a_missing_source(tmp_path: Path) -> None:
    muted = examine_source(recording(tmp_path / "x.wav", np.zeros(RATE_HZ)), RATE_HZ, 1.0)
    assert (muted.verdict, muted.message) == (Verdict.WRONG, "every sample is 0")
    assert examine_source("nowhere", RATE_HZ).verdict is Verdict.WRONG


def test_folder_and_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examine_folder(tmp_path / "new" / "deep").verdict is Verdict.FINE
    assert not list(tmp_path.iterdir())
    assert examine_folder(Path("/proc/nothing")).verdict is Verdict.WRONG
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(5_000_000))
    assert examine_disk(tmp_path).verdict is Verdict.WRONG


def test_a_clock_that_is_being_set(monkeypatch: pytest.MonkeyPatch) -> None:
    real, readings = time.time, iter([0.0, 3600.0])
    monkeypatch.setattr(time, "time", lambda: real() + next(readings, 0.0))
    found = examine_clock(0.01)
    assert (found.verdict, "moved by +3600" in found.message) == (Verdict.WRONG, True)


def test_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = examine_ffmpeg()
    assert found.verdict is Verdict.WRONG
    assert "apt install ffmpeg" in found.mend


def test_a_model_that_is_missing_or_slow() -> None:
    def missing() -> None:
        raise ModelError("there is none")

    assert examine_model("m", missing).message == "there is none"  # type: ignore[arg-type]
    assert examine_model("m", lambda: lambda: 9.0).verdict is Verdict.WRONG
    assert examine_model("m", lambda: lambda: 0.1).verdict is Verdict.FINE


def test_a_note_hinders_nothing() -> None:
    assert is_well([Finding("a", Verdict.NOTE, "x"), Finding("b", Verdict.FINE, "y")])
    assert not is_well([Finding("a", Verdict.WRONG, "x")])


def test_the_command_says_it_by_its_exit_code(tmp_path: Path) -> None:
    loud = recording(tmp_path / "x.wav", 0.01 * np.random.default_rng(0).standard_normal(RATE_HZ))
    muted = recording(tmp_path / "y.wav", np.zeros(RATE_HZ))
    options = ["doctor", "--data", str(tmp_path), "--json"]
    runs = [CliRunner().invoke(app, [*options, "--source", source]) for source in (loud, muted)]
    found = [{one["what"]: one for one in json.loads(run.stdout)} for run in runs]
    assert found[0][f"source {loud}"]["verdict"] == "fine"
    assert found[1][f"source {muted}"]["mend"].startswith("unmute")
    assert runs[1].exit_code == 1
