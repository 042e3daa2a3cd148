from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.metrics.average_precision import average_precision
from aed.metrics.event_truth import EventScene
from aed.metrics.events import average_precisions_over_time, find_events, row_states
from aed.metrics.spans import union
from tests.metrics.event_scenes import grid, random_scene

ROWS = np.zeros((0, 1), dtype=np.float32)


def test_found_events_and_their_delays() -> None:
    truth, detections = union([(1, 3), (5, 6), (8, 9), (20, 22)]), union([(2.5, 4), (4.5, 8.2), (9, 10)])
    found = find_events([EventScene("a", 30, (truth,), (union([]),), (detections,), ROWS, 0.1)], 0)
    assert (found.events, found.found, found.share) == (4, 3, 0.75)
    assert found.delays_seconds == (1.5, 0.0, 0.0)
    assert (found.median_delay_seconds, found.late_delay_seconds) == (0.0, pytest.approx(1.2))


def test_without_events_nothing_is_said() -> None:
    found = find_events([], 0)
    assert found.events == 0
    assert np.isnan([found.share, found.median_delay_seconds, found.late_delay_seconds]).all()


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_precision_over_time_is_that_of_all_known_rows(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scenes = [random_scene(generator, 2, str(number)) for number in range(2)]
    (found,) = average_precisions_over_time(scenes, [1])
    rows = [
        (scene.probabilities[row, 1], on)
        for scene in scenes
        for row, (on, open_) in enumerate(zip(middles(scene, "truth"), middles(scene, "unknown"), strict=True))
        if not open_
    ]
    present = np.array([on for _, on in rows])
    assert (found.present, found.known) == (present.sum(), len(rows))
    if 0 < present.sum() < len(rows):
        assert found.average_precision == pytest.approx(average_precision(np.array([p for p, _ in rows]), present))


def middles(scene: EventScene, kind: str) -> np.ndarray:
    """Of each row of two steps, whether the second step is inside: it begins in the row's middle."""
    return grid(getattr(scene, kind)[1], scene.duration_seconds)[1::2]


def test_rows_are_present_absent_or_unknown() -> None:
    scene = EventScene("a", 1, (union([(0.2, 0.5)]),), (union([(0.5, 0.8)]),), (union([]),), np.zeros((5, 1)), 0.2)
    assert row_states(scene, np.array([0]))[:, 0].tolist() == [0, 1, -1, -1, 0]
