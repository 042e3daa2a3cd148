"""What detection knows of a model: fixed blocks of samples in, log P(node) over time out. No torch here.

A scorer sees the sound only through blocks of one fixed size at absolute positions. The positions do not depend on
how the samples arrived, so a live stream and a file give the same numbers:

    file     0         1         2         3         4      (x advance_samples)
    block 0  |lead|====rows of block 0====|....|
    block 1            |lead|====rows of block 1====|....|

`====` is what a block decides about (`advance_samples`, cut into `rows_per_block` rows); the rest is context on both
sides. Only the last `advance_samples` of a block are new to whoever saw the block before it: a scorer that keeps what
its layers need of the past (`StreamingScorer`) computes each of them once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aed.errors import ModelError
from aed.timebase import seconds_from_samples

if TYPE_CHECKING:
    import numpy as np

    from aed.ontology.structure import Taxonomy


@dataclass(frozen=True)
class BlockLayout:
    """Geometry of the blocks that a scorer reads. Everything but the rate is in samples or counts.

    Block `k` covers the absolute samples from `k * advance_samples - lead_samples` on, `block_samples` of them;
    outside the file samples are zero. It yields `rows_per_block` rows. Row `k * rows_per_block + r`, the absolute
    row, decides about the `window_samples` samples centred at `(absolute row + 0.5) * row_samples`.

    Attributes:
        rate_hz: Sample rate.
        block_samples: Length of a block.
        advance_samples: Distance from a block to the next.
        lead_samples: Context before the first row of a block.
        rows_per_block: Rows that a block yields.
        row_samples: Distance from a row to the next; `advance_samples == rows_per_block * row_samples`.
        window_samples: What one row looks at.

    Raises:
        ModelError: The numbers do not fit together.
    """

    rate_hz: int
    block_samples: int
    advance_samples: int
    lead_samples: int
    rows_per_block: int
    row_samples: int
    window_samples: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "lead_samples" else 1
            if type(value) is not int or value < least:
                raise self._wrong(f"{field.name} must be a whole number >= {least}, got {value!r}")
        if self.advance_samples != self.rows_per_block * self.row_samples:
            raise self._wrong(
                f"advance_samples must be rows_per_block * row_samples = {self.rows_per_block * self.row_samples}, "
                f"got {self.advance_samples}"
            )
        self._check_windows_inside()

    def _check_windows_inside(self) -> None:
        """The windows of a block's first and last row must lie inside the block."""
        overhang_samples = max(0, self.window_samples - self.row_samples) // 2
        trail_samples = self.block_samples - self.lead_samples - self.advance_samples
        if self.lead_samples < overhang_samples:
            raise self._wrong(
                f"lead_samples must be >= (window - row) / 2 = {overhang_samples}, got {self.lead_samples}"
            )
        if trail_samples < overhang_samples:
            least = self.lead_samples + self.advance_samples + overhang_samples
            raise self._wrong(f"block_samples must be >= lead + advance + overhang = {least}, got {self.block_samples}")

    def _wrong(self, message: str) -> ModelError:
        return ModelError(f"block layout: {message}; the model's settings are damaged or do not fit together")

    @property
    def row_seconds(self) -> float:
        """Time from a row to the next in seconds."""
        return seconds_from_samples(self.row_samples, self.rate_hz)

    @property
    def window_seconds(self) -> float:
        """What one row looks at in seconds."""
        return seconds_from_samples(self.window_samples, self.rate_hz)

    @property
    def delay_seconds(self) -> float:
        """Longest time in seconds from the middle of a row to the arrival of the last sample of its block."""
        samples = self.block_samples - self.lead_samples - self.row_samples / 2
        return samples / self.rate_hz

    def num_rows(self, num_samples: int) -> int:
        """Rows that a file of so many samples has: the last row begins before its end."""
        return -(-num_samples // self.row_samples)

    def num_blocks(self, num_samples: int) -> int:
        """Blocks that hold those rows."""
        return -(-num_samples // self.advance_samples)

    def row_start_seconds(self, row: int) -> float:
        """Time in seconds at which an absolute row begins; it ends where the next begins."""
        return seconds_from_samples(row * self.row_samples, self.rate_hz)


class Scorer(Protocol):
    """A model as detection sees it.

    Attributes:
        taxonomy: The tree whose nodes it scores.
        layout: The blocks that it reads.
    """

    @property
    def taxonomy(self) -> Taxonomy:
        """The tree whose nodes it scores."""
        ...

    @property
    def layout(self) -> BlockLayout:
        """The blocks that it reads."""
        ...

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks. The answer for a block must not depend, not even in one bit, on the blocks beside it.

        Args:
            blocks: `(batch, block_samples)` float32; any batch, also 0.

        Returns:
            log P(node), `(batch, rows_per_block, node)` float32.
        """
        ...

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        """Score a whole clip.

        Args:
            samples: `(samples,)` float32, at least one.

        Returns:
            log P(node), `(node,)` float32.
        """
        ...


class ScorerStream(Protocol):
    """One stream's blocks, scored in their order."""

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score the next blocks of the stream; the first ones are the stream's first.

        The scores may depend on how many blocks came before, never on how many come at once.

        Args:
            blocks: `(batch, block_samples)` float32; any batch, also 0.

        Returns:
            log P(node), `(batch, rows_per_block, node)` float32.
        """
        ...


@runtime_checkable
class StreamingScorer(Protocol):
    """A scorer that computes each sample of a stream once."""

    def open_stream(self) -> ScorerStream:
        """Begin a stream: before it, there was silence."""
        ...


def open_stream(scorer: Scorer) -> ScorerStream:
    """Begin a stream; a scorer that keeps nothing of the past scores each block by itself."""
    return scorer.open_stream() if isinstance(scorer, StreamingScorer) else scorer
