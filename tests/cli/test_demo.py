"""`aed demo`: sounds, model, scene, table and picture, whatever the folder is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

import aed.cli.demo
from aed.audio.scene import SceneEvent
from aed.audio.synth import SOUNDS
from aed.cli.demo import CORPUS_MARKER, make_corpus
from aed.cli.demo_table import DemoTable, right_answers
from aed.cli.main import app
from aed.detect.event import Event
from aed.ontology.graph import load_ontology
from tests.tiny_corpus import contents


@pytest.fixture(autouse=True)
def _few_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    monkeypatch.setattr(aed.cli.demo, "CLIPS_PER_CLASS", 2)


def run(out: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(app, ["demo", "--out", str(out), *arguments])
    torch.set_num_threads(1)
    return result


@pytest.mark.training
def test_makes_everything_and_says_where_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out: a # demo"  # signs that YAML would read
    result = run(out, "--steps", "2")
    assert result.exit_code == 0, result.output
    assert len(re.findall(r"\d+ of 11 target sounds found", " ".join(result.stdout.split()))) == 2
    assert result.stdout.endswith(f"timeline picture: {out / 'timeline.png'}\nmodel: {out / 'model'}\n")
    for picture in ("timeline.png", "shipped.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    model = contents(out / "model")
    assert len(list((tmp_path / "cache").rglob("*.f32"))) == 1
    assert run(out, "--steps", "2").exit_code == 0  # what is there is used again
    assert contents(out / "model") == model

    other = run(out, "--steps", "3")
    assert other.exit_code == 2
    assert "finished run of another recipe" in other.stderr
    assert contents(out / "model") == model
    assert run(out, "--steps", "3", "--force").exit_code == 0
    assert contents(out / "model") != model
    assert len(list((tmp_path / "cache").rglob("*.f32"))) == 1  # nothing was decoded again


def test_a_corpus_that_is_there_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}

    make_corpus(tmp_path)
    first = written()
    make_corpus(tmp_path)
    assert written() == first

    next(iter(first)).unlink()
    make_corpus(tmp_path)
    assert len(written()) == len(first)
    monkeypatch.setattr(aed.cli.demo, "CLIPS_PER_CLASS", 3)
    make_corpus(tmp_path)
    assert len(written()) > len(first)


@pytest.mark.parametrize("marker", ["", "[]", "{}", '{"made": 1}'])
def test_a_corpus_without_a_whole_marker_is_made_anew(tmp_path: Path, marker: str) -> None:
    make_corpus(tmp_path)
    (clip, *_) = sorted(tmp_path.rglob("*.wav"))
    whole = clip.read_bytes()
    clip.write_bytes(b"half")
    (tmp_path / CORPUS_MARKER).write_text(marker)
    make_corpus(tmp_path)
    assert clip.read_bytes() == whole


def event(onset: float, offset: float, name: str) -> Event:
    return Event(onset, offset, 1, load_ontology().resolve(name).id, name, (name,), 0.9)


TRUTH = [
    SceneEvent(1.0, 2.0, "siren", "siren"),
    SceneEvent(3.0, 4.0, "dog_bark", "dog_bark"),
    SceneEvent(5.0, 6.0, "none_of_these", "wind"),
    SceneEvent(7.0, 8.0, "none_of_these", "silence"),
]


def test_the_table_tells_hits_from_false_alarms() -> None:
    events = [event(1.2, 2.1, "Siren"), event(5.5, 5.8, "Siren"), event(7.1, 7.2, "Animal")]
    table = DemoTable(TRUTH, events, targets_only=True).table("events")
    assert list(table.columns[-2].cells) == ["siren", "wind", "silence"]
    assert list(table.columns[-1].cells) == ["", "wrong", "wrong"]
    assert table.caption == "1 of 2 target sounds found, 2 wrong answers"


@pytest.mark.parametrize(("name", "is_right"), [("Dog", True), ("Bark", True), ("Animal", True), ("Cat", False)])
def test_a_sound_may_be_named_as_deep_as_the_model_is_sure(name: str, is_right: bool) -> None:
    assert DemoTable(TRUTH, [], targets_only=True).is_right(event(3.5, 4.5, name)) == is_right


def test_what_is_no_target_may_be_named_by_a_model_that_knows_it() -> None:
    wind = event(5.1, 5.9, "Wind")
    assert DemoTable(TRUTH, [wind], targets_only=False).caption == "0 of 2 target sounds found, 0 wrong answers"
    assert DemoTable(TRUTH, [wind], targets_only=True).caption == "0 of 2 target sounds found, 1 wrong answers"


def test_every_sound_of_the_scene_has_right_answers() -> None:
    assert {sound: bool(right_answers(sound)) for sound in (*SOUNDS, "silence")} == {
        sound: sound not in ("white_noise", "pink_noise", "silence") for sound in (*SOUNDS, "silence")
    }
