"""Alarms by formula: that each beats as its name says, at the tone that it states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio.alarms import AlarmSound, Beat, Tone, make_alarm

RATE_HZ = 16_000


def alarm(
    beat: Beat, tone: Tone = Tone.PIEZO, *, periods: float = 2.0, tempo: float = 1.0, seed: int = 0
) -> AlarmSound:
    return make_alarm(beat, tone, RATE_HZ, np.random.default_rng(seed), periods=periods, tempo=tempo)


def onsets_seconds(sound: AlarmSound) -> np.ndarray:
    """Where the samples themselves begin to sound after at least 20 ms of exact silence."""
    loud = np.flatnonzero(sound.samples)
    return loud[np.diff(loud, prepend=-RATE_HZ) > 0.02 * RATE_HZ] / RATE_HZ


@pytest.mark.parametrize(
    ("beat", "expected"),
    [
        (Beat.TEMPORAL_THREE, [0, 1, 2, 4, 5, 6]),
        (Beat.TEMPORAL_FOUR, [0, 0.2, 0.4, 0.6, 5.7, 5.9, 6.1, 6.3]),
        (Beat.ALARM_CLOCK, [0, 0.125, 0.25, 0.375, 1, 1.125, 1.25, 1.375]),
    ],
)
def test_onsets_are_those_of_the_beat(beat: Beat, expected: list[float]) -> None:
    sound = alarm(beat)
    np.testing.assert_allclose(onsets_seconds(sound), expected, atol=0.001)
    np.testing.assert_allclose([pulse.onset_seconds for pulse in sound.pulses], expected, atol=1e-9)


def test_what_is_drawn_stays_in_its_range() -> None:
    for seed in range(5):
        lorry = np.diff(onsets_seconds(alarm(Beat.REVERSING_LORRY, periods=5, seed=seed)))
        assert np.ptp(lorry) < 0.001
        assert 0.8 <= lorry[0] <= 1.25
        assert 3 <= len(alarm(Beat.MICROWAVE, periods=1, seed=seed).pulses) <= 5
        chirp = alarm(Beat.CHIRP, periods=1.1, seed=seed)
        assert 30 <= chirp.pulses[1].onset_seconds <= 60
    assert len(onsets_seconds(alarm(Beat.CONTINUOUS, periods=1))) == 1


@settings(max_examples=20)
@given(st.sampled_from(sorted(set(Beat) - {Beat.CHIRP})), st.sampled_from(sorted(Tone)), st.integers(0, 2**32))
def test_the_stated_tone_is_the_strongest(beat: Beat, tone: Tone, seed: int) -> None:
    sound = alarm(beat, tone, periods=1.0, seed=seed)
    assert np.max(np.abs(sound.samples)) == pytest.approx(1.0)
    loudest_hz = np.argmax(np.abs(np.fft.rfft(sound.samples))) * RATE_HZ / len(sound.samples)
    partials = {Tone.LOW_SQUARE: 60.0, Tone.PIEZO: 60.0, Tone.MIDDLE: 60.0, Tone.HORN: 200.0}
    assert loudest_hz == pytest.approx(sound.tone_hz, abs=partials[tone])


def test_tempo_stretches_everything() -> None:
    slow, plain = alarm(Beat.TEMPORAL_THREE, tempo=1.1), alarm(Beat.TEMPORAL_THREE)
    assert slow.sounding_seconds == pytest.approx(1.1 * plain.sounding_seconds)
    assert len(slow.samples) == pytest.approx(1.1 * len(plain.samples), abs=2)
