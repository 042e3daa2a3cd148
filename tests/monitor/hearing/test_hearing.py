"""From samples to entries: one sound one report, the same from a file, live, and in whatever pieces."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.detector import detect_file
from aed.detect.health import HealthEvent
from aed.monitor.bus import Bus
from aed.monitor.hearing.clock import LiveClock, RecordingClock, StreamClock
from aed.monitor.hearing.hearing import Hearing
from aed.monitor.memory.clip_files import CLIPS_FOLDER
from aed.monitor.messages import EventMessage, EventStage, HeardEvent, LevelMessage, Outcome
from tests.fake_scorer import LAYOUT, scene, small_scorer
from tests.monitor.made_monitor import STARTED_AT, USUAL, listened, monitor, remembered

STORY = ((0, 2.0), (1, 1.5), (0, 3.0), (3, 1.4), (1, 2.0), (0, 3.0), (4, 1.0), (0, 2.0), (2, 4.0), (0, 3.0))


def plain(heard: HeardEvent) -> tuple[Any, ...]:
    """All but the id, which is drawn."""
    return (heard.event, heard.onset, heard.offset, round(heard.level_dbfs, 3), heard.outcome, heard.rule, heard.reason)


class Heard:
    """A `Hearing` of its own store, and all that it published."""

    def __init__(self, folder: Path, clock: StreamClock | None = None, **config: Any) -> None:
        self.monitor = monitor(folder, **config)
        self.health: list[HealthEvent] = []
        self.messages: list[Any] = []
        self.monitor.bus.publish = self.messages.append  # type: ignore[method-assign]
        self.monitor.bus.is_wanted = lambda kind: True  # type: ignore[method-assign]
        self.hearing = Hearing(
            self.monitor.parts,
            "room",
            LAYOUT.rate_hz,
            is_live=False,
            clock=clock or RecordingClock(STARTED_AT),
            on_health=self.health.append,
        )

    def entries(self) -> list[HeardEvent]:
        return remembered(self.monitor.store)

    def stages(self) -> list[tuple[str, str]]:
        return [(str(each.stage), each.heard.event.name) for each in self.messages if isinstance(each, EventMessage)]


class HeardInMemory:
    """A `Hearing` whose entries are kept in a dictionary: many examples would wait for the disk."""

    folder: Path | None = None

    def __init__(self, folders: pytest.TempPathFactory, **config: Any) -> None:
        HeardInMemory.folder = HeardInMemory.folder or folders.mktemp("store")
        self._entries: dict[str, HeardEvent] = {}
        made = monitor(HeardInMemory.folder, **config)
        parts = replace(made.parts, keeper=SimpleNamespace(save=self._save, bus=Bus()))  # type: ignore[arg-type]
        clock = RecordingClock(STARTED_AT)
        self.hearing = Hearing(parts, "room", LAYOUT.rate_hz, is_live=False, clock=clock, on_health=lambda event: None)

    def _save(self, heard: HeardEvent, *how: Any) -> None:
        self._entries[heard.id] = heard

    def entries(self) -> list[HeardEvent]:
        return list(self._entries.values())


def test_what_is_remembered_is_what_detect_finds(tmp_path: Path) -> None:
    heard = listened(tmp_path, scene(*STORY))
    found = detect_file(small_scorer(), tmp_path / "scene.wav", USUAL)
    assert [each.event for each in heard] == sorted(found, key=lambda event: event.onset_seconds)
    assert all(each.outcome is Outcome.REPORTED for each in heard)
    assert [each.onset for each in heard] == [STARTED_AT + timedelta(seconds=e.event.onset_seconds) for e in heard]
    assert all(each.offset is not None for each in heard)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=20), st.integers(0, 10_000))
def test_any_pieces_bring_the_same_entries(tmp_path_factory: Any, lengths: list[int], seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 5, 12)
    samples = scene(*[(int(code), 0.4 + 0.3 * (place % 5)) for place, code in enumerate(codes)], (0, 3.0))
    rules = [
        {"name": "animals", "sounds": ["Animal"], "cool_down_seconds": 3, "hold_seconds": 0.8},
        {"name": "cats", "sounds": ["Cat"], "confirm": {"times": 2, "within_seconds": 8}},
    ]
    config = {"rules": rules, "loud_sound": {"level": -26, "cool_down_seconds": 4}, "clips": {"keep": "none"}}
    whole, pieces = (HeardInMemory(tmp_path_factory, **config) for _ in range(2))
    for start in range(0, len(samples), 100):
        whole.hearing.push(samples[start : start + 100])
    start = 0
    while start < len(samples):
        length = lengths[start % len(lengths)]
        pieces.hearing.push(samples[start : start + length])
        start += length
    for each in (whole, pieces):
        each.hearing.finish()
    assert sorted(map(plain, whole.entries()), key=str) == sorted(map(plain, pieces.entries()), key=str)


def test_a_sound_that_becomes_more_exact_is_one_entry_and_one_report(tmp_path: Path) -> None:
    story = scene((0, 2.0), (3, 0.9), (1, 2.0), (0, 4.0))
    made = Heard(tmp_path)
    made.hearing.push(story)
    made.hearing.finish()
    (entry,) = made.entries()
    assert entry.event.name == "Dog"
    assert made.stages() == [("begun", "Animal"), ("changed", "Dog"), ("over", "Dog")]
    assert [each.stage for each in made.monitor.store.errands("recorder")] == [EventStage.BEGUN, EventStage.OVER]


def test_a_supercategory_that_went_on_for_long_is_a_sound_of_its_own(tmp_path: Path) -> None:
    made = Heard(tmp_path, usual=USUAL.with_changes(release_ratio=1.0))
    made.hearing.push(scene((0, 2.0), (3, 3.0), (1, 2.0), (3, 3.0), (0, 4.0)))
    made.hearing.finish()
    assert [each.event.name for each in made.entries()] == ["Animal", "Dog", "Animal"]
    assert len(made.monitor.store.unfinished()) == 0
    assert len(made.monitor.store.errands("recorder")) == 6


def test_a_deeper_rule_tells_what_was_held_back_before(tmp_path: Path) -> None:
    made = Heard(tmp_path, rules=[{"name": "dogs", "sounds": ["Dog"]}])
    made.hearing.push(scene((0, 2.0), (3, 0.9), (1, 2.0), (0, 4.0), (3, 2.0), (0, 3.0)))
    made.hearing.finish()
    dog, animal = made.entries()
    assert (dog.outcome, animal.outcome) == (Outcome.REPORTED, Outcome.HELD_BACK)
    assert animal.reason == "no rule is about Animal"
    assert made.stages()[:3] == [("begun", "Animal"), ("begun", "Dog"), ("over", "Dog")]


def test_a_held_sound_is_told_while_it_lasts(tmp_path: Path) -> None:
    made = Heard(tmp_path, rules=[{"name": "it", "sounds": ["Dog"], "hold_seconds": 3}])
    samples = scene((0, 2.0), (1, 10.0), (0, 3.0), (1, 2.0), (0, 3.0))
    told_at = None
    for start in range(0, len(samples), 100):
        made.hearing.push(samples[start : start + 100])
        if told_at is None and made.monitor.store.errands("recorder"):
            told_at = made.hearing.seconds_seen
    made.hearing.finish()
    assert told_at is not None
    assert 5.0 <= told_at < 7.0  # it began at 2, and the scorer knows a row within 0.7 s
    long, short = made.entries()
    assert long.outcome is Outcome.REPORTED
    assert short.reason == "rule 'it': lasted 2.0 s, it must hold 3 s"


def test_a_long_gap_ends_what_was_heard_and_times_go_on(tmp_path: Path) -> None:
    made = Heard(tmp_path)
    made.hearing.push(scene((0, 1.0), (1, 2.0)))
    made.hearing.gap(100.0)
    made.hearing.push(scene((1, 2.0), (0, 2.0)))
    made.hearing.finish()
    assert [round(each.event.onset_seconds) for each in made.entries()] == [1, 103]
    assert [round((each.onset - STARTED_AT).total_seconds()) for each in made.entries()] == [1, 103]


def test_loud_sounds_are_told_whatever_they_are_and_not_twice(tmp_path: Path) -> None:
    loud = {"level": -30, "cool_down_seconds": 5}
    samples = scene((0, 2.0), (1, 1.5), (0, 2.0), (2, 0.5), (0, 9.0), (4, 2.0), (0, 4.0))
    made = Heard(tmp_path, rules=[{"name": "glass", "sounds": ["Glass"]}], loud_sound={**loud, "level": -32})
    made.hearing.push(samples)
    made.hearing.finish()
    entries = {(each.event.name, round(each.event.onset_seconds, 1)): each for each in made.entries()}
    assert entries["Loud sound", 5.5].outcome is Outcome.REPORTED  # too short to be a cat, loud enough
    assert entries["Loud sound", 5.5].reason.startswith("rule 'loud sound': Loud sound 1.00, -31 dBFS, lasted 0.")
    assert entries["Glass", 15.0].outcome is Outcome.REPORTED
    assert "it was told already as Glass" in entries["Loud sound", 15.0].reason
    assert ("Dog", 2.0) in entries  # -37 dBFS
    assert sum(name == "Loud sound" for name, _ in entries) == 2


def test_the_wall_clock_may_jump(tmp_path: Path) -> None:
    """A jump by an hour moves what begins after it; lengths, holds and cool-downs do not notice."""
    seconds, hour = [0.0], timedelta(hours=1)
    jumped = [timedelta(0)]
    clock = LiveClock(lambda: STARTED_AT + timedelta(seconds=seconds[0]) + jumped[0], lambda: 500.0 + seconds[0])
    rules = [{"name": "it", "sounds": ["Dog"], "cool_down_seconds": 4}]
    made = Heard(tmp_path, clock, rules=rules)
    samples = scene((0, 2.0), (1, 4.0), (0, 2.0), (1, 1.0), (0, 6.0), (1, 2.0), (0, 4.0))
    for start in range(0, len(samples), 100):
        seconds[0] += 0.1
        if round(seconds[0], 1) == 4.0:
            jumped[0] = -hour
        made.hearing.push(samples[start : start + 100])
    made.hearing.finish()
    first, second, third = sorted(made.entries(), key=lambda each: each.event.onset_seconds)
    since = [(each.onset - STARTED_AT) / timedelta(seconds=1) for each in (first, second, third)]
    np.testing.assert_allclose(since, [2.0, 8.0 - 3600, 15.0 - 3600], atol=0.25)
    for each in (first, second, third):
        assert each.offset is not None
        length = each.event.offset_seconds - each.event.onset_seconds
        assert (each.offset - each.onset) / timedelta(seconds=1) == pytest.approx(length, abs=0.002)
    assert [each.outcome for each in (first, second, third)] == [Outcome.REPORTED] * 3
    assert len({first.id, second.id, third.id}) == 3


def test_an_event_that_is_known_late_has_the_time_at_which_it_was(tmp_path: Path) -> None:
    seconds = [0.0]
    clock = LiveClock(lambda: STARTED_AT + timedelta(seconds=seconds[0]), lambda: seconds[0])
    clock.mark(10.0)
    seconds[0] = 2.5
    assert clock.utc(10.0) == STARTED_AT
    assert clock.utc(7.0) == STARTED_AT - timedelta(seconds=3)


def test_levels_are_shown_some_times_a_second_with_spectrum_and_probabilities(tmp_path: Path) -> None:
    made = Heard(tmp_path)
    t = np.arange(2000) / LAYOUT.rate_hz
    made.hearing.push((0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32))
    level = next(each for each in made.messages if isinstance(each, LevelMessage))
    assert level.level_dbfs == pytest.approx(-6.0, abs=0.1)
    assert level.spectrum_db.max() == pytest.approx(-6.0, abs=2.5)
    assert level.spectrum_db.shape == (32,)
    made.hearing._show_due = 0.0
    made.hearing.push(scene((1, 0.2)))
    level = [each for each in made.messages if isinstance(each, LevelMessage)][-1]
    assert level.probabilities is not None
    assert level.probabilities.shape == (6,)


def test_a_spectrum_shows_all_that_was_heard_since_the_last_one(tmp_path: Path) -> None:
    made = Heard(tmp_path)
    made.hearing.push(scene((0, 0.5)))
    made.hearing._show_due = 0.0
    t = np.arange(LAYOUT.rate_hz // 10) / LAYOUT.rate_hz
    beep = (0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    made.hearing.push(np.concatenate([beep, np.zeros(len(beep), np.float32)]))
    level = [each for each in made.messages if isinstance(each, LevelMessage)][-1]
    assert level.spectrum_db.max() == pytest.approx(-6.0, abs=2.5)


def test_levels_that_nobody_wants_are_noted_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Heard(tmp_path)
    bus, asked = made.monitor.bus, []
    monkeypatch.setattr(bus, "is_wanted", lambda kind: asked.append(kind))
    made.hearing.push(scene((0, 0.2)))
    assert asked == [LevelMessage]
    assert not any(isinstance(each, LevelMessage) for each in made.messages)
    assert -120 <= bus.levels_dbfs["room"] < 0


def test_a_clip_begins_before_its_sound_and_holds_what_was_heard(tmp_path: Path) -> None:
    import soundfile

    samples = scene((0, 5.0), (1, 2.0), (0, 3.0), (4, 20.0), (0, 3.0))
    clips = {"pre_roll_seconds": 2, "post_roll_seconds": 1, "longest_seconds": 10}
    dog, glass = listened(tmp_path, samples, clips=clips)
    for each, start, end in ((dog, 3.0, 8.0), (glass, 8.0, 18.0)):
        assert each.clip is not None
        clip, rate_hz = soundfile.read(tmp_path / "memory" / CLIPS_FOLDER / each.clip, dtype="float32")
        first = round((each.event.onset_seconds - 2) * rate_hz)
        assert first == pytest.approx(start * rate_hz, abs=100)
        assert len(clip) == pytest.approx((end - start) * rate_hz, abs=101)
        np.testing.assert_allclose(clip, samples[first : first + len(clip)], atol=2e-4)
    assert dog.clip_note == ""
    assert glass.clip_note == "its first 10 s, the sound went on"


def test_clips_of_what_is_held_back_are_kept_where_asked_for(tmp_path: Path) -> None:
    story, listen = scene((0, 2.0), (1, 2.0), (0, 3.0), (4, 2.0), (0, 3.0)), {"listen": ["Dog"]}
    for keep, expected in (("reported", [True, False]), ("all", [True, True]), ("none", [False, False])):
        folder = tmp_path / keep
        folder.mkdir()
        heard = listened(folder, story, clips={"keep": keep}, **listen)
        assert [each.clip is not None for each in heard] == expected
        assert len(list((folder / "memory" / CLIPS_FOLDER).iterdir())) == sum(expected)
