"""`aed detect`: what it finds, how it writes it, and what it does about a bad file."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import aed.api
import aed.detect.detector
import aed.detect.draw
from aed.cli.detect import find_recordings, picture_paths
from aed.cli.main import app
from aed.detect.event import Event
from aed.errors import StorageError
from tests.fake_scorer import LAYOUT, scene, small_scorer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings, one of them in a folder below, and a model by formula in place of a trained one."""
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: small_scorer())
    sounds = tmp_path / "sounds"
    (sounds / "below").mkdir(parents=True)
    for name, code in (("kitchen.wav", 1), ("below/hall.wav", 4)):
        samples = scene((0, 1.0), (code, 1.0), (0, 1.0))
        soundfile.write(sounds / name, samples, LAYOUT.rate_hz, subtype="FLOAT")
    (sounds / "notes.txt").write_text("no audio")
    return sounds


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["detect", "--model", "some/trained/model", *map(str, arguments)])


def test_prints_a_table(folder: Path) -> None:
    result = run(folder / "kitchen.wav")
    assert result.exit_code == 0
    assert "1 event in 1 recording" in result.stdout
    assert "Animal > Dog" in result.stdout


def test_searches_folders_and_writes_json_lines(folder: Path) -> None:
    result = run(folder, folder / "kitchen.wav", "--format", "jsonl")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(Path(line["file"]).name, line["name"]) for line in lines] == [
        ("hall.wav", "Glass"),
        ("kitchen.wav", "Dog"),
    ]


@pytest.mark.parametrize("output_format", ["table", "csv", "jsonl", "desed", "audacity", "raven"])
def test_writes_a_file_and_nothing_else_to_stdout(folder: Path, tmp_path: Path, output_format: str) -> None:
    result = run(folder / "kitchen.wav", "--format", output_format, "--out", tmp_path / "new" / "events")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "written: " in result.stderr
    assert "Dog" in (tmp_path / "new" / "events").read_text()


def test_csv_on_stdout_is_only_csv(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(folder, "--format", "csv").stdout)))
    assert [row["name"] for row in rows] == ["Glass", "Dog"]


def test_a_bad_file_is_skipped_named_at_the_end_and_the_rest_is_done(folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF what is this")
    samples = scene((1, 3.0))
    samples[1500] = np.nan
    soundfile.write(folder / "nan.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    result = run(folder, folder / "missing.wav", "--format", "csv")
    assert result.exit_code == 1
    assert [row["name"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["Glass", "Dog"]
    errors = result.stderr.splitlines()
    assert errors[0] == "aed: error: skipped 3 of 5 recordings:"
    for name, line in zip(("broken.wav", "nan.wav", "missing.wav"), errors[1:], strict=True):
        assert name in line


def test_a_file_that_needs_an_extra_is_skipped_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (folder / "phone.m4a").write_bytes(b"\0" * 1_000)
    result = run(folder, "--format", "csv")
    assert result.exit_code == 1
    assert [row["name"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["Glass", "Dog"]
    assert "phone.m4a needs an optional part" in result.stderr
    assert run(folder / "phone.m4a").exit_code == 2


def test_hidden_files_are_not_searched_for_but_may_be_named(folder: Path) -> None:
    hidden = folder / "._kitchen.wav"
    hidden.write_bytes((folder / "kitchen.wav").read_bytes())
    assert hidden not in find_recordings([folder])
    assert find_recordings([hidden]) == [hidden]


def test_a_single_bad_file_is_one_line_and_exit_code_2(folder: Path) -> None:
    (folder / "empty.wav").write_bytes(b"")
    result = run(folder / "empty.wav")
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "empty.wav" in result.stderr


def test_draws_each_recording(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run(folder / "kitchen.wav", "--draw", tmp_path / "one.png")
    assert result.exit_code == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert run(folder, "--draw", tmp_path / "many.svg").exit_code == 0
    assert {path.name for path in tmp_path.glob("many*")} == {"many-hall.svg", "many-kitchen.svg"}


@pytest.mark.parametrize("output_format", ["table", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("failure", "code"),
    [(KeyboardInterrupt(), 130), (StorageError("the disk is full"), 2)],
    ids=["ctrl-c", "full disk"],
)
def test_what_was_found_before_a_failure_is_written(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output_format: str,
    failure: BaseException,
    code: int,
) -> None:
    def detect_first(scorer: object, recording: Path, *others: object, **more: object) -> list[Event]:
        if recording.name == "kitchen.wav":
            raise failure
        return [Event(0.0, 1.0, 1, "/m/x", "Glass", ("Glass",), 0.9)]

    monkeypatch.setattr(aed.detect.detector, "detect_file", detect_first)
    result = run(folder, "--format", output_format)
    assert result.exit_code == code
    assert "Glass" in result.stdout
    assert "aed: stopped with 1 of 2 recordings still to do" in result.stderr
    assert run(folder, "--format", output_format, "--out", tmp_path / "events").exit_code == code
    assert "Glass" in (tmp_path / "events").read_text()


def test_events_are_written_although_their_picture_cannot_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")

    def full(*arguments: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(aed.detect.draw, "draw_timeline", full)
    result = run(folder / "kitchen.wav", "--draw", "a.png", "--format", "csv")
    assert result.exit_code == 2
    assert [row["name"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["Dog"]
    assert result.stderr == "aed: error: the disk is full\n"


def test_min_probability_decides(folder: Path) -> None:
    assert "nothing found" in run(folder / "kitchen.wav", "--min-probability", "0.98").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min-probability", "1.5"], "--min-probability must lie between 0 and 1, got 1.5"),
        (["--format", "audacity"], "--format audacity writes the events of one recording, got 2"),
        (["--format", "raven"], "--format raven writes the events of one recording, got 2"),
        (["--draw", "picture.gif"], "expected a name that ends in .png or .svg"),
        (["--out", "."], "is a folder: expected the name of a file"),
        (["--format", "xml"], "xml"),
    ],
)
def test_a_wrong_option_is_told_before_the_work(
    folder: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: pytest.fail("the work began"))
    result = run(folder, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_never_writes_over_a_recording(folder: Path) -> None:
    before = (folder / "kitchen.wav").read_bytes()
    result = run(folder / "kitchen.wav", "--out", folder / "kitchen.wav")
    assert result.exit_code == 2
    assert (folder / "kitchen.wav").read_bytes() == before


def test_a_folder_without_audio_and_a_wrong_model_are_exit_code_2(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "no audio file in this folder" in result.stderr
    pytest.importorskip("torch", reason="needs the extra 'train'")
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), 16_000)
    result = CliRunner().invoke(app, ["detect", str(tmp_path / "a.wav"), "--model", str(tmp_path / "nothing")])
    assert result.exit_code == 2
    assert "not a model folder" in result.stderr


def test_recordings_are_listed_once_and_pictures_get_names_of_their_own(folder: Path) -> None:
    assert len(find_recordings([folder, folder / "kitchen.wav", folder])) == 2
    twins = [Path("x/a.wav"), Path("y/a.wav"), Path("b.wav")]
    assert [path.name for path in picture_paths(Path("t.png"), twins)] == ["t-a.png", "t-a-2.png", "t-b.png"]


def test_where_nothing_can_be_written_is_known_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(aed.api, "load_folder_scorer", never)
    (folder / "file").touch()
    for option in ("--out", "--draw"):
        result = run(folder / "kitchen.wav", option, folder / "file/timeline.png")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"aed: error: cannot write {folder / 'file/timeline.png'}")


def test_events_are_printed_where_their_file_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: str) -> None:
        raise StorageError(f"cannot write {path}: no space left on device")

    monkeypatch.setattr("aed.storage.write_atomic", full)
    (folder / "broken.wav").write_bytes(b"no audio")
    result = run(folder, "--format", "csv", "--out", folder / "events.csv")
    assert result.exit_code == 2
    assert "Dog" in result.stdout
    assert "skipped 1 of 3 recordings" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("aed: error: cannot write")


def test_names_that_are_no_text_and_raw_files(folder: Path) -> None:
    samples = scene((0, 1.0), (1, 1.0), (0, 1.0))
    soundfile.write(folder / "plain.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    (folder / "plain.wav").rename(os.fsdecode(os.fsencode(folder) + b"/gl\xe4s.wav"))
    (folder / "sound.raw").write_bytes(bytes(1000))
    result = run(folder, folder / "sound.raw", "--format", "csv", "--out", folder / "events.csv")
    assert result.exit_code == 1, result.output
    assert "skipped 1 of 4 recordings" in result.stderr
    assert "sound.raw: a raw file does not say its sample rate" in result.stderr
    events = (folder / "events.csv").read_text()
    assert r"gl\udce4s.wav" in events
    assert len(events.splitlines()) == 1 + 3


def test_output_shows_names_that_are_no_text() -> None:
    """The escape, not the lone byte, and no error: whatever the locale lets a stream do by itself."""
    program = r"import aed.cli.main as cli; cli.app = lambda: print('gl\udce4s.wav'); cli.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, rb"gl\udce4s.wav" + b"\n"), done.stderr
