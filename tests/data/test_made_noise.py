from __future__ import annotations

import numpy as np
import torch

from aed.data.made_noise import MadeNoise
from aed.features.logmel import LogMel, LogMelConfig, power_from_logmel

FEATURES = LogMelConfig()
NUM_FRAMES = 50


def drawn(batch: int, seed: int = 0) -> torch.Tensor:
    return MadeNoise(FEATURES, NUM_FRAMES, 0).draw(batch, np.random.default_rng(seed))


def test_one_seed_gives_one_draw() -> None:
    assert torch.equal(drawn(4), drawn(4))
    assert not torch.equal(drawn(4), drawn(4, seed=1))
    other_bank = MadeNoise(FEATURES, NUM_FRAMES, 1).draw(4, np.random.default_rng(0))
    assert not torch.equal(drawn(4), other_bank)


def test_a_quarter_is_digital_silence_and_the_rest_is_noise_of_many_levels() -> None:
    pieces = drawn(400)
    assert pieces.shape == (400, NUM_FRAMES, FEATURES.mel_bands)
    assert pieces.isfinite().all()
    silent = (pieces == 0).flatten(1).all(dim=1)
    assert 0.2 < silent.float().mean() < 0.3
    white = torch.randn(1, NUM_FRAMES * FEATURES.hop_samples, generator=torch.Generator().manual_seed(0))
    full_scale = power_from_logmel(LogMel(FEATURES)(white)).sum(dim=2).mean()
    levels_db = 10 * torch.log10(power_from_logmel(pieces[~silent]).sum(dim=2).mean(dim=1) / full_scale)
    assert -95 < levels_db.min() < -65  # much of brown noise lies below the lowest mel band
    assert -25 < levels_db.max() < -18


def test_noises_are_white_to_brown() -> None:
    pieces = drawn(400)
    noises = power_from_logmel(pieces[pieces.flatten(1).amax(dim=1) > 1])
    fall_db = 10 * torch.log10(noises[:, :, 10].mean(dim=1) / noises[:, :, 55].mean(dim=1))
    assert fall_db.min() < 0 < 10 < fall_db.max()
