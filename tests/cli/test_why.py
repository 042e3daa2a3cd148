"""`aed why`: each way in which a node does not become a report is named, by the monitor's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
import aed.detect.detector
from aed.cli.main import app
from aed.cli.why import parse_moment
from tests.fake_scorer import LAYOUT, scene, small_scorer

HOME = """
model: some/trained/model
sources:
  room: "mic:"
time_zone: Europe/Berlin
rules:
- {name: dogs, sounds: [Dog], cool_down_seconds: 100, tell: [mqtt]}
- {name: glass, sounds: [Glass], hold_seconds: 5}
- {name: cats, sounds: [Cat], quiet_hours: ["22:00-07:00"]}
"""


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: small_scorer())
    monkeypatch.setattr(aed.detect.detector, "SHORTEST_EVENT_SECONDS", 0.64)
    samples = scene((0, 1.0), (1, 2.0), (0, 3.0), (1, 2.0), (0, 2.0), (4, 2.0), (0, 2.0), (2, 2.0), (0, 2.0), (4, 0.4))
    soundfile.write(tmp_path / "x.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    (tmp_path / "home.yaml").write_text(HOME)
    return tmp_path / "x.wav"


def why(recording: Path, at: str, *more: str) -> Result:
    config = recording.with_name("home.yaml")
    return CliRunner().invoke(app, ["why", str(recording), "--at", at, "--config", str(config), *more])


def explained(recording: Path, at: str, *more: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    result = why(recording, at, "--json", *more)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    return {node["name"]: node for node in content["nodes"]}, content["events"]


def test_a_child_is_the_answer_and_the_rule_told_it(recording: Path) -> None:
    nodes, (event,) = explained(recording, "0:02.0")
    assert nodes["Animal"]["verdict"] == "Dog, below it, is the answer"
    assert nodes["Dog"]["verdict"] == "the answer"
    assert (nodes["Dog"]["probability"], nodes["Dog"]["threshold"]) == (pytest.approx(0.94), 0.5)
    assert (nodes["Dog"]["rules"], nodes["Animal"]["rules"]) == (["dogs"], [])
    assert event["outcome"] == "reported"


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("7.0", "rule 'dogs': told 6."),
        ("11.0", "rule 'glass': lasted 2."),
        ("15.0", "rule 'cats': quiet hours 22:00-07:00, and it was Sun 23:00"),
    ],
)
def test_what_the_rules_held_back_is_explained(recording: Path, at: str, reason: str) -> None:
    _, (event,) = explained(recording, at, "--started-at", "2026-11-01T23:00")
    assert event["outcome"] == "held back"
    assert event["reason"].startswith(reason)


def test_what_is_too_short_or_not_sure_is_no_event(recording: Path) -> None:
    nodes, events = explained(recording, "18.3")
    assert events == []
    assert nodes["Glass"]["verdict"].startswith("the answer, but for 0.")
    nodes, events = explained(recording, "4.5")
    assert events == []
    assert nodes["None of these"]["verdict"] == "the model's way to say that it is nothing that it knows"


def test_the_table_for_people(recording: Path) -> None:
    result = why(recording, "2.0")
    assert result.exit_code == 0
    assert "What the model heard" in result.stdout
    assert "Animal > Dog, 1.00 to 3.00 s: reported: rule 'dogs': Dog 0.94" in result.stdout


def test_what_is_no_moment_of_it_is_refused(recording: Path) -> None:
    for at, words in (("noon", "--at noon: expected a time"), ("99", "lies outside the recording of 18.4 s")):
        result = why(recording, at)
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
    assert parse_moment("1:12:03.5") == 4323.5
