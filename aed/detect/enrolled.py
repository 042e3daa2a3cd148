r"""Sounds that were enrolled from a few clips: how like one of them a row is. No training, and no torch here.

A row's embedding e is compared with prototypes, the embeddings of the rows in which the enrolled clips sound:

    z(e) = W (e - mean),   s(e) = max over prototypes k of cos(z(e), z(prototype k)) - c_k                         (1)

`mean` and W = (covariance of the background)^(-1/2) come from recordings in which the sound is not: directions in which
all sounds differ count little. c_k is how like prototype k the background comes, but for its rarest rows: a row of a
clip in which hardly more than the room is heard has a high one, and is never what decides.

A row of a model that decides every 80 ms hears but a moment, and one moment is like many things. So s is averaged
over what was heard last (`HEARD_SECONDS`), m(s), and becomes a probability that is a half at the sound's threshold t,
so that whatever reads probabilities reads it too:

    P = 1 / (1 + exp(-(m(s) - t) / SOFTNESS))                                                                      (2)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aed.detect.smooth import Smoother
from aed.errors import DataError
from aed.timebase import rows_from_seconds

FloatArray = npt.NDArray[np.float32]

SOFTNESS = 0.08
"""Of (2): an event that began lasts down to a cosine 0.05 below the threshold, where P is 0.7 times a half."""
HEARD_SECONDS = 0.4
"""Most of a knock, a cough or a key on a table."""
SHRINKAGE = 0.01
"""Share of the covariance's mean variance that is put in its place: directions that hardly vary are not blown up."""
RARE_SHARE = 0.0001
"""Of the background's rows: some seconds in a day are more like a prototype than c of (1)."""
MOST_PROTOTYPES = 200
"""Rows of ten clips of a second and a half each; more are thinned out evenly."""
_LEAST_LENGTH = 1e-6
_COSINE_BINS = 2000
"""A thousandth of a cosine each."""


@dataclass(frozen=True, eq=False)
class Background:
    """What embeddings are like where the sound is not.

    Attributes:
        mean: (dim,) float32.
        whitener: W of (1), (dim, dim) float32.
    """

    mean: FloatArray
    whitener: FloatArray

    def directions(self, embeddings: FloatArray) -> FloatArray:
        """Directions of whitened embeddings, of length 1: (row, dim) -> (row, dim)."""
        whitened = (embeddings - self.mean) @ self.whitener
        lengths = np.sqrt(np.square(whitened).sum(axis=-1, keepdims=True))
        directions: FloatArray = whitened / np.maximum(lengths, np.float32(_LEAST_LENGTH))
        return directions


class BackgroundSum:
    """Collects embeddings of the background, in the memory of one covariance.

    Args:
        dim: Size of an embedding.
    """

    def __init__(self, dim: int) -> None:
        self._sum, self._products, self._count = np.zeros(dim), np.zeros((dim, dim)), 0

    def add(self, embeddings: FloatArray) -> None:
        """Add rows, (row, dim)."""
        rows = embeddings.astype(np.float64)
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows
        self._count += len(rows)

    def background(self) -> Background:
        """Return mean and whitener of what was added.

        Raises:
            DataError: It is less than two rows.
        """
        if self._count < 2:  # a covariance needs two
            raise DataError("the recordings of other sounds are too short to compare with: name longer ones, --against")
        mean = self._sum / self._count
        covariance = self._products / self._count - np.outer(mean, mean)
        even = np.eye(len(mean)) * max(float(np.trace(covariance)) / len(mean), _LEAST_LENGTH)
        variances, axes = np.linalg.eigh((1 - SHRINKAGE) * covariance + SHRINKAGE * even)
        whitener = (axes / np.sqrt(np.maximum(variances, _LEAST_LENGTH**2))) @ axes.T
        return Background(mean.astype(np.float32), whitener.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What an enrolled sound is known by.

    Attributes:
        background: What it is told apart from.
        directions: Whitened rows of the enrolled clips, of length 1, (prototype, dim) float32.
        offsets: c of (1), (prototype,) float32.
        kept: Which of the rows they are, (prototype,); empty where that was forgotten.
    """

    background: Background
    directions: FloatArray
    offsets: FloatArray
    kept: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, background: Background, embeddings: FloatArray, others: Iterable[FloatArray]) -> Prototypes:
        """Make prototypes.

        Args:
            background: What the sound is told apart from.
            embeddings: Rows in which it is heard, (row, dim).
            others: Rows of recordings in which it is not, each (row, dim).
        """
        kept = np.unique(np.linspace(0, len(embeddings) - 1, min(MOST_PROTOTYPES, len(embeddings))).round().astype(int))
        directions = background.directions(embeddings[kept])
        return cls(background, directions, _offsets(background, directions, others), kept)

    def only(self, which: npt.NDArray[np.bool_]) -> Prototypes:
        """Return some of them, `which` (prototype,)."""
        return Prototypes(self.background, self.directions[which], self.offsets[which])

    def similarity(self, embeddings: FloatArray) -> FloatArray:
        """Compare by (1): (row, dim) -> (row,) float32, between -2 and 2."""
        cosines = self.background.directions(embeddings) @ self.directions.T
        return np.asarray((cosines - self.offsets).max(axis=1), dtype=np.float32)


def _offsets(background: Background, directions: FloatArray, others: Iterable[FloatArray]) -> FloatArray:
    """Find c of (1) from a histogram of cosines for each prototype: in the memory of the histograms."""
    counts = np.zeros((len(directions), _COSINE_BINS), dtype=np.int64)
    for rows in others:
        cosines = background.directions(rows) @ directions.T
        places = np.clip((cosines + 1) * (_COSINE_BINS / 2), 0, _COSINE_BINS - 1).astype(np.int64)
        for prototype, of_prototype in enumerate(places.T):
            counts[prototype] += np.bincount(of_prototype, minlength=_COSINE_BINS)
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # rows in this bin or a higher one
    place = (above > RARE_SHARE * above[:, :1]).sum(axis=1)
    return np.asarray(2 * place / _COSINE_BINS - 1, dtype=np.float32)


def running_mean(row_seconds: float) -> Smoother:
    """Return what averages s over what was heard last: m of (2), (row, 1) -> (row, 1), without a delay."""
    return Smoother("mean", max(1, rows_from_seconds(HEARD_SECONDS, row_seconds)), causal=True)


def probability(similarity: FloatArray, threshold: float) -> FloatArray:
    """P of (2), from averaged similarity, of the same shape; never exactly 0 or 1."""
    logits = (similarity - np.float32(threshold)) / np.float32(SOFTNESS)
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def release_below(threshold: float, release_ratio: float) -> float:
    """Similarity below which an event ends that the detector lets go at this share of P = 1/2."""
    released = release_ratio / 2
    return threshold + SOFTNESS * float(np.log(released / (1 - released)))
