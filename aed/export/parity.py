"""How far the answers of two backends of one model lie apart, over time and of whole clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.detect.window import BlockReader
from aed.scorer.protocol import Scorer

_SHORT_SAMPLES = 2_000
"""An eighth of a second."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Differences of P(node).

    Attributes:
        clips: Clips compared.
        rows: Decisions over time compared.
        largest: Largest difference of P of any node, over time or of a clip.
        mean: Mean difference over all nodes, times and clips.
    """

    clips: int
    rows: int
    largest: float
    mean: float


def compare(first: Scorer, second: Scorer, clips: Sequence[FloatArray]) -> Parity:
    """Compare two scorers of one layout and tree on clips, each (samples,)."""
    rows, differences = 0, [_difference(first.score_clip(clip), second.score_clip(clip)) for clip in _short(clips)]
    for clip in clips:
        for blocks in _blocks(first, clip):
            rows += len(blocks) * first.layout.rows_per_block
            differences.append(_difference(first.score_blocks(blocks), second.score_blocks(blocks)))
        differences.append(_difference(first.score_clip(clip), second.score_clip(clip)))
    every = np.concatenate(differences)
    return Parity(len(clips), rows, float(every.max()), float(every.mean(dtype=np.float64)))


def _short(clips: Sequence[FloatArray]) -> Iterator[FloatArray]:
    """Clips too short for a window: a graph that was traced on a long one may not know what to do with them."""
    for clip in clips[:1]:
        yield from (clip[:1], clip[:_SHORT_SAMPLES])


def _blocks(scorer: Scorer, clip: FloatArray) -> Iterator[FloatArray]:
    reader = BlockReader(scorer.layout)
    yield reader.push(clip)
    yield reader.flush()


def _difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """|P - P'| of everything: log P of any shape -> (value,)."""
    differences: FloatArray = np.abs(np.exp(first) - np.exp(second)).ravel()
    return differences
