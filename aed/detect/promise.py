"""What a count of false alarms promises: the upper bound of their rate, without the libraries of the training extra."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_HALVINGS = 60
"""Of the interval in which the bound is searched: to the last bit."""


def most_per_hour(count: int, hours: float, confidence: float = CONFIDENCE) -> float:
    """Return the upper end of the exact one-sided interval of a Poisson rate (Garwood 1936).

    It is the rate at which so few events in so many hours would have had the probability 1 - confidence; the same as
    `aed.metrics.false_alarms.poisson_upper_bound`.

    Args:
        count: False alarms.
        hours: In how much sound.
        confidence: Probability with which the rate is at most the bound.

    Returns:
        An hour; infinite without sound.
    """
    if hours <= 0:
        return math.inf
    low, high = 0.0, 10.0 + 3.0 * (count + 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _probability_of_at_most(count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high / hours


def _probability_of_at_most(count: int, mean: float) -> float:
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))
