"""Is one model really better than another? Paired comparison on the same clips by a cluster bootstrap.

Clips of one source recording, or with the same content, are not independent: a model that knows one of them knows the
others. So whole groups are drawn with replacement (Davison & Hinkley 1997, on hierarchical data), and the accuracy
difference is computed anew for each drawing. The clips of both models are the same in every drawing, which cancels what
makes a clip easy or hard.

Where the models were trained with several draws of the labels, a drawn group brings its clips under every label draw,
and the difference is the mean over the draws. That interval covers which clips were tested, not which clips were
labelled. With two draws or more a second one covers both: label draws and groups are drawn independently of each other
(the pigeonhole bootstrap of Owen, *Annals of Applied Statistics* 2007). Of a handful of draws it knows little: with d
of them their share of the variance comes out too small by (d - 1) / d.
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
IntArray = npt.NDArray[np.int64]


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
    weights: FloatArray | None = None,
) -> PairedDifference:
    """Compare two models on the same clips.

    Args:
        first_right: Whether the first model answered each clip right, shape (clip,).
        second_right: The same of the second model, in the same order, shape (clip,).
        groups: The content group or source recording of each clip, length clip.
        generator: Where the drawings come from.
        resamples: Number of drawings.
        weights: How much each clip counts, such as to give all classes the same say, shape (clip,); all alike by
            default.
    """
    weights = np.ones(len(first_right)) if weights is None else weights
    gain = first_right.astype(np.float64) - second_right.astype(np.float64)
    _, group_of_clip = np.unique(np.asarray(groups), return_inverse=True)
    gain_of_group = np.bincount(group_of_clip, weights=gain * weights).astype(np.float64)
    size_of_group = np.bincount(group_of_clip, weights=weights).astype(np.float64)
    drawn = _resampled_means(gain_of_group, size_of_group, resamples, generator)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return PairedDifference(
        clips=len(gain),
        groups=len(size_of_group),
        accuracy_first=float(np.average(first_right, weights=weights)),
        accuracy_second=float(np.average(second_right, weights=weights)),
        difference=float(np.average(gain, weights=weights)),
        low=float(low),
        high=float(high),
        share_not_better=float((drawn <= 0).mean()),
        only_first_right=int((first_right & ~second_right).sum()),
        only_second_right=int((second_right & ~first_right).sum()),
        resamples=resamples,
    )


@dataclass(frozen=True)
class Interval:
    """What the drawings say about a difference.

    Attributes:
        low: Lower end of the 95 % interval (percentile).
        high: Its upper end.
        p_value: Two-sided: the smallest 1 - confidence at which the interval still holds 0; never below 2 / (drawings
            + 1).
    """

    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class DifferenceOverDraws:
    """How much more often the first method is right than the second, over all label draws.

    Attributes:
        clips: Number of different clips that both answered.
        groups: Number of independent groups among them.
        accuracy_first: Share of right answers of the first method over all draws, 0 to 1.
        accuracy_second: The same of the second.
        difference: First minus second.
        of_draw: The difference within each label draw, by the draw's number.
        over_clips: Groups resampled, the label draws kept.
        over_clips_and_draws: Groups and label draws resampled; None with a single draw.
        resamples: Number of drawings.
    """

    clips: int
    groups: int
    accuracy_first: float
    accuracy_second: float
    difference: float
    of_draw: dict[int, float]
    over_clips: Interval
    over_clips_and_draws: Interval | None
    resamples: int

    @property
    def clips_gained(self) -> float:
        """The effect in clips: how many more of them the first method has right, mean over the draws."""
        return self.difference * self.clips

    @property
    def widest(self) -> Interval:
        """The interval that covers all that was resampled: clips, and label draws where there are several."""
        return self.over_clips_and_draws or self.over_clips


def paired_difference_over_draws(
    first_right: BoolArray,
    second_right: BoolArray,
    clips: Sequence[str],
    groups: Sequence[str],
    draws: Sequence[int],
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> DifferenceOverDraws:
    """Compare two methods on the same clips under the same label draws.

    An answer is one clip under one label draw (and seed). Not every clip needs an answer under every draw.

    Args:
        first_right: Whether each answer of the first method is right, shape (answer,).
        second_right: The same of the second method, in the same order, shape (answer,).
        clips: The clip of each answer, length answer.
        groups: Its content group or source recording, length answer.
        draws: The label draw that both methods were trained with, length answer.
        generator: Where the drawings come from.
        resamples: Number of drawings.
    """
    gain = first_right.astype(np.float64) - second_right.astype(np.float64)
    group_names, group_of_answer = np.unique(np.asarray(groups), return_inverse=True)
    draw_numbers, draw_of_answer = np.unique(np.asarray(draws), return_inverse=True)
    sums, sizes = np.zeros((2, len(draw_numbers), len(group_names)))
    np.add.at(sums, (draw_of_answer, group_of_answer), gain)
    np.add.at(sizes, (draw_of_answer, group_of_answer), 1.0)
    over_clips = percentile_interval(_resampled_means(sums.sum(axis=0), sizes.sum(axis=0), resamples, generator))
    over_both = None
    if len(draw_numbers) > 1:
        over_both = percentile_interval(_two_way_resampled_means(sums, sizes, resamples, generator))
    of_draw = sums.sum(axis=1) / sizes.sum(axis=1)
    return DifferenceOverDraws(
        clips=len(set(clips)),
        groups=len(group_names),
        accuracy_first=float(first_right.mean()),
        accuracy_second=float(second_right.mean()),
        difference=float(gain.mean()),
        of_draw={int(draw): float(value) for draw, value in zip(draw_numbers, of_draw, strict=True)},
        over_clips=over_clips,
        over_clips_and_draws=over_both,
        resamples=resamples,
    )


def percentile_interval(drawn: FloatArray) -> Interval:
    """Return the interval that holds 95 % of the drawn differences, (resamples,)."""
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    smaller_tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Interval(float(low), float(high), min(1.0, 2 * (smaller_tail + 1) / (len(drawn) + 1)))


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


def _two_way_resampled_means(
    sums: FloatArray, sizes: FloatArray, resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Draw label draws and groups with replacement, each for itself, and return the mean of each drawing.

    Args:
        sums: Gain of each group under each label draw, shape (draw, group).
        sizes: Number of answers there, shape (draw, group).
        resamples: Number of drawings.
        generator: Where they come from.

    Returns:
        Shape (resamples,). A drawing without any answer, which only gaps in the study allow, is drawn again.
    """
    num_draws, num_groups = sums.shape
    found: list[FloatArray] = []
    while (missing := resamples - sum(map(len, found))) > 0:
        how_many = min(_RESAMPLES_AT_ONCE, missing)
        of_draws = generator.multinomial(num_draws, np.full(num_draws, 1 / num_draws), size=how_many)
        of_groups = generator.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=how_many)
        answers = ((of_draws @ sizes) * of_groups).sum(axis=1)
        gains = ((of_draws @ sums) * of_groups).sum(axis=1)
        found.append(gains[answers > 0] / answers[answers > 0])
    return np.concatenate(found)
