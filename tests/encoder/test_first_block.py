"""The folded first block is the plain one: maps, gradients and running statistics."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aed.encoder.first_block import FirstBlock
from tests.tree.heads import seeds

CHANNELS = 5


def made_block(seed: int = 0) -> FirstBlock:
    """A block that has learned something: scales and biases of its batch norm are not 1 and 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        block = FirstBlock(CHANNELS)
        torch.nn.init.normal_(block[1].weight, 1.0, 0.5)
        torch.nn.init.normal_(block[1].bias)
    return block


def frames_of(batch: int, num_frames: int, num_mels: int, seed: int = 0) -> Tensor:
    """As the front end's: not negative, far from zero mean, silent in places."""
    frames = 2 * torch.rand(batch, num_frames, num_mels, generator=torch.Generator().manual_seed(seed))
    frames[0, num_frames // 2 :] = 0
    return frames


def weighed(maps: Tensor) -> Tensor:
    """A scalar of the maps, each value weighed otherwise."""
    weights = torch.randn(maps.shape, generator=torch.Generator().manual_seed(1), dtype=maps.dtype)
    return (maps * weights).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 10), st.integers(1, 6), seeds)
def test_maps_gradients_and_statistics_are_the_plain_ones(batch: int, halves: int, mels: int, seed: int) -> None:
    folded = made_block(seed).double()
    plain = copy.deepcopy(folded)
    frames = frames_of(batch, 2 * halves, 2 * mels, seed).double()
    got, expected = folded(frames), plain._plainly(frames)
    torch.testing.assert_close(got, expected)
    weighed(got).backward()
    weighed(expected).backward()
    for (name, one), other in zip(folded.named_parameters(), plain.parameters(), strict=True):
        assert one.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    for (name, buffer), expected_buffer in zip(folded.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(buffer, expected_buffer, msg=name)


def test_training_takes_the_folded_way_and_evaluation_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    block, frames = made_block(), frames_of(2, 8, 6)
    monkeypatch.setattr(FirstBlock, "_plainly", lambda self, frames: "plainly")
    assert isinstance(block(frames), Tensor)
    assert block.eval()(frames) == "plainly"
    assert block.train()(frames_of(2, 8, 7)) == "plainly", "an odd number of bands has a last one that is not pooled"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_bf16_it_rounds_no_more_than_the_plain_one(dtype: torch.dtype) -> None:
    folded, frames = made_block(), frames_of(4, 40, 16).to(dtype)
    plain, exact = copy.deepcopy(folded), copy.deepcopy(folded)._plainly(frames.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, expected = folded(frames), plain._plainly(frames)
    assert got.dtype == torch.bfloat16
    assert (got - exact).abs().mean() < 1.5 * (expected - exact).abs().mean()


def test_maps_lie_channels_last() -> None:
    assert made_block()(frames_of(2, 8, 6)).is_contiguous(memory_format=torch.channels_last)


def test_silence_is_finite_and_teaches_finitely() -> None:
    block = made_block()
    maps = block(torch.zeros(2, 8, 6))
    weighed(maps).backward()
    assert maps.isfinite().all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in block.parameters())
