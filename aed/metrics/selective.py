"""Selective answering: how many answers are wrong if the model may keep silent where it is unsure.

Clips are answered in the order of their confidence, the surest first. With the i surest of n clips answered, coverage
is i / n and risk is the share of wrong answers among those i (Geifman & El-Yaniv, *Selective classification for deep
neural networks*, NIPS 2017). The area under the curve is the mean risk over all coverages (Geifman, Uziel & El-Yaniv,
*Bias-reduced uncertainty estimation for deep neural classifiers*, ICLR 2019):

    AURC = 1/n sum_i risk(i)                                                                                        (1)
    excess AURC = AURC - AURC of the same answers with every right one before every wrong one                       (2)

AURC falls with accuracy alone; the excess is what better confidences could still gain, 0 at best.

Clips of equal confidence have no order: what is computed is the mean over all their orders, so neither a constant
confidence (AURC = error rate) nor the order of the clips in a file changes a figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk at every coverage.

    Attributes:
        coverage: Share of clips that are answered, 1/n, 2/n ... 1, shape (clip,).
        risk: Share of wrong answers among them, 0 to 1, shape (clip,).
        aurc: Area under the curve (1), 0 to 1; nan without clips.
        excess_aurc: The part of it that a better order would avoid (2); nan without clips.
    """

    coverage: npt.NDArray[np.float64]
    risk: npt.NDArray[np.float64]
    aurc: float
    excess_aurc: float


def risk_coverage(confidences: FloatArray, right: BoolArray) -> RiskCoverage:
    """Return the risk at every coverage.

    Args:
        confidences: Any numbers that rise with the belief, such as log P of the answered leaf, shape (clip,).
        right: Whether each answer is right, shape (clip,).
    """
    if not len(right):
        nothing = np.zeros(0)
        return RiskCoverage(nothing, nothing, float("nan"), float("nan"))
    risk = _risk(confidences, right)
    aurc = float(risk.mean())
    best = float(_risk(right.astype(np.float64), right).mean())
    return RiskCoverage(np.arange(1, len(right) + 1) / len(right), risk, aurc, aurc - best)


def _risk(confidences: FloatArray, right: BoolArray) -> npt.NDArray[np.float64]:
    """Share of wrong answers among the 1, 2 ... n surest; within equal confidences, wrong ones come evenly."""
    order = np.argsort(-confidences, kind="stable")
    confidences, wrong = confidences[order], np.cumsum(~right[order])
    ends = np.append(np.flatnonzero(confidences[1:] != confidences[:-1]), len(wrong) - 1)
    answered = np.arange(1, len(wrong) + 1)
    expected_wrong = np.interp(answered, np.append(0, ends + 1), np.append(0, wrong[ends]))
    return np.asarray(expected_wrong / answered)
