from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from aed.features.logmel import logmel_from_power, power_from_logmel
from aed.features.spectrogram_augment import SpectrogramAugmentConfig, augment_frames
from tests.tree.heads import seeds

FRAMES, MELS = 50, 64
STRONG = SpectrogramAugmentConfig()
NOTHING = SpectrogramAugmentConfig(stretch=0, mel_stretch=0, mel_shift=0, equalizer_db=0, masks=0)


def random_frames(batch: int = 4) -> Tensor:
    power = 1e4 * torch.rand(batch, FRAMES, MELS, generator=torch.Generator().manual_seed(0))
    return logmel_from_power(power)


def augmented(frames: Tensor, seed: int = 0, base: SpectrogramAugmentConfig = NOTHING, **strengths: float) -> Tensor:
    config = base.model_copy(update=strengths)
    return augment_frames(frames, config, torch.Generator().manual_seed(seed))


def test_one_seed_gives_one_result() -> None:
    frames = random_frames()
    before, state = frames.clone(), torch.get_rng_state()
    first = augmented(frames, base=STRONG)
    assert torch.equal(augmented(frames, base=STRONG), first)
    assert not torch.equal(augmented(frames, seed=1, base=STRONG), first)
    assert first.shape == frames.shape
    assert torch.equal(frames, before)
    assert torch.equal(torch.get_rng_state(), state)


@settings(max_examples=20)
@given(seeds)
def test_silence_stays_silent_and_sound_finite(seed: int) -> None:
    frames = random_frames()
    frames[1] = 0
    distorted = augmented(frames, seed, STRONG)
    assert (distorted[1] == 0).all()
    assert distorted.isfinite().all()
    assert (distorted >= 0).all()


def test_nothing_asked_for_changes_nothing() -> None:
    torch.testing.assert_close(augmented(random_frames()), random_frames(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_the_probability_is_the_share_of_clips(probability: float) -> None:
    """Also where no clip of the batch is drawn, or the batch is empty."""
    for kind in ({"stretch": 0.3}, {"masks": 2}):
        frames = random_frames(200)
        change = (augmented(frames, probability=probability, **kind) - frames).abs()
        changed = change.flatten(1).amax(dim=1) > 1e-3  # an undistorting grid rounds too
        assert abs(changed.float().mean() - probability) <= 0.1
    assert augmented(random_frames(0), base=STRONG).shape == (0, FRAMES, MELS)


def test_bf16_around_it_does_not_blur_the_grid() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = augmented(random_frames(), base=STRONG)
    assert torch.equal(under_autocast, augmented(random_frames(), base=STRONG))


def test_clips_of_a_batch_are_distorted_differently() -> None:
    frames = random_frames(1).expand(2, -1, -1)
    for strengths in ({"stretch": 0.3}, {"mel_shift": 0.1}, {"mel_stretch": 0.3}, {"equalizer_db": 6.0}, {"masks": 1}):
        first, second = augmented(frames, **strengths)
        assert not torch.allclose(first, second), strengths


def test_the_equalizer_is_a_gain_of_power_per_band() -> None:
    """Exact, floor and all: as if the microphone had that curve. Piecewise straight in dB, between seven knots."""
    frames = random_frames(50)
    gain_db = 10 * torch.log10(power_from_logmel(augmented(frames, equalizer_db=6.0)) / power_from_logmel(frames))
    curve_db = gain_db.median(dim=1).values
    torch.testing.assert_close(gain_db, curve_db[:, None].expand_as(gain_db), atol=0.01, rtol=0)
    assert 5.5 < curve_db.abs().max() <= 6.01
    bends = curve_db.diff(n=2).abs() > 0.01
    assert (bends.sum(dim=1) <= 2 * 5).all()  # five inner knots, each between two bands


def test_masks_hide_bounded_stretches() -> None:
    share = 0.2
    frames = torch.ones(200, FRAMES, MELS)
    kept = augmented(frames, masks=1, mask_share=share)
    assert ((kept == 0) | (kept - 1).abs().lt(1e-4)).all()
    hidden_frames = (kept.amax(dim=2) == 0).sum(dim=1)
    hidden_mels = (kept.amax(dim=1) == 0).sum(dim=1)
    for hidden, size in ((hidden_frames, FRAMES), (hidden_mels, MELS)):
        assert hidden.max() <= share * size + 1
        assert hidden.max() > share * size / 2


@pytest.mark.parametrize(("strength", "axis"), [("stretch", 1), ("mel_shift", 2), ("mel_stretch", 2)])
def test_time_and_mel_are_distorted_separately(strength: str, axis: int) -> None:
    """A ridge along the other axis stays a ridge: a change of pitch is no change of tempo."""
    ridge = torch.zeros(4, FRAMES, MELS)
    (ridge[:, 20:24] if axis == 1 else ridge[:, :, 20:24]).fill_(1.0)
    moved = augmented(ridge, **{strength: 0.3})
    across = moved[:, 10:-10, 10:-10].movedim(axis, 1)
    torch.testing.assert_close(across, across[:, :, :1].expand_as(across), atol=1e-3, rtol=0)
    assert not torch.allclose(moved, ridge, atol=0.1)


def test_a_crop_lies_anywhere_and_zooms_in_and_out() -> None:
    """A click in the middle of the clip comes earlier or later, and so do two clicks, nearer or further apart."""
    clicks = torch.zeros(100, FRAMES, MELS)
    clicks[:, 25] = 1.0
    places = augmented(clicks, stretch=0.3).sum(dim=2).argmax(dim=1)
    assert places.min() < 20
    assert places.max() > 30
    band = torch.zeros(100, FRAMES, MELS)
    band[:, 15:35] = 1.0
    lengths = (augmented(band, stretch=0.3)[:, :, 32] > 0.5).sum(dim=1)
    assert lengths.min() < 18
    assert lengths.max() > 22
