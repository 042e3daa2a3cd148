"""Sounds made by formula: shape, randomness, and that each is what its name says."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio import scene, synth
from aed.audio.scene import NONE_LABEL, RATE_HZ, SILENCE, SceneEvent, write_demo_corpus, write_demo_scene
from aed.audio.synth import LONGEST_SECONDS, SCENE_ONLY_OTHER_SOUNDS, SOUNDS, TARGET_SOUNDS, TRAINING_OTHER_SOUNDS
from aed.errors import ConfigError


def _make(name: str, seed: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    return SOUNDS[name](rate_hz, np.random.default_rng(seed))


def _centroid_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(np.sum(np.fft.rfftfreq(len(samples), 1 / RATE_HZ) * power) / np.sum(power))


def _loud_frames(samples: np.ndarray, frame_seconds: float = 0.05, under_peak_db: float = 20.0) -> np.ndarray:
    frame = round(frame_seconds * RATE_HZ)
    energy = np.array([np.mean(piece**2) for piece in np.array_split(samples, max(1, len(samples) // frame))])
    return energy > energy.max() * 10 ** (-under_peak_db / 10)


def _bursts(loud: np.ndarray) -> int:
    return int(np.sum(np.diff(np.concatenate([[False], loud]).astype(int)) == 1))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SOUNDS)), st.integers(0, 2**32), st.sampled_from([16000, 22050, 44100]))
def test_every_sound_is_finite_loud_and_fits_a_clip(name: str, seed: int, rate_hz: int) -> None:
    samples = _make(name, seed, rate_hz)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.isfinite(samples).all()
    assert np.max(np.abs(samples)) == pytest.approx(1.0)
    assert 0.5 <= len(samples) / rate_hz <= LONGEST_SECONDS + 1 / rate_hz


@pytest.mark.parametrize("name", SOUNDS)
def test_the_generator_decides_everything(name: str) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = _make(name, 7), _make(name, 7), _make(name, 8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first[:4000], other[:4000])
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("seed", range(5))
def test_smoke_alarm_is_temporal_three_near_3_khz(seed: int) -> None:
    samples = _make("smoke_alarm", seed)
    loudest_hz = np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples)
    assert 2700 <= loudest_hz <= 3500
    assert _bursts(_loud_frames(samples)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_each_target_has_the_character_of_its_name(seed: int) -> None:
    assert _loud_frames(_make("siren", seed), under_peak_db=25).mean() > 0.9
    assert _loud_frames(_make("clock_tick", seed), frame_seconds=0.01).mean() < 0.3
    assert _centroid_hz(_make("door_knock", seed)) < 1200
    assert _centroid_hz(_make("glass_breaking", seed)) > 2500
    assert _bursts(_loud_frames(_make("dog_bark", seed), under_peak_db=12)) >= 3
    assert 300 < _centroid_hz(_make("crying_baby", seed)) < 2500
    assert _centroid_hz(_make("bird_chirp", seed)) > 2300
    assert 500 < _centroid_hz(_make("doorbell", seed)) < 3000


def test_a_rate_that_would_lose_the_sound_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 16000 Hz, got 8000"):
        _make("bird_chirp", 1, 8000)


def test_the_families_share_no_sound() -> None:
    assert len(SOUNDS) == len(TARGET_SOUNDS) + len(TRAINING_OTHER_SOUNDS) + len(SCENE_ONLY_OTHER_SOUNDS)
    assert len(TARGET_SOUNDS) == 9
    assert synth.SOUNDS.keys().isdisjoint({NONE_LABEL, SILENCE})


def test_corpus_is_a_folder_of_folders(tmp_path: Path) -> None:
    paths = write_demo_corpus(tmp_path, 2, np.random.default_rng(0))
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted([*TARGET_SOUNDS, NONE_LABEL])
    assert (tmp_path / "siren" / "siren_001.wav") in paths
    assert len(paths) == 2 * len(TARGET_SOUNDS) + 2 * scene.NONE_CLIPS_FACTOR
    for path in paths:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.duration) == (RATE_HZ, 1, scene.CLIP_SECONDS)
        assert path.name.startswith(path.parent.name)
    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_more_clips_leave_the_earlier_ones_as_they_were(tmp_path: Path) -> None:
    few = write_demo_corpus(tmp_path / "few", 1, np.random.default_rng(3))
    write_demo_corpus(tmp_path / "more", 2, np.random.default_rng(3))
    for path in few:
        assert path.read_bytes() == (tmp_path / "more" / path.relative_to(tmp_path / "few")).read_bytes()


def test_corpus_never_holds_what_only_the_scene_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(rate_hz: int, generator: np.random.Generator) -> np.ndarray:
        raise AssertionError("a sound of the scene reached training")

    guarded = {name: refuse if name in SCENE_ONLY_OTHER_SOUNDS else sound for name, sound in SOUNDS.items()}
    monkeypatch.setattr(scene, "SOUNDS", guarded)
    write_demo_corpus(tmp_path, 6, np.random.default_rng(0))


@pytest.fixture(scope="module", params=range(3))
def demo_scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[SceneEvent]]:
    path = tmp_path_factory.mktemp("scene") / "deeper" / "scene.wav"
    return path, write_demo_scene(path, np.random.default_rng(request.param))


def test_scene_holds_every_target_and_every_unheard_sound(demo_scene: tuple[Path, list[SceneEvent]]) -> None:
    path, events = demo_scene
    assert {event.label for event in events if event.is_target} == set(TARGET_SOUNDS)
    others = {event.sound for event in events if not event.is_target}
    assert set(SCENE_ONLY_OTHER_SOUNDS) | {SILENCE} < others
    assert 60 <= soundfile.info(path).duration <= 90
    for before, after in pairwise(events):
        assert after.onset_seconds - before.offset_seconds >= 1.0
        assert after.sound != before.sound


def test_scene_truth_is_where_the_sound_is(demo_scene: tuple[Path, list[SceneEvent]]) -> None:
    path, events = demo_scene
    samples, rate_hz = soundfile.read(path)
    inside = np.zeros(len(samples), bool)
    for event in events:
        span = slice(round(event.onset_seconds * rate_hz), round(event.offset_seconds * rate_hz))
        inside[span] = True
        if event.sound == SILENCE:
            assert not samples[span].any()
        else:
            assert np.max(np.abs(samples[span])) > 10 ** (scene.SCENE_PEAK_DB[0] / 20) * 0.9
    assert np.sqrt(np.mean(samples[~inside] ** 2)) == pytest.approx(10 ** (scene.SCENE_BACKGROUND_DB / 20), rel=0.1)


def test_scene_truth_file_says_the_same(demo_scene: tuple[Path, list[SceneEvent]]) -> None:
    path, events = demo_scene
    with path.with_suffix(".tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(float(row["onset_seconds"]), row["label"], row["sound"]) for row in rows] == [
        (event.onset_seconds, event.label, event.sound) for event in events
    ]
