"""The embeddings of a recording: one for each row, from the same blocks as its scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aed.audio.read import stream_audio
from aed.detect.enrolled import FloatArray
from aed.detect.window import BlockReader
from aed.scorer.embedding import EmbeddingScorer

READ_SECONDS = 2.0
"""What is decoded of a file at a time."""


class EmbeddedRows:
    """Embeds a stream, row by row.

    Args:
        scorer: The model.
    """

    def __init__(self, scorer: EmbeddingScorer) -> None:
        self._scorer, self._reader, self._num_rows = scorer, BlockReader(scorer.layout), 0

    def push(self, samples: np.ndarray) -> FloatArray:
        """Add samples, `(samples,)`; returns the embeddings that became known, `(row, dim)`.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
        """
        return self._embed(self._reader.push(samples))

    def flush(self) -> FloatArray:
        """End the stream: the embeddings of the rest, `(row, dim)`."""
        return self._embed(self._reader.flush())

    def _embed(self, blocks: np.ndarray) -> FloatArray:
        rows = self._scorer.score_and_embed(blocks)[1].reshape(-1, self._scorer.embedding_dim)
        rows = rows[: self._scorer.layout.num_rows(self._reader.num_samples) - self._num_rows]
        self._num_rows += len(rows)
        return rows


def embed_samples(scorer: EmbeddingScorer, samples: np.ndarray) -> FloatArray:
    """Embed a recording that is in memory: `(samples,)` at the scorer's rate -> `(row, dim)`."""
    stream = EmbeddedRows(scorer)
    return np.concatenate([stream.push(samples), stream.flush()])


def embed_file(scorer: EmbeddingScorer, path: Path) -> Iterator[FloatArray]:
    """Embed a recording of any length in constant memory; yields `(row, dim)`.

    Raises:
        AudioError: The file cannot be read.
    """
    stream = EmbeddedRows(scorer)
    for samples in stream_audio(path, scorer.layout.rate_hz, READ_SECONDS):
        yield stream.push(samples)
    yield stream.flush()
