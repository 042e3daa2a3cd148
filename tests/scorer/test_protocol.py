from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.errors import ModelError
from aed.scorer.protocol import BlockLayout

GOOD = {
    "rate_hz": 1000,
    "block_samples": 700,
    "advance_samples": 400,
    "lead_samples": 150,
    "rows_per_block": 4,
    "row_samples": 100,
    "window_samples": 200,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": 0}, "rate_hz must be a whole number >= 1, got 0"),
        ({"lead_samples": -1}, "lead_samples must be a whole number >= 0, got -1"),
        ({"row_samples": 100.0}, "row_samples must be a whole number >= 1, got 100.0"),
        ({"advance_samples": 300}, "rows_per_block * row_samples = 400, got 300"),
        ({"lead_samples": 49}, "lead_samples must be >= (window - row) / 2 = 50, got 49"),
        ({"block_samples": 599}, "block_samples must be >= lead + advance + overhang = 600, got 599"),
    ],
)
def test_refuses_geometry_that_does_not_fit(change: dict[str, float], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        BlockLayout(**(GOOD | change))


def test_the_tightest_geometry_is_accepted() -> None:
    layout = BlockLayout(**(GOOD | {"lead_samples": 50, "block_samples": 500}))
    assert layout.row_seconds == 0.1
    assert layout.delay_seconds == pytest.approx(0.4)  # from 0.05 s, the middle of row 0, to 0.45 s, the end of block 0


@given(num_samples=st.integers(0, 5000))
def test_rows_cover_the_file_and_blocks_cover_the_rows(num_samples: int) -> None:
    layout = BlockLayout(**GOOD)
    rows, blocks = layout.num_rows(num_samples), layout.num_blocks(num_samples)
    assert (rows - 1) * layout.row_samples < num_samples <= rows * layout.row_samples or num_samples == rows == 0
    assert (blocks - 1) * layout.rows_per_block < rows <= blocks * layout.rows_per_block or rows == blocks == 0


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BlockLayout(**GOOD).rate_hz = 1  # type: ignore[misc]


def test_detection_loads_no_torch() -> None:
    code = "import sys, aed.scorer.protocol, aed.detect.detector, aed.detect.formats; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
