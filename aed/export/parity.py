"""How far the answers of two backends of one model lie apart, over time and of whole clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.detect.window import BlockReader
from aed.scorer.protocol import Scorer, open_stream

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
    """Compare two scorers of the same rows and tree on clips, each (samples,)."""
    rows, differences = 0, [_difference(first.score_clip(clip), second.score_clip(clip)) for clip in _short(clips)]
    for clip in clips:
        found, expected = _rows(first, clip), _rows(second, clip)
        rows += len(found)
        differences += [_difference(found, expected), _difference(first.score_clip(clip), second.score_clip(clip))]
    every = np.concatenate(differences)
    return Parity(len(clips), rows, float(every.max()), float(every.mean(dtype=np.float64)))


def _short(clips: Sequence[FloatArray]) -> Iterator[FloatArray]:
    """Clips too short for a window: a graph that was traced on a long one may not know what to do with them."""
    for clip in clips[:1]:
        yield from (clip[:1], clip[:_SHORT_SAMPLES])


def _rows(scorer: Scorer, clip: FloatArray) -> FloatArray:
    """Decisions about a clip as a stream: log P (row, node)."""
    reader, stream = BlockReader(scorer.layout), open_stream(scorer)
    scores = [stream.score_blocks(blocks) for blocks in (reader.push(clip), reader.flush())]
    return np.concatenate([rows for of_blocks in scores for rows in of_blocks])[: scorer.layout.num_rows(len(clip))]


def _difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """|P - P'| of everything: log P of any shape -> (value,)."""
    differences: FloatArray = np.abs(np.exp(first) - np.exp(second)).ravel()
    return differences
