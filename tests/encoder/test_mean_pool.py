from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aed.encoder.mean_pool import MeanPool, sum_in_pairs
from tests.tree.heads import seeds


def maps_of(shape: tuple[int, int, int, int], seed: int = 0) -> Tensor:
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return maps.contiguous(memory_format=torch.channels_last).requires_grad_()


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 8), seeds)
def test_it_is_average_pooling_and_so_is_its_gradient(
    channels: int, high: int, wide: int, rows: int, columns: int, seed: int
) -> None:
    maps = maps_of((2, channels, rows * high, columns * wide), seed)
    got, expected = MeanPool(rows, columns)(maps), avg_pool2d(maps, (rows, columns))
    torch.testing.assert_close(got, expected)
    weights = torch.randn(got.shape, dtype=got.dtype, generator=torch.Generator().manual_seed(1))
    gradients = [torch.autograd.grad((pooled * weights).sum(), maps)[0] for pooled in (got, expected)]
    torch.testing.assert_close(*gradients)


def test_all_columns_become_one() -> None:
    maps = maps_of((2, 3, 4, 7))
    torch.testing.assert_close(MeanPool(1, None)(maps), maps.mean(dim=3, keepdim=True))


@pytest.mark.parametrize("training", [True, False])
def test_what_does_not_fill_a_block_is_left_out(training: bool) -> None:
    maps = maps_of((2, 3, 4, 7))
    torch.testing.assert_close(MeanPool(2, 2).train(training)(maps), avg_pool2d(maps, 2))


def test_maps_and_gradients_stay_channels_last() -> None:
    """Else the passes before and after it take several times as long."""
    maps = maps_of((2, 3, 4, 8)).detach()
    last: list[Tensor] = []
    maps.requires_grad_().register_hook(last.append)
    pooled = MeanPool(2, 2)(maps)
    pooled.sum().backward()
    assert pooled.is_contiguous(memory_format=torch.channels_last)
    assert last[0].is_contiguous(memory_format=torch.channels_last)


@given(st.integers(1, 9))
def test_sums_in_pairs_are_sums(count: int) -> None:
    arrays = [torch.tensor(float(2**number)) for number in range(count)]
    assert sum_in_pairs(arrays) == 2**count - 1
