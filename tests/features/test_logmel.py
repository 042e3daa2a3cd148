from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from aed.features.logmel import LogMel, LogMelConfig, logmel_from_power, power_from_logmel
from tests.tree.heads import seeds

CONFIG = LogMelConfig()
HOP = CONFIG.hop_samples


@pytest.fixture(scope="module")
def logmel() -> LogMel:
    return LogMel(CONFIG)


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 10 * HOP, 10 * HOP + 7])
def test_one_frame_per_hop_begun(logmel: LogMel, samples: int) -> None:
    assert logmel(noise(samples)).shape == (1, math.ceil(samples / HOP), CONFIG.mel_bands)


def test_no_samples_are_one_silent_frame(logmel: LogMel) -> None:
    assert torch.equal(logmel(torch.zeros(1, 0)), torch.zeros(1, 1, CONFIG.mel_bands))


def test_silence_is_exactly_zero(logmel: LogMel) -> None:
    assert (logmel(torch.zeros(2, 5_000)) == 0).all()


def test_padding_with_silence_changes_nothing(logmel: LogMel) -> None:
    """A cut clip is the clip followed by silence: the last, incomplete hop included."""
    cut = noise(10 * HOP + 100)
    padded = logmel(torch.nn.functional.pad(cut, (0, 5 * HOP)))
    torch.testing.assert_close(padded[:, :11], logmel(cut))
    assert (padded[:, 12:] == 0).all()


@pytest.mark.parametrize("frame", [0, 3, 9])
def test_a_frame_is_centred_on_its_hop(logmel: LogMel, frame: int) -> None:
    def power_of_click(at: float) -> Tensor:
        samples = torch.zeros(1, 10 * HOP)
        samples[0, int(at)] = 1.0
        return power_from_logmel(logmel(samples)).sum(dim=2)[0]

    power = power_of_click((frame + 0.5) * HOP)
    assert power.argmax() == frame
    for neighbour in {frame - 1, frame + 1} & set(range(10)):  # a Hann window of two hops ends at their centres
        assert power[neighbour] < 1e-3 * power[frame]
    before, after = power_of_click((frame + 0.5) * HOP - 50), power_of_click((frame + 0.5) * HOP + 50)
    torch.testing.assert_close(before[frame], after[frame], rtol=0.02, atol=0)


@settings(max_examples=20)
@given(st.integers(2, 20), seeds)
def test_a_piece_has_the_numbers_it_has_in_the_whole_file(first: int, seed: int) -> None:
    """Nothing looks at the whole file: away from the cuts the frames are the same."""
    whole = noise(40 * HOP, seed)
    logmel = LogMel(CONFIG)
    piece = logmel(whole[:, first * HOP : (first + 10) * HOP])
    torch.testing.assert_close(piece[:, 1:-1], logmel(whole)[:, first + 1 : first + 9], rtol=1e-4, atol=1e-6)


def test_a_clip_has_the_same_numbers_beside_others(logmel: LogMel) -> None:
    clips = torch.cat([noise(5 * HOP, 1), 5 * noise(5 * HOP, 2)])
    torch.testing.assert_close(logmel(clips)[:1], logmel(clips[:1]))


def test_features_are_the_logarithm_of_power(logmel: LogMel) -> None:
    """Ten times the amplitude is a hundred times the power, exactly: nothing else normalises."""
    samples = noise(10 * HOP)
    torch.testing.assert_close(
        power_from_logmel(logmel(10 * samples)), 100 * power_from_logmel(logmel(samples)), rtol=1e-3, atol=0
    )


@given(st.floats(0, 1e9, width=32))
def test_power_and_features_are_inverse(power: float) -> None:
    got = power_from_logmel(logmel_from_power(torch.tensor(power)))
    torch.testing.assert_close(got, torch.tensor(power), rtol=1e-4, atol=1e-5)


def test_a_tone_rises_with_its_pitch(logmel: LogMel) -> None:
    seconds = torch.arange(8_000) / CONFIG.rate_hz
    bands = [logmel(torch.sin(2 * math.pi * hz * seconds)[None])[0, 10].argmax().item() for hz in (200, 1_000, 5_000)]
    assert bands == sorted(set(bands))


def test_float32_under_bf16(logmel: LogMel) -> None:
    samples = noise(10 * HOP)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        frames = logmel(samples)
    assert frames.dtype == torch.float32
    assert torch.equal(frames, logmel(samples))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"max_hz": 9_000.0}, "rate_hz / 2"),
        ({"min_hz": 8_000.0}, "min_hz < max_hz"),
        ({"fft_samples": 300}, "at least hop_samples"),
        ({"fft_samples": 641}, "even number"),
        ({"hops": 3}, "hops"),
    ],
)
def test_refuses_settings_that_do_not_fit(setting: dict[str, float], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LogMelConfig(**setting)
