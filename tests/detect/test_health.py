"""Complaints about a stream: when they are raised, when withdrawn, and that the chunking does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.health import Complaint, HealthEvent, HealthMonitor

RATE_HZ = 200


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.05 * np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def judged(samples: np.ndarray, cuts: list[int]) -> list[HealthEvent]:
    monitor = HealthMonitor(RATE_HZ)
    return [event for chunk in np.split(samples, sorted(cuts)) for event in monitor.push(chunk)]


def summary(events: list[HealthEvent]) -> list[tuple[Complaint, float, float | None]]:
    return [(event.complaint, event.onset_seconds, event.offset_seconds) for event in events]


def test_a_dead_microphone_is_not_silence() -> None:
    samples = np.concatenate([noise(3), np.zeros(8 * RATE_HZ), noise(2)])
    events = judged(samples, [])
    assert summary(events) == [(Complaint.DEAD, 3.0, None), (Complaint.DEAD, 3.0, 11.0)]
    assert "muted, unplugged or broken" in events[0].message
    assert judged(np.concatenate([noise(3), np.zeros(4 * RATE_HZ), noise(2)]), []) == []
    assert judged(1e-4 * noise(20), []) == []  # a very quiet room


def test_clipping_offset_and_what_is_no_number() -> None:
    loud = np.clip(100 * noise(2), -1, 1)
    assert summary(judged(np.concatenate([noise(1), loud, noise(1)]), [])) == [
        (Complaint.CLIPPING, 1.0, None),
        (Complaint.CLIPPING, 1.0, 3.0),
    ]
    shifted = np.concatenate([noise(2), noise(6) + 0.1])
    assert summary(judged(shifted, [])) == [(Complaint.OFFSET, 2.0, None)]
    broken = noise(4)
    broken[RATE_HZ * 2 + 3 : RATE_HZ * 2 + 9] = np.nan
    broken[RATE_HZ * 2 + 20] = np.inf
    events = judged(broken, [])
    assert summary(events) == [(Complaint.NOT_A_NUMBER, 2.0, None), (Complaint.NOT_A_NUMBER, 2.0, 3.0)]
    assert events[0].message.startswith("7 of 200 samples are NaN or infinite")


def test_what_comes_after_a_gap_is_later_by_it() -> None:
    monitor = HealthMonitor(RATE_HZ)
    assert monitor.push(noise(2)) == []
    monitor.gap(100.0)
    assert summary(monitor.push(np.zeros(6 * RATE_HZ))) == [(Complaint.DEAD, 102.0, None)]


def test_ordinary_sound_is_no_complaint() -> None:
    tone = 0.9 * np.sin(np.arange(10 * RATE_HZ))
    assert judged(np.concatenate([noise(5), tone, noise(5)]), []) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 12 * RATE_HZ), max_size=12), st.integers(0, 5))
def test_the_chunking_does_not_matter(cuts: list[int], seed: int) -> None:
    samples = np.concatenate([noise(1.3, seed), np.zeros(6 * RATE_HZ), np.clip(99 * noise(2), -1, 1), noise(2) + 0.3])
    assert judged(samples, cuts) == judged(samples, [])


def test_to_dict() -> None:
    event = HealthEvent(Complaint.DEAD, 1.23456, None, "words")
    assert event.to_dict() == {"health": "dead", "onset_seconds": 1.235, "offset_seconds": None, "message": "words"}


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(3)])
def test_less_than_a_frame_says_nothing(samples: np.ndarray) -> None:
    assert judged(samples, []) == []
