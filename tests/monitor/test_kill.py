"""kill -9 at any moment: the memory is sound, nothing that was told is lost, and no half clip is left."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from aed.monitor.memory.clip_files import CLIPS_FOLDER
from aed.monitor.memory.store import DATABASE_NAME, Store
from aed.monitor.messages import EventStage, Outcome
from tests.fake_scorer import scene
from tests.monitor.made_monitor import Recorder, remembered, run, write_scene
from tests.monitor.made_monitor import monitor as made_monitor

CHECKOUT = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).with_name("kill_target.py")
SPEED = 10.0
LONGEST_LIFE_SECONDS = 1.5
FEW, MANY = 5, 100


class Target:
    """Starts monitors, one at a time, and kills them."""

    def __init__(self, folder: Path) -> None:
        self._memory, self._told = folder / "memory", folder / "told.jsonl"
        command = [sys.executable, str(TARGET), str(CHECKOUT), str(SPEED)]
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, recording: Path) -> int:
        assert self._process.stdin is not None
        lines = self._lines()
        self._process.stdin.write(json.dumps([str(recording), str(self._memory), str(self._told)]) + "\n")
        self._process.stdin.flush()
        child = int(self._next_line())
        until = time.monotonic() + 60
        while "ready" not in self._lines()[len(lines) :]:
            assert time.monotonic() < until, "the monitor does not start"
            time.sleep(0.005)
        return child

    def wait(self) -> None:
        assert self._next_line() == "dead\n"

    def told(self) -> Counter[tuple[str, str]]:
        return Counter((line["id"], line["stage"]) for line in self._lines() if line != "ready")

    def close(self) -> None:
        self._process.communicate()

    def _next_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _lines(self) -> list[Any]:
        return [json.loads(line) for line in self._told.read_text().splitlines()] if self._told.exists() else []


def check_memory(folder: Path) -> None:
    """What must hold at any moment, before anything is mended."""
    with sqlite3.connect(folder / DATABASE_NAME) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("pragma foreign_key_check").fetchall() == []
    for path in (folder / CLIPS_FOLDER).iterdir():
        if not path.name.startswith("."):
            samples, _ = soundfile.read(path)  # whole: the header's length and every frame's checksum
            assert len(samples) == soundfile.info(path).frames > 0


def check_after_restart(folder: Path, told: Counter[tuple[str, str]], kills: int) -> None:
    store = Store(folder)
    entries = {each.id: each for each in remembered(store)}
    assert store.unfinished() == []
    clips = {each.clip for each in entries.values() if each.clip is not None}
    assert {path.name for path in (folder / CLIPS_FOLDER).iterdir()} == clips
    reported = {each.id for each in entries.values() if each.outcome is Outcome.REPORTED}
    assert {event_id for event_id, _ in told} == reported  # all that is remembered as told was told, and no other
    assert {event_id for event_id, stage in told if stage == "over"} == reported
    twice = sum(count - 1 for count in told.values())
    assert twice <= kills  # between a line and its commit a kill may make one line come again, of one errand
    assert store.errands("console") == []
    store.close()


def kill_in_a_loop(folder: Path, kills: int, seed: int) -> int:
    story = [(0, 0.5)] + [part for code in (1, 4, 2, 1, 4, 2, 1, 4, 2, 1) for part in ((code, 1.4), (0, 1.1))]
    recording = write_scene(folder / "scene.wav", scene(*story * 4))
    short = write_scene(folder / "short.wav", scene((0, 1.0)))
    generator, memory, target = np.random.default_rng(seed), folder / "memory", Target(folder)
    for _ in range(kills):
        child = target.start(recording)
        time.sleep(generator.uniform(0.0, LONGEST_LIFE_SECONDS))
        os.kill(child, signal.SIGKILL)
        target.wait()
        check_memory(memory)
    target.start(short)
    target.wait()
    target.close()
    told = target.told()
    check_after_restart(memory, told, kills)
    return len(told)


def test_a_monitor_may_be_killed(tmp_path: Path) -> None:
    assert kill_in_a_loop(tmp_path, FEW, seed=0) > 2


@pytest.mark.slow
def test_a_monitor_may_be_killed_a_hundred_times(tmp_path: Path) -> None:
    assert kill_in_a_loop(tmp_path, MANY, seed=1) > MANY


def test_what_lasted_is_ended_and_what_is_left_over_removed(tmp_path: Path) -> None:
    recording = write_scene(tmp_path / "scene.wav", scene((0, 1.0), (1, 2.0), (0, 3.0)))
    first = made_monitor(tmp_path / "memory", sources={"room": f"file:{recording}"})
    run(first)
    (heard,) = remembered(first.store)
    assert heard.clip is not None
    first.store.save(replace(heard, offset=None), EventStage.BEGUN, ["recorder"])
    lost = replace(heard, id="lost-clip", clip="lost-clip.flac")
    first.store.save(lost)
    clips = tmp_path / "memory" / CLIPS_FOLDER
    (clips / "orphan.flac").write_bytes(b"x")
    (clips / f".{heard.id}.0a1b2c3d.tmp.flac").write_bytes(b"half")
    first.store.close()
    second = made_monitor(tmp_path / "memory", sinks=[Recorder()], retention={"days": 100_000, "event_days": 100_000})
    second.start()
    second.close()
    entries = {each.id: each for each in remembered(second.store)}
    ended = entries[heard.id]
    assert ended.offset == heard.offset
    assert ended.reason.endswith("interrupted: the monitor was stopped while it lasted")
    assert [str(each.stage) for each in second.store.errands("recorder")][-1] == "over"
    assert (entries["lost-clip"].clip, entries["lost-clip"].clip_note) == (None, "its clip is missing")
    assert [path.name for path in clips.iterdir()] == [heard.clip]
