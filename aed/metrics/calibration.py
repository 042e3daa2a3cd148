"""Calibration by depth: do the answers in which the model puts 80 % come true in 80 % of the cases?

At each depth the tree is cut (`aed.metrics.clip.depth_cut`), the likeliest node is the answer, and its P is the
confidence. The answers are sorted by confidence into bins of equally many clips, and

    ECE = sum over bins b of (clips in b / clips) * |accuracy of b - mean confidence of b|                           (1)

This is the expected calibration error (Naeini, Cooper & Hauskrecht, AAAI 2015) with adaptive bins (Nguyen & O'Connor,
EMNLP 2015; Nixon et al., *Measuring calibration in deep learning*, CVPR workshops 2019, arXiv 1904.01685): bins of
equal width would leave nearly all answers of a sure model in the last one.

With few clips a bin's accuracy scatters, and (1) is above 0 even for a perfectly calibrated model: about
sqrt(2 / pi * p * (1 - p) / clips per bin), 4 points with 40 clips at p = 0.9. Compare it between models on the same
clips only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.metrics.clip import ancestors_at, depth_cut
from aed.ontology.taxonomy import Taxonomy

BINS = 10
"""Bins per depth: 40 clips in each for ESC-10, whose test folds hold 400."""

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Accuracy against confidence, least sure bin first.

    Attributes:
        confidence: Mean confidence of each bin, 0 to 1, shape (bin,).
        accuracy: Share of right answers of each bin, 0 to 1, shape (bin,).
        clips: Clips in each bin, shape (bin,). Empty bins are left out: equal confidences share one bin.
    """

    confidence: Float64Array
    accuracy: Float64Array
    clips: IntArray

    @property
    def error(self) -> float:
        """Expected calibration error (1), 0 to 1; nan without clips."""
        if not len(self.clips):
            return float("nan")
        return float(np.average(np.abs(self.accuracy - self.confidence), weights=self.clips))


@dataclass(frozen=True, eq=False)
class DepthCalibration:
    """Calibration of the likeliest node where the tree is cut at one depth.

    Attributes:
        depth: Distance of the cut from the root; 1 is the coarsest.
        calibration: Over the clips that are labelled at this depth or deeper.
    """

    depth: int
    calibration: Calibration


def calibration(confidences: FloatArray, right: BoolArray, bins: int = BINS) -> Calibration:
    """Sort answers into bins of equally many clips by confidence.

    Args:
        confidences: Probability that was put on each answer, shape (clip,).
        right: Whether each answer is right, shape (clip,).
        bins: Number of bins. Equal confidences are never torn apart, whatever the order of the clips.
    """
    order = np.argsort(confidences, kind="stable")
    confidences, right = confidences[order].astype(np.float64), right[order]
    first_of_its_kind = np.searchsorted(confidences, confidences, side="left")
    _, bin_of_clip = np.unique(first_of_its_kind * bins // max(len(right), 1), return_inverse=True)
    clips = np.bincount(bin_of_clip)
    return Calibration(
        confidence=np.bincount(bin_of_clip, weights=confidences) / clips,
        accuracy=np.bincount(bin_of_clip, weights=right) / clips,
        clips=clips,
    )


def calibration_by_depth(
    log_p: FloatArray, target_nodes: IntArray, taxonomy: Taxonomy, bins: int = BINS
) -> tuple[DepthCalibration, ...]:
    """Return the calibration of the likeliest node at every depth, coarsest first.

    Args:
        log_p: Log P(node), shape (clip, node).
        target_nodes: The node that each clip is labelled with, shape (clip,).
        taxonomy: The tree whose nodes these are.
        bins: Number of bins per depth.
    """
    found = []
    for depth in range(1, taxonomy.max_depth + 1):
        cut = depth_cut(taxonomy, depth)
        truth = ancestors_at(target_nodes, np.full(len(target_nodes), depth), taxonomy)
        counted = np.isin(truth, cut)
        of_cut, truth = log_p[counted][:, cut], truth[counted]
        answers = cut[of_cut.argmax(axis=1)]
        found.append(DepthCalibration(depth, calibration(np.exp(of_cut.max(axis=1)), answers == truth, bins)))
    return tuple(found)
