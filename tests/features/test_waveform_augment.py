from __future__ import annotations

import random

import numpy as np
import pytest

from aed.features.waveform_augment import WaveformAugment, WaveformAugmentConfig

RATE_HZ = 16_000
EVERYTHING = WaveformAugmentConfig(gain_db=6.0, flip_probability=0.5, noise_probability=1.0)
NOTHING = WaveformAugmentConfig(shift=False, gain_db=0.0, flip_probability=0.0, noise_probability=0.0)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def test_one_generator_state_gives_one_result() -> None:
    clip, augment = noise(2_000), WaveformAugment(EVERYTHING, RATE_HZ)
    first = augment(clip, np.random.default_rng(5))
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002  # somebody else's draws must not matter
    np.testing.assert_array_equal(augment(clip, np.random.default_rng(5)), first)
    np.testing.assert_array_equal(WaveformAugment(EVERYTHING, RATE_HZ)(clip, np.random.default_rng(5)), first)
    assert not np.array_equal(augment(clip, np.random.default_rng(6)), first)


def test_a_generator_goes_on_between_calls() -> None:
    clip, augment, generator = noise(2_000), WaveformAugment(EVERYTHING, RATE_HZ), np.random.default_rng(5)
    assert not np.array_equal(augment(clip, generator), augment(clip, generator))


def test_the_global_generators_are_left_as_they_were() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    WaveformAugment(EVERYTHING, RATE_HZ)(noise(2_000), np.random.default_rng(0))
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_the_global_generators_are_restored_after_a_failure() -> None:
    random.seed(1)
    state = random.getstate()
    with pytest.raises((TypeError, ValueError, AttributeError)):
        WaveformAugment(EVERYTHING, RATE_HZ)(None, np.random.default_rng(0))
    assert random.getstate() == state


@pytest.mark.parametrize("samples", [1, 7, 16_000])
@pytest.mark.parametrize("config", [EVERYTHING, NOTHING])
def test_length_and_type_are_kept_and_the_input_is_not_touched(samples: int, config: WaveformAugmentConfig) -> None:
    clip = noise(samples)
    before = clip.copy()
    clip.setflags(write=False)  # as the memory-mapped store hands it out
    for seed in range(5):
        distorted = WaveformAugment(config, RATE_HZ)(clip, np.random.default_rng(seed))
        assert distorted.shape == clip.shape
        assert distorted.dtype == np.float32
        assert np.isfinite(distorted).all()
    np.testing.assert_array_equal(clip, before)


def test_nothing_asked_for_changes_nothing() -> None:
    np.testing.assert_allclose(WaveformAugment(NOTHING, RATE_HZ)(noise(500), np.random.default_rng(0)), noise(500))


def test_silence_stays_silent() -> None:
    silent = np.zeros(1_000, dtype=np.float32)
    for seed in range(5):
        assert (WaveformAugment(EVERYTHING, RATE_HZ)(silent, np.random.default_rng(seed)) == 0).all()


def test_a_shift_rotates() -> None:
    clip = np.arange(1, 101, dtype=np.float32) / 200
    only_shift = NOTHING.model_copy(update={"shift": True})
    shifted = WaveformAugment(only_shift, RATE_HZ)(clip, np.random.default_rng(3))
    start = int(shifted.argmin())
    assert start > 0
    np.testing.assert_allclose(np.roll(shifted, -start), clip, rtol=1e-6)


def test_gain_flip_and_noise_stay_in_range() -> None:
    clip = noise(4_000)
    only_gain = WaveformAugment(NOTHING.model_copy(update={"gain_db": 6.0}), RATE_HZ)
    gains_db = [20 * np.log10((only_gain(clip, np.random.default_rng(seed)) / clip)[0]) for seed in range(20)]
    assert -6.01 < min(gains_db) < -2
    assert 2 < max(gains_db) < 6.01
    always_flip = WaveformAugment(NOTHING.model_copy(update={"flip_probability": 1.0}), RATE_HZ)
    np.testing.assert_allclose(always_flip(clip, np.random.default_rng(0)), -clip, rtol=1e-6)
    snr_db = (15.0, 25.0)
    noisy = NOTHING.model_copy(update={"noise_probability": 1.0, "noise_snr_db": snr_db})
    added = WaveformAugment(noisy, RATE_HZ)(clip, np.random.default_rng(0)) - clip
    assert snr_db[0] - 0.5 < 20 * np.log10(clip.std() / added.std()) < snr_db[1] + 0.5
