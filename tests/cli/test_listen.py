"""`aed listen`: what is heard is told as it happens, and is what `aed detect` finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
from aed.cli.main import app
from tests.fake_scorer import LAYOUT, scene, small_scorer


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: small_scorer())
    samples = scene((0, 1.0), (1, 1.5), (0, 2.0), (4, 1.0), (0, 7.0))
    soundfile.write(tmp_path / "x.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    return tmp_path / "x.wav"


def aed_cli(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def listen(*arguments: str | Path) -> Result:
    return aed_cli("listen", "--model", "some/trained/model", *arguments)


def json_lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_events_of_a_recording_are_those_that_detect_finds(recording: Path) -> None:
    lines = json_lines(listen(f"file:{recording}", "--speed", "max", "--format", "jsonl"))
    told = [{key: line[key] for key in line if key != "type"} for line in lines if line["type"] == "event"]
    found = json_lines(aed_cli("detect", "--model", "some/trained/model", recording, "--format", "jsonl"))
    assert [event["name"] for event in told] == ["Dog", "Glass"]
    assert told == [{key: event[key] for key in event if key != "file"} for event in found]
    assert [line["name"] for line in lines if line["type"] == "begins"] == ["Dog", "Glass"]
    assert [line["health"] for line in lines if line["type"] == "health"] == ["dead"]  # constant samples


def test_lines_for_people(recording: Path) -> None:
    result = listen(recording, "--speed", "max")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("0:01.0")
    assert "Animal > Dog ..." in lines[0]
    assert any("Glass  1.1 s  0.9" in line or "Glass  1.0 s  0.9" in line for line in lines)
    assert any("! dead: every sample is exactly 0" in line for line in lines)
    assert "listening to x.wav (1000 Hz)" in result.stderr


def test_a_recording_at_a_speed_takes_its_time(recording: Path) -> None:
    import time

    started = time.monotonic()
    assert listen(recording, "--speed", "25").exit_code == 0
    assert time.monotonic() - started >= 12.5 / 25


def test_what_is_no_source_is_refused(recording: Path) -> None:
    for arguments, words in (
        ((recording, "--speed", "fast"), "--speed fast: expected a number such as 1 or 50, or max"),
        ((recording, "--speed", "-1"), "cannot be played at the speed -1"),
        (("nothing.wav",), "there is nothing to listen to at 'nothing.wav'"),
        (("file:nothing.wav",), "no such file"),
        ((recording, "--min-probability", "2"), "--min-probability must lie between 0 and 1"),
        ((recording, "--longest-seconds", "0.1"), "must be above 0.133333 s, the shortest, got 0.1"),
    ):
        result = listen(*arguments)
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
        assert len(result.stderr.splitlines()) == 1


def test_what_never_ends_is_told_in_parts(recording: Path) -> None:
    soundfile.write(recording, scene((1, 20.0)), LAYOUT.rate_hz, subtype="FLOAT")
    lines = json_lines(listen(recording, "--speed", "max", "--longest-seconds", "5", "--format", "jsonl"))
    lengths = [
        float(str(line["offset_seconds"])) - float(str(line["onset_seconds"]))
        for line in lines
        if line["type"] == "event"
    ]
    np.testing.assert_allclose(lengths, [5, 5, 5, 5], atol=0.11)
