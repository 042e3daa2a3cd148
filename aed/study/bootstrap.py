"""Is one model really better than another? Paired comparison on the same clips by a cluster bootstrap.

Clips of one source recording, or with the same content, are not independent: a model that knows one of them knows the
others. So whole groups are drawn with replacement (Davison & Hinkley 1997, on hierarchical data), and the accuracy
difference is computed anew for each drawing. The clips of both models are the same in every drawing, which cancels what
makes a clip easy or hard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
"""Drawings: the end of a 95 % interval is then known to about a fiftieth of its width."""

_CONFIDENCE = 0.95
_RESAMPLES_AT_ONCE = 500  # keeps the drawn counts, (drawing, group) of 8 bytes, in a few megabytes

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairedDifference:
    """How much more often the first model is right than the second.

    Attributes:
        clips: Number of clips that both answered.
        groups: Number of independent groups among them.
        accuracy_first: Share of right answers of the first model, 0 to 1.
        accuracy_second: The same of the second.
        difference: First minus second.
        low: Lower end of the difference's 95 % interval (percentile).
        high: Its upper end.
        share_not_better: Share of resamples in which the difference is zero or less.
        only_first_right: Clips that only the first model answered right.
        only_second_right: Clips that only the second model answered right.
        resamples: Number of drawings.
    """

    clips: int
    groups: int
    accuracy_first: float
    accuracy_second: float
    difference: float
    low: float
    high: float
    share_not_better: float
    only_first_right: int
    only_second_right: int
    resamples: int

    @property
    def clips_gained(self) -> int:
        """The effect in clips: how many more the first model has right."""
        return self.only_first_right - self.only_second_right


def paired_difference(
    first_right: BoolArray,
    second_right: BoolArray,
    groups: Sequence[str],
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> PairedDifference:
    """Compare two models on the same clips.

    Args:
        first_right: Whether the first model answered each clip right, shape (clip,).
        second_right: The same of the second model, in the same order, shape (clip,).
        groups: The content group or source recording of each clip, length clip.
        generator: Where the drawings come from.
        resamples: Number of drawings.
    """
    gain = first_right.astype(np.float64) - second_right.astype(np.float64)
    _, group_of_clip = np.unique(np.asarray(groups), return_inverse=True)
    gain_of_group = np.bincount(group_of_clip, weights=gain).astype(np.float64)
    size_of_group = np.bincount(group_of_clip).astype(np.float64)
    drawn = _resampled_means(gain_of_group, size_of_group, resamples, generator)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return PairedDifference(
        clips=len(gain),
        groups=len(size_of_group),
        accuracy_first=float(first_right.mean()),
        accuracy_second=float(second_right.mean()),
        difference=float(gain.mean()),
        low=float(low),
        high=float(high),
        share_not_better=float((drawn <= 0).mean()),
        only_first_right=int((first_right & ~second_right).sum()),
        only_second_right=int((second_right & ~first_right).sum()),
        resamples=resamples,
    )


def _resampled_means(sums: FloatArray, sizes: FloatArray, resamples: int, generator: np.random.Generator) -> FloatArray:
    """Draw groups with replacement and return the mean over the clips of each drawing, shape (resamples,)."""
    num_groups = len(sizes)
    chances = np.full(num_groups, 1 / num_groups)
    means = []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        how_many = min(_RESAMPLES_AT_ONCE, resamples - start)
        times_drawn = generator.multinomial(num_groups, chances, size=how_many)
        means.append((times_drawn @ sums) / (times_drawn @ sizes))
    return np.concatenate(means)
