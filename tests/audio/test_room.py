"""Rooms and noise by formula: the decay, the distance and the level that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from aed.audio.room import band_power, heard_in_room, in_noise

RATE_HZ = 16_000


def click(seconds: float) -> np.ndarray:
    wave = np.zeros(int(seconds * RATE_HZ))
    wave[0] = 1.0
    return wave


def test_without_a_room_only_the_distance_is_heard() -> None:
    heard = heard_in_room(click(0.1), RATE_HZ, np.random.default_rng(0), decay_seconds=0.0, distance_metres=4.0)
    np.testing.assert_allclose(heard, click(0.1) / 4.0)


def test_the_room_decays_by_sixty_db_in_its_time() -> None:
    heard = heard_in_room(click(1.0), RATE_HZ, np.random.default_rng(0), decay_seconds=0.6, distance_metres=1.0)
    early, late = heard[800:1600], heard[800 + 4800 : 1600 + 4800]  # 0.3 s apart: half of the time, 30 dB
    assert 10 * np.log10(np.mean(early**2) / np.mean(late**2)) == pytest.approx(30.0, abs=1.5)


def test_at_the_critical_distance_room_and_direct_sound_are_equal() -> None:
    critical = 0.057 * np.sqrt(60.0 / 0.5)
    heard = heard_in_room(click(1.0), RATE_HZ, np.random.default_rng(0), decay_seconds=0.5, distance_metres=critical)
    assert np.sum(heard[1:] ** 2) == pytest.approx(heard[0] ** 2)


def test_band_power_is_that_of_the_tone_inside_and_nothing_outside() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    assert band_power(np.sin(2 * np.pi * 3000 * t), RATE_HZ, 3000.0) == pytest.approx(0.5, rel=0.01)
    assert band_power(np.sin(2 * np.pi * 1000 * t), RATE_HZ, 3000.0) < 1e-4


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_level_that_was_asked_for(snr_db: float) -> None:
    generator = np.random.default_rng(1)
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 520 * t) * (t < 1.0)  # sounds for a quarter of the time
    noise = generator.standard_normal(len(t))
    added = in_noise(tone, noise, RATE_HZ, snr_db=snr_db, centre_hz=520.0, sounding_seconds=1.0) - tone
    sounding = band_power(tone[:RATE_HZ], RATE_HZ, 520.0)
    assert 10 * np.log10(sounding / band_power(added, RATE_HZ, 520.0)) == pytest.approx(snr_db, abs=0.3)
