from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from aed.metrics.event_truth import EventScene
from aed.metrics.false_alarms import FalseAlarms, count_false_alarms, poisson_upper_bound
from aed.metrics.spans import Spans, union
from tests.metrics.event_scenes import grid, random_scene, runs

NOTHING = union([])
ROWS = np.zeros((0, 1), dtype=np.float32)


def scene(detections: list[tuple[float, float]], truth: Spans = NOTHING, unknown: Spans = NOTHING) -> EventScene:
    return EventScene("a", 60.0, (truth,), (unknown,), (union(detections),), ROWS, 0.1)


def slow_count(one: EventScene, node: int, tolerance_steps: int) -> tuple[int, float]:
    """Walk over tenths of a second: detected where nothing true or unknown is near."""
    known = grid(one.truth[node], one.duration_seconds) | grid(one.unknown[node], one.duration_seconds)
    silent = np.array(
        [not known[max(0, at - tolerance_steps) : at + tolerance_steps + 1].any() for at in range(len(known))]
    )
    return runs(silent & grid(one.detections[node], one.duration_seconds)), 0.1 * silent.sum()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), tolerance_steps=st.integers(0, 15))
def test_they_are_counted_as_a_walk_counts_them(seed: int, tolerance_steps: int) -> None:
    generator = np.random.default_rng(seed)
    scenes = [random_scene(generator, 2, str(number)) for number in range(3)]
    for node in range(2):
        found = count_false_alarms(scenes, node, tolerance_seconds=0.1 * tolerance_steps)
        slow = [slow_count(one, node, tolerance_steps) for one in scenes]
        assert found.count == sum(count for count, _ in slow)
        assert found.exposure_seconds == pytest.approx(sum(seconds for _, seconds in slow))


def test_the_edge_of_an_event_is_no_false_alarm_and_a_detection_that_goes_on_is() -> None:
    truth = union([(10, 12)])
    assert count_false_alarms([scene([(9.1, 12.9)], truth)], 0).count == 0
    assert count_false_alarms([scene([(9.1, 30)], truth)], 0).count == 1
    assert count_false_alarms([scene([(0, 60)], truth)], 0).count == 2


def test_what_is_unknown_is_neither_false_nor_exposure() -> None:
    found = count_false_alarms([scene([(20, 25)], unknown=union([(19, 29)]))], 0)
    assert (found.count, found.exposure_seconds) == (0, 60 - 12)


def test_rates_of_a_known_case() -> None:
    found = FalseAlarms(2, 1800.0)
    assert (found.per_hour, found.per_day) == (4.0, 96.0)
    assert found.most_per_hour() == pytest.approx(6.2958 / 0.5, rel=1e-4)  # Garwood's table: 2 events, 95 % one-sided
    assert found.most_per_day() == pytest.approx(24 * found.most_per_hour())
    assert FalseAlarms(0, 0.0).most_per_hour() == float("inf")


def test_none_in_t_hours_is_the_rule_of_three() -> None:
    assert poisson_upper_bound(0, 10.0) == pytest.approx(0.29957, rel=1e-4)


@given(count=st.integers(0, 50), confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_bound_is_the_rate_at_which_so_few_are_just_too_unlikely(count: int, confidence: float) -> None:
    bound = poisson_upper_bound(count, 2.0, confidence)
    assert poisson.cdf(count, 2.0 * bound) == pytest.approx(1 - confidence)


@given(count=st.integers(0, 20), passes=st.integers(1, 4))
def test_the_same_audio_again_lowers_no_bound(count: int, passes: int) -> None:
    once = FalseAlarms(count, 3600.0)
    again = FalseAlarms(passes * count, passes * 3600.0, 1 / passes)
    assert again.per_hour == pytest.approx(once.per_hour)
    assert again.most_per_hour() == pytest.approx(once.most_per_hour())
    assert replace(again, unique_share=1.0).most_per_hour() <= once.most_per_hour() + 1e-9
