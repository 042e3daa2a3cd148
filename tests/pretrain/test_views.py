"""Views: what they change, what they keep, and that the generator alone decides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aed.features.logmel import logmel_from_power, power_from_logmel
from aed.features.spectrogram_augment import SpectrogramAugmentConfig
from aed.pretrain.views import ViewConfig, draw_view

NO_CROP = SpectrogramAugmentConfig(probability=0.0)
NOTHING = ViewConfig(background=0.0, fade_db=0.0, frames=NO_CROP)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def segments(batch: int = 4, seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(batch, 20, 16, generator=generator(seed))


def test_without_distortion_a_view_is_the_segment() -> None:
    torch.testing.assert_close(draw_view(segments(), NOTHING, generator()), segments())


def test_backgrounds_add_power_and_leave_the_sound_the_louder_one() -> None:
    tones = torch.zeros(3, 20, 16)
    for row, band in enumerate((2, 7, 12)):
        tones[row, :, band] = 2.0
    power = power_from_logmel(draw_view(tones, NOTHING.model_copy(update={"background": 0.4}), generator(1)))
    whole = power_from_logmel(torch.tensor(2.0))
    torch.testing.assert_close(power.sum(dim=2), whole.expand(3, 20), rtol=1e-4, atol=0)
    assert power[:, 0].argmax(dim=1).tolist() == [2, 7, 12]
    assert ((power > 0.01 * whole).sum(dim=2) == 2).any()


def test_a_fade_is_a_line_in_decibels_within_its_bounds() -> None:
    faded = draw_view(torch.full((50, 20, 16), 2.0), NOTHING.model_copy(update={"fade_db": 6.0}), generator())
    gain_db = 10 * torch.log10(power_from_logmel(faded) / power_from_logmel(torch.tensor(2.0)))[:, :, 0]
    assert gain_db.abs().max() <= 6.0 + 1e-3
    assert gain_db[:, 0].std() > 2, "ends are drawn from the whole range"
    slope = gain_db.diff(dim=1)
    torch.testing.assert_close(slope, slope[:, :1].expand_as(slope), rtol=0, atol=1e-3)
    assert (slope[:, 0] > 0.1).any()
    assert (slope[:, 0] < -0.1).any()


def test_the_crop_is_resized() -> None:
    one = segments(1)
    view = draw_view(one, ViewConfig(background=0.0, fade_db=0.0), generator())
    assert view.shape == one.shape
    assert (view - one).abs().mean() > 0.1


@given(st.integers(0, 1000), st.integers(2, 9))
def test_views_are_finite_not_negative_and_drawn_from_the_generator_alone(seed: int, batch: int) -> None:
    view = draw_view(segments(batch, seed), ViewConfig(), generator(seed))
    assert torch.isfinite(view).all()
    assert (view >= 0).all()
    assert torch.equal(view, draw_view(segments(batch, seed), ViewConfig(), generator(seed)))
    assert not torch.equal(view, draw_view(segments(batch, seed), ViewConfig(), generator(seed + 1)))


def test_silence_stays_silent() -> None:
    assert not draw_view(torch.zeros(4, 20, 16), ViewConfig(), generator()).any()


def test_the_segments_are_left_as_they_are() -> None:
    mine = segments()
    draw_view(mine, ViewConfig(), generator())
    assert torch.equal(mine, segments())


@pytest.mark.parametrize("setting", [{"background": 1.0}, {"fade_db": -1.0}, {"noise": 1}])
def test_refuses_settings_that_make_no_sense(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        ViewConfig.model_validate(setting)


def test_logmel_is_the_inverse_that_views_rely_on() -> None:
    torch.testing.assert_close(logmel_from_power(power_from_logmel(segments())), segments())
