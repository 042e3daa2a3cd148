r"""Sounds that were enrolled from a few clips: how like one of them a row is. No training, and no torch here.

A row's embedding e is compared with prototypes, the embeddings of the rows in which the enrolled clips sound:

    z(e) = W (e - mean),   s(e) = max over prototypes k of cos(z(e), z(prototype k))                               (1)

`mean` and W = (covariance of the background)^(-1/2) come from recordings in which the sound is not: directions in which
all sounds differ count little. A cosine does not see how loud a sound is, as far as the network does not.

s becomes a probability that is a half at the sound's threshold t, so that whatever reads probabilities reads it too:

    P = 1 / (1 + exp(-(s - t) / SOFTNESS))                                                                         (2)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.errors import DataError

FloatArray = npt.NDArray[np.float32]

SOFTNESS = 0.08
"""Of (2): an event that began lasts down to a cosine 0.05 below the threshold, where P is 0.7 times a half."""
SHRINKAGE = 0.01
"""Share of the covariance's mean variance that is put in its place: directions that hardly vary are not blown up."""
MOST_PROTOTYPES = 200
"""Rows of ten clips of a second and a half each; more are thinned out evenly."""
_LEAST_LENGTH = 1e-6


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
    """

    background: Background
    directions: FloatArray

    @classmethod
    def of(cls, background: Background, embeddings: FloatArray) -> Prototypes:
        """Make prototypes of the rows, (row, dim), in which a sound is heard."""
        kept = np.unique(np.linspace(0, len(embeddings) - 1, min(MOST_PROTOTYPES, len(embeddings))).round().astype(int))
        return cls(background, background.directions(embeddings[kept]))

    def similarity(self, embeddings: FloatArray) -> FloatArray:
        """Compare by (1): (row, dim) -> (row,) float32, between -1 and 1."""
        cosines = self.background.directions(embeddings) @ self.directions.T
        return np.asarray(cosines.max(axis=1), dtype=np.float32)


def probability(similarity: FloatArray, threshold: float) -> FloatArray:
    """P of (2), of the same shape, never exactly 0 or 1."""
    logits = (similarity - np.float32(threshold)) / np.float32(SOFTNESS)
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def release_below(threshold: float, release_ratio: float) -> float:
    """Similarity below which an event ends that the detector lets go at this share of P = 1/2."""
    released = release_ratio / 2
    return threshold + SOFTNESS * float(np.log(released / (1 - released)))
