"""`aed monitor`: several sources, rules, one line per event that is told, a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
from aed.cli.main import app
from aed.cli.monitor import _named
from aed.monitor.memory.store import Store
from tests.fake_scorer import LAYOUT, scene, small_scorer
from tests.monitor.made_monitor import remembered


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: small_scorer())
    samples = scene((0, 1.0), (1, 1.5), (0, 2.0), (4, 1.0), (0, 3.0))
    soundfile.write(tmp_path / "x.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    return tmp_path / "x.wav"


def aed_monitor(recording: Path, *arguments: str) -> Result:
    memory = str(recording.parent / "memory")
    usual = ["--model", "some/trained/model", "--speed", "max", "--no-dashboard", "--out", memory]
    return CliRunner().invoke(app, ["monitor", *usual, *arguments])


def test_one_line_for_each_event_that_is_told(recording: Path) -> None:
    (recording.parent / "home.yaml").write_text("listen: [Dog]\n")
    config = str(recording.parent / "home.yaml")
    result = aed_monitor(
        recording, "--source", f"file:{recording}", "--config", config, "--started-at", "2026-11-01T22:00"
    )
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    # told at its first sure row
    assert line == "2026-11-01 22:00:01  x  Animal > Dog  0.71  rule 'Dog': Dog 0.71, -37 dBFS"
    assert "x is ended: the source ended" in result.stderr
    assert "this model knows no voices" in result.stderr
    _, glass = remembered(Store(recording.parent / "memory"))
    assert glass.reason == "no rule is about Glass"


def test_several_sources_at_once_as_json(recording: Path) -> None:
    sources = [argument for _ in range(4) for argument in ("--source", f"file:{recording}")]
    result = aed_monitor(recording, *sources, "--format", "jsonl")
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    names = ["x", "x_2", "x_3", "x_4"]
    expected = {(name, stage, sound) for name in names for stage in ("begun", "over") for sound in ("Dog", "Glass")}
    assert {(each["source"], each["stage"], each["name"]) for each in told} == expected
    assert len(told) == 16


def test_two_runs_remember_twice_and_tell_each_once(recording: Path) -> None:
    for _ in range(2):
        result = aed_monitor(recording, "--source", str(recording))
        assert len(result.stdout.splitlines()) == 2
    assert len(remembered(Store(recording.parent / "memory"))) == 4


def test_what_cannot_work_is_one_line(recording: Path) -> None:
    (recording.parent / "home.yaml").write_text("listen: [Dragon]\n")
    config = str(recording.parent / "home.yaml")
    for arguments, words in (
        (["--source", "file:nothing.wav"], "no such file"),
        (["--source", "nothing"], "there is nothing to listen to at 'nothing'"),
        (["--source", str(recording), "--config", config], "no node called 'Dragon'"),
        (["--source", str(recording), "--started-at", "noon"], "--started-at noon: expected a local time"),
        (["--source", str(recording), "--speed", "fast"], "--speed fast"),
    ):
        result = aed_monitor(recording, *arguments)
        assert (result.exit_code, words in result.stderr) == (2, True), result.output


def test_sources_get_plain_names() -> None:
    addresses = ["mic:", "mic:USB Audio", "file:/a/evening 1.wav", "rtsp://user@camera:554/stream?x=1", "mic:"]
    assert list(_named(addresses)) == ["mic", "mic_USB_Audio", "evening_1", "user_camera_554_stream_x_1", "mic_2"]


def test_a_signal_ends_it_quickly_and_cleanly(tmp_path: Path) -> None:
    """In the middle of an event, which is over then, with its clip."""
    checkout = Path(aed.__file__).parents[1]
    soundfile.write(tmp_path / "x.wav", scene((0, 0.5), (1, 500.0)), LAYOUT.rate_hz, subtype="FLOAT")
    program = (
        "import sys, importlib.util as u\n"
        f"s = u.spec_from_file_location('fake_scorer', {str(checkout / 'tests' / 'fake_scorer.py')!r})\n"
        "m = u.module_from_spec(s); sys.modules['fake_scorer'] = m; s.loader.exec_module(m)\n"
        "import aed.api, aed.cli.main as c\n"
        "aed.api.load_folder_scorer = lambda folder, device: m.small_scorer()\n"
        "sys.argv[0] = 'aed'; c.main()\n"
    )
    config = tmp_path / "home.yaml"
    config.write_text("voices: keep\ndashboard: null\n")
    command = [sys.executable, "-c", program, "monitor", "--model", "m", "--out", str(tmp_path / "memory")]
    command += ["--source", f"file:{tmp_path / 'x.wav'}", "--config", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(checkout)}
    ) as process:
        assert process.stdout is not None
        assert "Dog" in process.stdout.readline()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - started < 5
    (dog,) = remembered(Store(tmp_path / "memory"))
    assert dog.offset is not None
    assert dog.clip is not None
