from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio.read import read_audio
from aed.data.isolated_events import ActivityConfig, Stretch, active_stretches, whole_sound
from aed.data.registry import load_dataset

RATE_HZ = 1_000
CONFIG = ActivityConfig()


def clip(*parts: tuple[float, float]) -> np.ndarray:
    """Square waves of (level, seconds), one after the other."""
    pieces = [level * (-1.0) ** np.arange(int(seconds * RATE_HZ)) for level, seconds in parts]
    return np.concatenate(pieces).astype(np.float32)


def seconds(stretches: tuple[Stretch, ...]) -> list[tuple[float, float]]:
    return [(each.start_samples / RATE_HZ, each.stop_samples / RATE_HZ) for each in stretches]


def test_several_sounds_of_a_padded_clip() -> None:
    samples = clip((0, 0.2), (0.5, 0.3), (0, 0.3), (0.4, 0.1), (0, 1.0), (0.1, 0.5), (0, 2.0))
    assert seconds(active_stretches(samples, RATE_HZ, CONFIG)) == [(0.2, 0.9), (1.9, 2.4)]


def test_what_is_far_under_the_peak_is_no_event_and_neither_is_a_click() -> None:
    samples = clip((0.5, 0.3), (0, 1.0), (0.01, 1.0), (0, 1.0), (0.5, 0.02), (0, 1.0))
    assert seconds(active_stretches(samples, RATE_HZ, CONFIG)) == [(0.0, 0.3)]
    deeper = CONFIG.model_copy(update={"floor_db": 40.0, "least_seconds": 0.0})
    assert len(active_stretches(samples, RATE_HZ, deeper)) == 3


def test_a_long_sound_is_cut_and_silence_holds_none() -> None:
    assert seconds(active_stretches(clip((0.1, 15.0)), RATE_HZ, CONFIG)) == [(0.0, 10.0)]
    assert active_stretches(clip((0, 1.0)), RATE_HZ, CONFIG) == ()
    assert active_stretches(np.zeros(0, dtype=np.float32), RATE_HZ, CONFIG) == ()


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_stretches_are_apart_and_inside(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = [(float(generator.choice([0.0, 0.01, 0.5])), float(generator.uniform(0.01, 1))) for _ in range(8)]
    samples = clip(*parts)
    found = active_stretches(samples, RATE_HZ, CONFIG)
    edges = [edge for each in found for edge in (each.start_samples, each.stop_samples)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(samples) for edge in edges)
    gaps = [after.start_samples - before.stop_samples for before, after in pairwise(found)]
    assert all(gap >= CONFIG.gap_seconds * RATE_HZ for gap in gaps)


def test_digital_silence_around_a_background_is_left_out() -> None:
    assert whole_sound(clip((0, 0.5), (0.1, 1.0), (0, 0.2), (0.1, 0.1), (0, 1.0))) == Stretch(500, 1800)
    assert whole_sound(clip((0, 1.0))) is None


@pytest.mark.audio
def test_glass_in_esc50_is_far_shorter_than_its_clip(data_root: Path) -> None:
    clips = [each for each in load_dataset("esc50", data_root).clips if each.labels == ("glass_breaking",)][:10]
    for each in clips:
        samples = read_audio(each.path, 16_000)
        found = active_stretches(samples, 16_000, CONFIG)
        assert 1 <= len(found) <= 6
        assert np.abs(samples).argmax() in {at for s in found for at in range(s.start_samples, s.stop_samples)}
    total = sum(s.samples for each in clips for s in active_stretches(read_audio(each.path, 16_000), 16_000, CONFIG))
    assert total < 0.6 * len(clips) * 5 * 16_000
