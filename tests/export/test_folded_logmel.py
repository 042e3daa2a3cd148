"""The folded transform gives the frames of the plain one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.errors import ConfigError
from aed.export.folded_logmel import FoldedLogMel
from aed.features.logmel import LogMel, LogMelConfig


@settings(max_examples=30)
@given(
    hop=st.sampled_from([50, 64, 160, 320]),
    edges=st.integers(0, 200),
    frames=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
    level_db=st.floats(-100, 0),
)
def test_frames_are_those_of_the_plain_front_end(hop: int, edges: int, frames: int, seed: int, level_db: float) -> None:
    logmel = LogMel(LogMelConfig(hop_samples=hop, fft_samples=hop + 2 * edges, mel_bands=8))
    noise = np.random.default_rng(seed).standard_normal((1, frames * hop)) * 10 ** (level_db / 20)
    samples = torch.from_numpy(noise.astype(np.float32))
    torch.testing.assert_close(FoldedLogMel(logmel)(samples), logmel(samples), rtol=1e-4, atol=1e-5)


def test_silence_is_exactly_zero() -> None:
    assert (FoldedLogMel(LogMel(LogMelConfig()))(torch.zeros(1, 3_200)) == 0).all()


def test_a_pure_tone_beside_silence_stays_in_its_bands() -> None:
    """The sums are in another order: what cancels leaves less than a fiftieth of what counts as silence."""
    logmel = LogMel(LogMelConfig())
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(16_000) / 16_000)[None]
    torch.testing.assert_close(FoldedLogMel(logmel)(tone), logmel(tone), rtol=1e-3, atol=2e-3)


def test_frames_of_odd_length_are_refused() -> None:
    with pytest.raises(ConfigError, match="fft_samples must be even for an export, got 333"):
        FoldedLogMel(LogMel(LogMelConfig(hop_samples=111, fft_samples=333)))
