"""Seconds <-> samples and rows: the only place that rounds.

Positions are integers of samples at a stated rate; seconds are for people. Rounding is half-up, so that it never
alternates as Python's banker's rounding does.
"""

from __future__ import annotations

import math


def samples_from_seconds(seconds: float, rate_hz: int) -> int:
    """Nearest sample index to a time, halves up."""
    return math.floor(seconds * rate_hz + 0.5)


def seconds_from_samples(samples: int, rate_hz: int) -> float:
    """Time of a sample index in seconds."""
    return samples / rate_hz


def resampled_length_samples(samples: int, from_hz: int, to_hz: int) -> int:
    """Length after resampling: the nearest whole number of samples, halves up; at least 1 where there was a sample."""
    if samples == 0:
        return 0
    return max(1, (2 * samples * to_hz + from_hz) // (2 * from_hz))


def rows_from_seconds(seconds: float, row_seconds: float) -> int:
    """Whole rows nearest to a length of time, halves up."""
    return int(seconds / row_seconds + 0.5)
