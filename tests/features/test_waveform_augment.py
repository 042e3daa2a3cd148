from __future__ import annotations

import random

import numpy as np
import pytest
from pydantic import ValidationError

from aed.features.logmel import LogMelConfig
from aed.features.waveform_augment import HouseholdAugmentConfig, WaveformAugment, WaveformAugmentConfig

FEATURES = LogMelConfig()
NOISY = WaveformAugmentConfig(noise_probability=1.0)
ONLY_SHIFTED = WaveformAugmentConfig(noise_probability=0.0)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def test_one_generator_state_gives_one_result() -> None:
    clip, augment = noise(2_000), WaveformAugment(NOISY, FEATURES)
    first = augment(clip, np.random.default_rng(5))
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002  # somebody else's draws must not matter
    np.testing.assert_array_equal(augment(clip, np.random.default_rng(5)), first)
    np.testing.assert_array_equal(WaveformAugment(NOISY, FEATURES)(clip, np.random.default_rng(5)), first)
    assert not np.array_equal(augment(clip, np.random.default_rng(6)), first)


def test_a_generator_goes_on_between_calls() -> None:
    clip, augment, generator = noise(2_000), WaveformAugment(NOISY, FEATURES), np.random.default_rng(5)
    assert not np.array_equal(augment(clip, generator), augment(clip, generator))


def test_the_global_generators_are_left_as_they_were() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    WaveformAugment(NOISY, FEATURES)(noise(2_000), np.random.default_rng(0))
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_the_global_generators_are_restored_after_a_failure() -> None:
    random.seed(1)
    state = random.getstate()
    with pytest.raises((TypeError, ValueError, AttributeError)):
        WaveformAugment(NOISY, FEATURES)(None, np.random.default_rng(0))
    assert random.getstate() == state


@pytest.mark.parametrize("samples", [1, 7, 16_000])
@pytest.mark.parametrize("config", [NOISY, ONLY_SHIFTED])
def test_length_and_type_are_kept_and_the_input_is_not_touched(samples: int, config: WaveformAugmentConfig) -> None:
    clip = noise(samples)
    before = clip.copy()
    clip.setflags(write=False)  # as the memory-mapped store hands it out
    for seed in range(5):
        distorted = WaveformAugment(config, FEATURES)(clip, np.random.default_rng(seed))
        assert distorted.shape == clip.shape
        assert distorted.dtype == np.float32
        assert np.isfinite(distorted).all()
    np.testing.assert_array_equal(clip, before)


def test_silence_stays_silent() -> None:
    silent = np.zeros(1_000, dtype=np.float32)
    for seed in range(5):
        assert (WaveformAugment(NOISY, FEATURES)(silent, np.random.default_rng(seed)) == 0).all()


def test_a_clip_is_rotated_by_up_to_half_a_hop() -> None:
    clip = np.arange(1, 1_001, dtype=np.float32) / 2_000
    shifts = set()
    for seed in range(40):
        shifted = WaveformAugment(ONLY_SHIFTED, FEATURES)(clip, np.random.default_rng(seed))
        start = int(shifted.argmin())
        np.testing.assert_allclose(np.roll(shifted, -start), clip, rtol=1e-6)
        shifts.add(start - 1_000 if start > 500 else start)
    assert -FEATURES.hop_samples // 2 <= min(shifts) < -100
    assert 100 < max(shifts) <= FEATURES.hop_samples // 2


def test_noise_has_the_ratio_asked_for() -> None:
    clip = np.full(4_000, 0.1, dtype=np.float32)  # no shift changes it
    noisy = WaveformAugmentConfig(noise_probability=1.0, noise_snr_db=(15.0, 25.0))
    for seed in range(5):
        added = WaveformAugment(noisy, FEATURES)(clip, np.random.default_rng(seed)) - clip
        assert 14.5 < 20 * np.log10(0.1 / added.std()) < 25.5


def test_refuses_a_range_of_the_wrong_order() -> None:
    with pytest.raises(ValidationError, match="lower one first"):
        WaveformAugmentConfig(noise_snr_db=(40.0, 10.0))


def test_a_household_changes_a_sound_and_leaves_silence() -> None:
    always = dict.fromkeys(("room_probability", "band_limit_probability", "noise_probability"), 1.0)
    household = HouseholdAugmentConfig(**always, gain_db=(-20.0, -10.0))
    augment = WaveformAugment(WaveformAugmentConfig(household=household, noise_probability=0.0), FEATURES)
    click = np.zeros(16_000, dtype=np.float32)
    click[4_000:4_400] = noise(400)
    heard = augment(click, np.random.default_rng(3))
    np.testing.assert_array_equal(augment(click, np.random.default_rng(3)), heard)
    assert heard.shape == click.shape
    assert heard.dtype == np.float32
    assert np.abs(heard[4_500:6_000]).max() > 1e-4  # the room answers
    assert np.sqrt(np.mean(heard**2)) < np.sqrt(np.mean(click**2))
    silence = np.zeros(1_000, dtype=np.float32)
    assert not augment(silence, np.random.default_rng(3)).any()


def test_without_a_household_nothing_is_as_it_was_before() -> None:
    """The name of stored views hangs on it."""
    assert "household" not in WaveformAugmentConfig().model_dump_json(exclude_none=True)
