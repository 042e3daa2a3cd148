from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.detector import Detector, DetectorConfig, detect_file
from aed.detect.event import Event
from aed.errors import AudioError, ConfigError, OntologyError
from tests.fake_scorer import LAYOUT, STEP, FakeScorer, scene, small_scorer, sum_over_leaves
from tests.random_taxonomy import random_taxonomy

PLAIN = DetectorConfig(smoothing="none", merge_gap_seconds=0.1, absorb_seconds=1.0)


def detect(scorer: FakeScorer, samples: np.ndarray, config: DetectorConfig, cuts: list[int]) -> list[Event]:
    detector = Detector(scorer, config)
    chunks = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    return [event for chunk in chunks for event in detector.push(chunk)] + detector.flush()


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_samples=st.integers(0, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=10),
    task=st.sampled_from(["single", "multi"]),
    smoothing=st.sampled_from(["none", "mean", "median"]),
    causal=st.booleans(),
)
def test_any_chunking_gives_exactly_the_events_of_the_whole(
    seed: int, num_samples: int, cuts: list[int], task: str, smoothing: str, causal: bool
) -> None:
    generator = np.random.default_rng(seed)
    taxonomy = random_taxonomy(generator, task)
    leaves = generator.dirichlet(np.full(len(taxonomy.leaves), 0.1), size=6)
    scorer = FakeScorer(taxonomy, sum_over_leaves(taxonomy, leaves) + 1e-6)
    samples = np.repeat(generator.integers(0, 6, 60), 100)[:num_samples].astype(np.float32) * np.float32(STEP)
    config = DetectorConfig(
        smoothing=smoothing, smoothing_seconds=0.3, causal=causal, merge_gap_seconds=0.1, absorb_seconds=0.5
    )
    assert detect(scorer, samples, config, cuts) == detect(scorer, samples, config, [])


def test_finds_what_was_put_in_with_its_supercategory_where_unsure() -> None:
    samples = scene((0, 2.0), (1, 1.5), (0, 2.0), (3, 1.0), (0, 2.0), (4, 1.0), (0, 1.05))
    events = detect(small_scorer(), samples, PLAIN, [])
    assert [(e.name, e.path) for e in events] == [
        ("Dog", ("Animal", "Dog")),
        ("Animal", ("Animal",)),
        ("Glass", ("Glass",)),
    ]
    found = [(e.onset_seconds, e.offset_seconds) for e in events]
    np.testing.assert_allclose(found, [(2.0, 3.5), (5.5, 6.5), (8.5, 9.5)], atol=0.101)
    assert all(0.9 < e.score < 0.96 for e in events)


def test_silence_and_an_empty_stream_hold_nothing() -> None:
    assert detect(small_scorer(), scene((0, 10.0)), PLAIN, []) == []
    assert Detector(small_scorer(), PLAIN).flush() == []


@pytest.mark.parametrize("num_samples", [1, 99, 160, 399, 460])
def test_a_sound_up_to_the_end_ends_with_the_file(num_samples: int) -> None:
    config = DetectorConfig(smoothing="none", min_event_seconds=0.0, min_probability=0.3)
    events = detect(small_scorer(), scene((1, num_samples / 1000)), config, [])
    if num_samples > 50:
        assert events[-1].offset_seconds == num_samples / 1000


def test_hysteresis_holds_an_event_through_a_weak_moment() -> None:
    taxonomy = small_scorer().taxonomy
    #                   glass none  dog   cat
    leaves = np.array([[0.0, 1.0, 0.0, 0.0], [0.1, 0.1, 0.8, 0.0], [0.2, 0.2, 0.4, 0.2]]) + 1e-6
    scorer = FakeScorer(taxonomy, sum_over_leaves(taxonomy, leaves))
    samples = scene((0, 1.0), (1, 1.0), (2, 1.0), (1, 1.0), (0, 1.0))
    with_hysteresis = detect(scorer, samples, PLAIN.with_changes(release_ratio=0.7), [])
    without = detect(scorer, samples, PLAIN.with_changes(release_ratio=1.0), [])
    assert [e.name for e in with_hysteresis] == ["Dog"]
    assert [e.name for e in without] == ["Dog", "Dog"]


def test_a_node_may_have_a_probability_of_its_own() -> None:
    samples = scene((0, 1.0), (1, 2.0), (0, 1.0), (4, 2.0), (0, 1.0))
    strict = PLAIN.with_changes(node_probabilities={"Dog": 0.99, "g": 0.95})
    assert [event.name for event in detect(small_scorer(), samples, strict, [])] == ["Animal"]
    lenient = DetectorConfig(smoothing="none", min_probability=0.99, node_probabilities={"Glass": 0.9})
    assert [event.name for event in detect(small_scorer(), samples, lenient, [])] == ["Glass"]
    with pytest.raises(OntologyError, match="no node called 'Cow'"):
        Detector(small_scorer(), DetectorConfig(node_probabilities={"Cow": 0.5}))
    with pytest.raises(ConfigError, match="<= 1"):
        DetectorConfig(node_probabilities={"Dog": 1.5})


def test_the_delay_is_the_stated_one() -> None:
    seen: list[int] = []
    config = DetectorConfig(smoothing="median", smoothing_seconds=0.3)
    detector = Detector(small_scorer(), config, on_rows=lambda rows: seen.append(len(rows)))
    worst = 0.0
    for number in range(5000):
        before = sum(seen)
        detector.push(np.zeros(1))
        if sum(seen) > before:  # the oldest row of this batch waited longest
            worst = max(worst, (number + 1) / 1000 - (before + 0.5) * LAYOUT.row_seconds)
    assert worst <= detector.delay_seconds + LAYOUT.advance_samples / LAYOUT.rate_hz
    assert worst > 0.5


def test_rows_and_samples_are_offered_for_drawing(tmp_path: Path) -> None:
    samples = scene((0, 1.0), (1, 1.23))
    soundfile.write(tmp_path / "a.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    rows, heard, done = [], [], []
    detect_file(
        small_scorer(), tmp_path / "a.wav", PLAIN, on_rows=rows.append, on_samples=heard.append, progress=done.append
    )
    assert np.concatenate(rows).shape == (LAYOUT.num_rows(len(samples)), 6)
    np.testing.assert_array_equal(np.concatenate(heard), samples)
    assert done[-1] == len(samples) / LAYOUT.rate_hz


def test_a_file_gives_the_events_of_its_samples_by_onset(tmp_path: Path) -> None:
    samples = scene((0, 1.0), (1, 12.0), (0, 2.0), (4, 1.0), (0, 1.0))
    soundfile.write(tmp_path / "a.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
    events = detect_file(small_scorer(), tmp_path / "a.wav", PLAIN)
    assert events == detect(small_scorer(), samples, PLAIN, [])
    assert [e.onset_seconds for e in events] == sorted(e.onset_seconds for e in events)


def test_bad_samples_and_bad_settings_are_named() -> None:
    with pytest.raises(AudioError, match="NaN"):
        Detector(small_scorer(), PLAIN).push(np.array([0.0, np.nan]))
    with pytest.raises(TypeError, match="treshold"):
        DetectorConfig(treshold=0.5)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="< 1"):
        DetectorConfig(min_probability=1.5)


@pytest.mark.parametrize(("window_seconds", "smoothing", "least"), [(0.96, 0.48, 0.64), (0.08, 0.04, 0.08)])
def test_what_a_row_looks_at_decides_what_is_too_short(window_seconds: float, smoothing: float, least: float) -> None:
    config = DetectorConfig().for_window(window_seconds)
    assert (config.smoothing_seconds, config.min_event_seconds) == pytest.approx((smoothing, least))
    stated = DetectorConfig(smoothing_seconds=0.1, min_event_seconds=0.0).for_window(window_seconds)
    assert (stated.smoothing_seconds, stated.min_event_seconds) == (0.1, 0.0)
    with pytest.raises(ConfigError, match="longest event must be above"):
        DetectorConfig(max_event_seconds=0.05).for_window(window_seconds)
