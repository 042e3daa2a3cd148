"""Clips: voices stay private, a full disk takes clips and nothing else, old ones go first."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from aed.errors import StorageError
from aed.monitor.bus import Bus
from aed.monitor.memory import clip_files, clips, retention
from aed.monitor.memory.clip_files import CLIPS_FOLDER, clip_name, write_clip
from aed.monitor.memory.keeper import Keeper
from aed.monitor.memory.privacy import VoicePolicy, low_passed
from aed.monitor.memory.retention import Retention, RetentionConfig
from aed.monitor.memory.store import Mark, Store, Verdict
from aed.monitor.messages import EventMessage, EventStage, HealthMessage, HeardEvent, Message, Outcome
from aed.ontology.structure import Node, Taxonomy
from tests.fake_scorer import FakeScorer, scene, small_scorer, small_taxonomy, sum_over_leaves
from tests.full_disk import disk_with_room_for
from tests.monitor.made_monitor import STARTED_AT, listened, monitor, remembered, run, write_scene

DOG_AND_GLASS = scene((0, 2.0), (1, 2.0), (0, 6.0), (4, 2.0), (0, 3.0))
SPEECH_NODE = Node("/m/09x0r", "Speech", 0, 1, "concept")


def scorer_that_knows_voices() -> FakeScorer:
    """Codes: 0 silence, 1 speech, 4 glass."""
    none = Node("aed:none", "None of these", 0, 1, "none")
    taxonomy = Taxonomy(
        (Node("s", "Sound", -1, 0, "root"), SPEECH_NODE, Node("g", "Glass", 0, 1, "concept"), none), "single"
    )
    leaves = np.array([[0.05, 0.05, 0.9], [0.9, 0.05, 0.05], [0.4, 0.1, 0.5], [0.05, 0.05, 0.9], [0.05, 0.9, 0.05]])
    return FakeScorer(taxonomy, sum_over_leaves(taxonomy, leaves))


def heard_with(folder: Path, samples: np.ndarray, scorer: FakeScorer, **config: Any) -> list[HeardEvent]:
    recording = write_scene(folder / "scene.wav", samples)
    made = monitor(folder / "memory", scorer, sources={"room": f"file:{recording}"}, **config)
    run(made)
    return remembered(made.store)


@pytest.mark.parametrize(("code", "kept"), [(0, True), (1, False), (2, False)])
def test_a_clip_with_a_voice_near_the_sound_is_not_kept(tmp_path: Path, code: int, kept: bool) -> None:
    """In the pre-roll somebody speaks, surely or perhaps: the sound is remembered, the clip is not."""
    samples = scene((0, 3.0), (code, 1.0), (0, 1.0), (4, 2.0), (0, 4.0))
    heard = heard_with(tmp_path, samples, scorer_that_knows_voices(), voices="drop")
    glass = next(each for each in heard if each.event.name == "Glass")
    assert (glass.clip is not None) == kept
    assert kept or glass.clip_note.startswith("no clip: somebody is likely to speak (Speech 0.")
    assert len(list((tmp_path / "memory" / CLIPS_FOLDER).iterdir())) == kept


def test_a_voice_after_the_clip_does_not_matter(tmp_path: Path) -> None:
    samples = scene((0, 3.0), (4, 2.0), (0, 3.0), (1, 2.0), (0, 4.0))
    glass, speech = heard_with(tmp_path, samples, scorer_that_knows_voices(), voices="drop")
    assert glass.clip is not None
    assert (speech.outcome, speech.clip) == (Outcome.REPORTED, None)


def test_a_model_without_voices_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    recording = write_scene(tmp_path / "scene.wav", DOG_AND_GLASS)
    made = monitor(tmp_path / "memory", sources={"room": f"file:{recording}"}, voices="drop")
    assert "no clip is kept (voices: keep keeps all)" in made.warnings[0]
    run(made)
    for heard in remembered(made.store):
        assert (heard.clip, heard.clip_note) == (None, "no clip: nobody can say whether somebody speaks")
    assert monitor(tmp_path / "other", voices="keep").warnings == []


def test_a_band_limited_clip_has_nothing_that_words_are_known_by() -> None:
    rate_hz, t = 16_000, np.arange(32_000) / 16_000
    low, high = (np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (200.0, 900.0))
    kept = low_passed(0.3 * low + 0.3 * high, rate_hz)
    np.testing.assert_allclose(kept, 0.3 * low, atol=0.01)
    policy = VoicePolicy("band_limit", 0.3, Taxonomy((Node("s", "Sound", -1, 0, "root"), SPEECH_NODE), "multi"))
    samples, note = policy.keep(0.3 * high, rate_hz, 0.5)
    assert samples is not None
    assert np.abs(samples).max() < 0.01
    assert note == "only what is below 400 Hz was kept: somebody is likely to speak (Speech 0.50)"
    assert policy.keep(high, rate_hz, 0.2) == (high, "")
    assert VoicePolicy("drop", 0.3, small_taxonomy()).keep(high, rate_hz, None)[0] is None


def test_on_a_full_disk_events_are_remembered_without_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=clip_files.LEAST_FREE_BYTES - 1)
    monkeypatch.setattr(clip_files.shutil, "disk_usage", lambda folder: usage)
    dog, glass = listened(tmp_path, DOG_AND_GLASS)
    for heard in (dog, glass):
        assert (heard.clip, heard.outcome) == (None, Outcome.REPORTED)
        assert heard.clip_note.startswith("no clip: only 100 MB are free on the disk, which are left for the events")
    assert list((tmp_path / "memory" / CLIPS_FOLDER).iterdir()) == []


def test_a_clip_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    with disk_with_room_for(2000), pytest.raises(StorageError):
        write_clip(tmp_path, "x", noise, 16_000)
    assert list(tmp_path.iterdir()) == []
    assert write_clip(tmp_path, "x", noise, 16_000) == "x.flac"
    assert soundfile.info(tmp_path / "x.flac").frames == 16_000


class BrokenStore:
    """A store on a disk that is full for a while."""

    def __init__(self, store: Store) -> None:
        self._store, self.is_full = store, True

    def save(self, *what: Any) -> None:
        self._check()
        self._store.save(*what)

    def note_health(self, message: HealthMessage) -> None:
        self._check()
        self._store.note_health(message)

    def _check(self) -> None:
        if self.is_full:
            raise StorageError(f"cannot write: {os.strerror(errno.ENOSPC)}")


def test_what_cannot_be_written_waits_and_is_told_once_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aed.monitor.memory.keeper.RETRY_SECONDS", 0.0)
    (heard,) = listened(tmp_path, scene((0, 2.0), (1, 2.0), (0, 3.0)))
    store, bus = Store(tmp_path / "full"), Bus()
    broken = BrokenStore(store)
    keeper, seen = Keeper(broken, bus), list[Message]()  # type: ignore[arg-type]
    monkeypatch.setattr(bus, "publish", seen.append)
    keeper.save(heard, EventStage.BEGUN, EventStage.BEGUN, ["a"])
    keeper.save(heard, EventStage.OVER, EventStage.OVER, ["a"])
    assert (remembered(store), keeper.num_waiting) == ([], 2)
    (complaint,) = seen
    assert isinstance(complaint, HealthMessage)
    assert (complaint.complaint, complaint.is_over) == ("disk", False)
    broken.is_full = False
    keeper.retry()
    assert [str(each.stage) for each in store.errands("a")] == ["begun", "over"]
    assert [type(each) for each in seen[1:]] == [EventMessage, EventMessage, HealthMessage]
    assert store.health()[0].is_over


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[tuple[Store, Path, list[HeardEvent]]]:
    """Ten events, a day apart, each with a clip of some kilobytes."""
    (first,) = listened(tmp_path, scene((0, 2.0), (1, 2.0), (0, 3.0)), clips={"keep": "none"})
    store, folder = Store(tmp_path / "ten"), tmp_path / "ten" / CLIPS_FOLDER
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
    entries = []
    for day in range(10):
        event_id = f"2026030{day}-x"
        clip = write_clip(folder, event_id, noise, 8000)
        entries.append(replace(first, id=event_id, onset=STARTED_AT + timedelta(days=day), clip=clip))
        store.save(entries[-1])
    yield store, folder, entries
    store.close()


def retained(memory: tuple[Store, Path, list[HeardEvent]], free: int = 0, **config: float) -> list[bool]:
    """Which days' clips are left after ten days."""
    store, folder, entries = memory
    settings = RetentionConfig.model_validate({"days": 1e4, "event_days": 1e5, **config})
    Retention(settings, store, folder, Bus(), free).apply(STARTED_AT + timedelta(days=9, hours=1))
    left = {path.name for path in folder.iterdir()}
    named = store.clips()
    assert set(named.values()) == left
    return [clip_name(entry.id) in left for entry in entries]


def test_old_clips_go_and_marked_ones_stay(memory: tuple[Store, Path, list[HeardEvent]]) -> None:
    memory[0].mark(Mark(memory[2][1].id, Verdict.WRONG, None, STARTED_AT))
    assert retained(memory, days=4.0) == [False, True, False, False, False, False, True, True, True, True]
    gone = memory[0].event(memory[2][0].id)
    assert gone is not None
    assert (gone.clip, gone.clip_note) == (None, "its clip was removed after 4 days")


def test_clips_give_way_for_room_the_marked_ones_last(memory: tuple[Store, Path, list[HeardEvent]]) -> None:
    size = memory[1].joinpath(clip_name(memory[2][0].id)).stat().st_size
    memory[0].mark(Mark(memory[2][0].id, Verdict.RIGHT, None, STARTED_AT))
    assert retained(memory, megabytes=3.5 * size / 1e6) == [True, *[False] * 7, True, True]
    assert retained(memory, megabytes=1.5 * size / 1e6) == [True, *[False] * 9]


def test_clips_give_way_on_a_full_disk(
    memory: tuple[Store, Path, list[HeardEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = memory[1]
    monkeypatch.setattr(
        retention.shutil, "disk_usage", lambda path: SimpleNamespace(free=10 - len(list(folder.iterdir())))
    )
    assert retained(memory, free=6) == [False] * 6 + [True] * 4


def test_events_are_forgotten_after_a_longer_time(memory: tuple[Store, Path, list[HeardEvent]]) -> None:
    memory[0].mark(Mark(memory[2][0].id, Verdict.RIGHT, None, STARTED_AT))
    retained(memory, days=3.0, event_days=5.0)
    assert [each.id[:8] for each in remembered(memory[0])] == [f"2026030{day}" for day in (0, 5, 6, 7, 8, 9)]


def test_a_slow_disk_costs_clips_and_not_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (heard,) = listened(tmp_path, scene((0, 2.0), (1, 2.0), (0, 3.0)))
    written: list[HeardEvent] = []
    writer = clips.ClipWriter(tmp_path, VoicePolicy("keep", 0.3, small_scorer().taxonomy), written.append)
    clip = clips.Clip(np.zeros(10, np.float32), 1000, None, 5.0)
    for _ in range(clips.MOST_WAITING + 1):
        writer.put(heard, clip, may_wait=False)
    assert [each.clip_note for each in written] == ["no clip: the disk is too slow, 20 clips are waiting for it"]
