"""How sure an answer must be for a wished accuracy: a threshold with a promise about recordings that nobody heard yet.

On calibration recordings that the model never saw, let loss_i(t), from 0 to 1, be the share of wrong answers on
recording i when only answers of probability t or more are given; it never grows with t. Two promises can be made about
another recording of the same kind:

- *On average* (conformal risk control, Angelopoulos et al., ICLR 2024, arXiv 2208.02814): with the smallest t of

      (loss_1(t) + ... + loss_n(t) + 1) / (n + 1) <= 1 - accuracy                                           (1)

  the expected loss, over calibration and new recording alike, is at most 1 - accuracy. It takes n recordings with
  n >= 1 / (1 - accuracy) - 1: 19 for 95 %.

- *With confidence c* (learn then test, Angelopoulos et al., 2021, arXiv 2110.01052, fixed sequence): t is the smallest
  at which, and at every larger one, the upper end of the one-sided Clopper-Pearson interval of k(t) recordings with
  any wrong answer out of n is low enough:

      quantile c of the beta distribution (k(t) + 1, n - k(t)) <= 1 - accuracy                              (2)

  Then, with probability c over the calibration recordings, at most 1 - accuracy of all recordings get a wrong answer.
  It takes n >= log(1 - c) / log(accuracy): 45 for 95 % with confidence 0.9.

Recordings, not clips: clips of one recording are wrong together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from aed.errors import DataError

Float64Array = npt.NDArray[np.float64]
LossesAt = Callable[[float], Float64Array]
"""Threshold -> loss of each recording, (recording,), 0 to 1."""


def bound_on_average(losses: Float64Array) -> float:
    """Left side of (1): what the expected loss of another recording is at most."""
    return float((losses.sum() + 1) / (len(losses) + 1))


def bound_with_confidence(losses: Float64Array, confidence: float) -> float:
    """Left side of (2): the share of recordings with any wrong answer is at most this, with that confidence."""
    wrong, total = np.count_nonzero(losses), len(losses)
    return 1.0 if wrong == total else float(beta.ppf(confidence, wrong + 1, total - wrong))


def least_recordings(accuracy: float, confidence: float | None) -> int:
    """Recordings that a promise takes even if nothing is wrong in any of them."""
    if confidence is None:
        return int(np.ceil(round(1 / (1 - accuracy), 9))) - 1
    return int(np.ceil(np.log1p(-confidence) / np.log(accuracy)))


def smallest_threshold(
    losses_at: LossesAt, candidates: Float64Array, accuracy: float, confidence: float | None = None
) -> float:
    """Find the smallest threshold that keeps the promise.

    Args:
        losses_at: Loss of each recording at a threshold; never grows with it.
        candidates: Thresholds, ascending; the last one must be so high that no answer is given.
        accuracy: Wished share of answers that are not wrong, between 0 and 1.
        confidence: Probability of promise (2), between 0 and 1; promise (1) where it is None.

    Raises:
        DataError: There are too few recordings for the promise, however few answers are given.
    """
    least, recordings = least_recordings(accuracy, confidence), len(losses_at(candidates[-1]))
    if recordings < least:
        how = "on average" if confidence is None else f"with confidence {confidence:g}"
        raise DataError(
            f"an accuracy of {accuracy:g} cannot be promised {how} from {recordings} recordings: it takes {least} even "
            "if no answer is wrong; add labelled recordings, or ask for less"
        )

    def holds(threshold: float) -> bool:
        losses = losses_at(threshold)
        bound = bound_on_average(losses) if confidence is None else bound_with_confidence(losses, confidence)
        return bound <= 1 - accuracy + _ROUNDING

    low, high = 0, len(candidates) - 1  # the last one holds
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(candidates[middle]) else (middle + 1, high)
    return float(candidates[low])


_ROUNDING = 1e-12
"""1 - 0.95 is a little more than 0.05 in binary."""
