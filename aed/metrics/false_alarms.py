"""False alarms of a node: how many, in how much sound, and how many an hour there may be at most.

A false alarm is an unbroken stretch in which a node is detected while it is known to be silent. The neighbourhood of
its events and of what is unknown about it, `tolerance_seconds` on both sides, is left out: a window that holds the edge
of a sound is no false alarm. A detection that goes on far beyond its event counts, and a detector that is always on
gets one false alarm for every pause between two events. All the rest of the recording is the exposure.

False alarms come one by one and seldom, so their number is taken as Poisson distributed. Of n in an exposure of T hours
the rate is, with confidence c, at most the upper end of the exact one-sided interval (Garwood 1936)

    quantile c of the chi-squared distribution with 2 n + 2 degrees of freedom / (2 T)                             (1)

which for n = 0 and c = 0.95 is 3.00 / T, the "rule of three".

The same sound heard twice is no new evidence. Where only a share u of the exposure is unique (scenes at several
signal-to-noise ratios over one background), the rate stays n / T, and (1) is taken with u n and u T.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from aed.metrics.event_truth import EventScene
from aed.metrics.spans import Spans, intersect, subtract, total_seconds, union, union_of, widen

TOLERANCE_SECONDS = 1.0
"""About the length of a detector's window, which smears an event over its surroundings."""
CONFIDENCE = 0.95
HOURS_A_DAY = 24.0
_SECONDS_AN_HOUR = 3600.0
_LEAST_SECONDS = 1e-3
"""Tables tell times to the millisecond: a shorter stretch is rounding."""


@dataclass(frozen=True)
class FalseAlarms:
    """What was counted of one node.

    Attributes:
        count: False alarms.
        exposure_seconds: Time in which the node was known to be silent.
        unique_share: Share of that time whose sound is not heard a second time in it.
    """

    count: int
    exposure_seconds: float
    unique_share: float = 1.0

    @property
    def exposure_hours(self) -> float:
        """Time in which the node was known to be silent, in hours."""
        return self.exposure_seconds / _SECONDS_AN_HOUR

    @property
    def unique_hours(self) -> float:
        """Hours of it that are heard for the first time: what the upper bound rests on."""
        return self.unique_share * self.exposure_hours

    @property
    def per_hour(self) -> float:
        """False alarms an hour; nan without exposure."""
        return self.count / self.exposure_hours if self.exposure_seconds > 0 else float("nan")

    @property
    def per_day(self) -> float:
        """False alarms a day of 24 hours; nan without exposure."""
        return self.per_hour * HOURS_A_DAY

    def most_per_hour(self, confidence: float = CONFIDENCE) -> float:
        """Return the upper bound of the rate, an hour (1); infinite without exposure."""
        return poisson_upper_bound(self.unique_share * self.count, self.unique_hours, confidence)

    def most_per_day(self, confidence: float = CONFIDENCE) -> float:
        """Return the upper bound of the rate, a day of 24 hours."""
        return self.most_per_hour(confidence) * HOURS_A_DAY


def poisson_upper_bound(count: float, exposure: float, confidence: float = CONFIDENCE) -> float:
    """Return the upper end of the exact one-sided interval of a Poisson rate (1).

    Args:
        count: Events that were seen, at least 0; a part of an event where the exposure is counted in part.
        exposure: In what; the bound is per unit of it.
        confidence: Probability with which the rate is at most the bound, between 0 and 1.
    """
    return float(chi2.ppf(confidence, 2 * count + 2) / (2 * exposure)) if exposure > 0 else float("inf")


def count_false_alarms(
    scenes: Iterable[EventScene], node: int, *, tolerance_seconds: float = TOLERANCE_SECONDS, unique_share: float = 1.0
) -> FalseAlarms:
    """Count the false alarms of a node over recordings.

    Args:
        scenes: The recordings.
        node: The node.
        tolerance_seconds: Neighbourhood of events and of the unknown that is left out.
        unique_share: Share of the recordings' time whose sound is not heard a second time in them.
    """
    count, exposure_seconds = 0, 0.0
    for scene in scenes:
        silent = silent_spans(scene, node, tolerance_seconds)
        false = intersect(scene.detections[node], silent)
        count += int(np.count_nonzero(false[:, 1] - false[:, 0] > _LEAST_SECONDS))
        exposure_seconds += total_seconds(silent)
    return FalseAlarms(count, exposure_seconds, unique_share)


def silent_spans(scene: EventScene, node: int, tolerance_seconds: float = TOLERANCE_SECONDS) -> Spans:
    """Return where a node is known to be silent, away from its events and from what is unknown about it."""
    near = widen(union_of([scene.truth[node], scene.unknown[node]]), tolerance_seconds, scene.duration_seconds)
    return subtract(union([(0.0, scene.duration_seconds)]), near)
