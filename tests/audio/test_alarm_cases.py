"""Alarms as they are heard: drawn within the stated ranges, and the same again from the same generator."""

from __future__ import annotations

import numpy as np
import pytest

from aed.audio import alarm_cases
from aed.audio.alarm_cases import TONES_OF_BEATS, draw_case
from aed.audio.alarms import Beat

RATE_HZ = 16_000


@pytest.mark.parametrize("beat", sorted(set(Beat) - {Beat.CHIRP}))
def test_a_case_is_what_it_says(beat: Beat) -> None:
    case = draw_case(beat, RATE_HZ, np.random.default_rng(3))
    again = draw_case(beat, RATE_HZ, np.random.default_rng(3))
    np.testing.assert_array_equal(case.samples, again.samples)
    assert case.samples.dtype == np.float32
    assert case.tone in TONES_OF_BEATS[beat]
    for value, (lowest, highest) in [
        (case.tempo, alarm_cases.TEMPO),
        (case.snr_db, alarm_cases.SNR_DB),
        (case.decay_seconds, alarm_cases.DECAY_SECONDS),
        (case.distance_metres, alarm_cases.DISTANCE_METRES),
        (20 * np.log10(np.max(np.abs(case.samples))), (alarm_cases.PEAK_DB[0] - 0.1, alarm_cases.PEAK_DB[1] + 0.1)),
    ]:
        assert lowest <= value <= highest
    last = case.pulses[-1]
    assert last.onset_seconds + last.length_seconds <= len(case.samples) / RATE_HZ
