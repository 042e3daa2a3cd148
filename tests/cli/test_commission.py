"""`aed commission`: an alarm is tried, the trial is kept, and heard again after a change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
import aed.monitor.sources.source as sources
from aed.cli.main import app
from aed.monitor.sources.source import Source
from tests.monitor.test_commission import RATE_HZ, LoudIsAlarm, alarm


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an alarm and a quiet recording; a recording plays as fast as it can."""
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: LoudIsAlarm())
    real = sources.open_source

    def at_once(address: str, rate_hz: int, speed: float | None) -> Source:
        return real(address, rate_hz, None)

    monkeypatch.setattr(sources, "open_source", at_once)
    soundfile.write(tmp_path / "alarm.wav", alarm(), RATE_HZ)
    quiet = 0.001 * np.random.default_rng(0).standard_normal(5 * RATE_HZ)
    soundfile.write(tmp_path / "quiet.wav", quiet, RATE_HZ)
    return tmp_path


def commission(home: Path, *arguments: str) -> Result:
    usual = ["commission", "--model", "some/trained/model", "--data", str(home / "memory")]
    return CliRunner().invoke(app, [*usual, *arguments])


def test_an_alarm_that_is_heard_is_kept_and_heard_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = commission(home, "--source", f"file:{home / 'alarm.wav'}", "--room", "kitchen")
    assert result.exit_code == 0, result.output
    assert "kitchen: heard as Alarm > Safety alarm" in result.stdout
    assert "its beat says smoke" in result.stdout
    assert len(list((home / "memory" / "commission").iterdir())) == 2  # the recording and its figures
    again = commission(home, "--replay")
    assert again.exit_code == 0, again.output
    assert "as before" in again.stdout
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: LoudIsAlarm(loud=2.0))
    deaf = commission(home, "--replay", "--json")
    assert deaf.exit_code == 1
    (trial,) = json.loads(deaf.stdout)
    assert trial["problems"]


def test_an_alarm_that_is_not_heard_fails(home: Path) -> None:
    result = commission(home, "--source", f"file:{home / 'quiet.wav'}", "--seconds", "4", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["heard_as"] is None


def test_without_a_trial_or_a_source_it_says_so(home: Path) -> None:
    none_kept = commission(home, "--replay")
    assert none_kept.exit_code == 2
    assert "commission" in none_kept.stderr
    nothing = commission(home, "--source", f"file:{home / 'no.wav'}")
    assert nothing.exit_code == 2
    assert "no.wav" in nothing.stderr
    both = commission(home, "--replay", "--no-enrolled", "--enrolled", str(home))
    assert both.exit_code == 2
    assert "exclude each other" in both.stderr
