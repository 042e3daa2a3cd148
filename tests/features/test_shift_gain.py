from __future__ import annotations

import numpy as np
import torch

from aed.features.logmel import LogMel, LogMelConfig
from aed.features.shift_gain import ShiftGainConfig, amplify_clips


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_gain_of_the_frames_is_a_gain_of_the_sound() -> None:
    """Exact, as if the waveform had been scaled: no approximation of the clean front end."""
    logmel = LogMel(LogMelConfig())
    sounds = 0.1 * torch.randn(3, 16_000, generator=torch.Generator().manual_seed(0))
    gains_db = np.array([-12.0, 0.0, 6.0], dtype=np.float32)
    louder = sounds * torch.from_numpy(10 ** (gains_db / 20))[:, None]
    torch.testing.assert_close(amplify_clips(logmel(sounds), gains_db), logmel(louder), rtol=1e-4, atol=1e-5)


def test_silence_stays_silent_and_no_gain_changes_nothing() -> None:
    gains_db = np.array([6.0, -np.inf], dtype=np.float32)
    frames = torch.rand(2, 5, 4)
    assert (amplify_clips(torch.zeros(2, 5, 4), gains_db) == 0).all()
    assert (amplify_clips(frames, gains_db)[1] == 0).all()
    assert torch.equal(amplify_clips(frames, np.zeros(2, dtype=np.float32)), frames)


def test_draws_cover_their_range() -> None:
    config = ShiftGainConfig(gain_db=4.0)
    gains_db, rolls = config.draw_gains_db(1_000, generator()), config.draw_rolls(1_000, 10, generator())
    assert -4 <= gains_db.min() < -3.8 < 3.8 < gains_db.max() <= 4
    assert set(rolls) == set(range(10))


def test_nothing_asked_for_draws_nothing() -> None:
    still = ShiftGainConfig(shift=False, gain_db=0.0)
    assert not still.draw_gains_db(50, generator()).any()
    assert not still.draw_rolls(50, 10, generator()).any()
