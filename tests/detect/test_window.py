from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.window import BlockReader
from aed.errors import AudioError
from tests.fake_scorer import LAYOUT


def blocks_of_the_definition(samples: np.ndarray) -> np.ndarray:
    """The slow twin: block k begins at k * advance - lead, zeros outside the file."""
    padded = np.pad(samples, (LAYOUT.lead_samples, LAYOUT.block_samples + LAYOUT.advance_samples))
    starts = [k * LAYOUT.advance_samples for k in range(LAYOUT.num_blocks(len(samples)))]
    blocks = [padded[start : start + LAYOUT.block_samples] for start in starts]
    return np.array(blocks, dtype=np.float32).reshape(-1, LAYOUT.block_samples)


@given(num_samples=st.integers(0, 3000), cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_any_chunking_gives_the_blocks_of_the_definition(num_samples: int, cuts: list[int]) -> None:
    samples = np.arange(1, num_samples + 1, dtype=np.float32)
    reader = BlockReader(LAYOUT)
    parts = [reader.push(chunk) for chunk in np.split(samples, sorted(min(cut, num_samples) for cut in cuts))]
    parts.append(reader.flush())
    np.testing.assert_array_equal(np.concatenate(parts), blocks_of_the_definition(samples))


def test_a_block_comes_with_its_last_sample_and_not_later() -> None:
    reader = BlockReader(LAYOUT)
    complete = LAYOUT.block_samples - LAYOUT.lead_samples
    assert len(reader.push(np.ones(complete - 1))) == 0
    assert len(reader.push(np.ones(1))) == 1


def test_memory_does_not_grow_with_the_stream() -> None:
    reader = BlockReader(LAYOUT)
    chunk = np.ones(500, dtype=np.float32)
    for _ in range(20):
        reader.push(chunk)
    tracemalloc.start()
    for _ in range(2000):
        reader.push(chunk)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 3 * LAYOUT.block_samples * 4 + 4096


def test_refuses_what_is_no_sound() -> None:
    reader = BlockReader(LAYOUT)
    reader.push(np.zeros(1500))
    bad = np.zeros(1000)
    bad[250] = np.nan
    with pytest.raises(AudioError, match=r"the sample at 1\.750 s is NaN or infinite"):
        reader.push(bad)
    with pytest.raises(AudioError, match=r"shape \(samples,\), got \(10, 2\)"):
        reader.push(np.zeros((10, 2)))


def test_a_finished_stream_takes_nothing_more() -> None:
    reader = BlockReader(LAYOUT)
    reader.flush()
    with pytest.raises(RuntimeError, match="flushed"):
        reader.push(np.zeros(1))
    with pytest.raises(RuntimeError, match="flushed"):
        reader.flush()
