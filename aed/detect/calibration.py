"""What a model was calibrated to: probabilities that mean what they say, and how sure an answer must be.

It lies in the model's folder as `calibration.json`, holds for the weights beside it only, and goes into their export.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from aed.detect.beside_weights import BesideWeights, read_beside_weights, write_beside_weights

FILE_NAME = "calibration.json"
Share = Annotated[float, Meta(gt=0, lt=1)]


class HedgeCalibration(BesideWeights, frozen=True, kw_only=True):
    """How sure a model is, and how deep it answers.

    Attributes:
        format: Version of this file.
        temperatures: By which its decisions are corrected, one for each depth of the tree; see `aed.scorer.tempered`.
        accuracy: Promised share of clips without a wrong answer.
        confidence: Probability of the promise over calibration recordings; None: it holds on average.
        min_probability: How sure an answer must be, after that correction.
        clips: Labelled clips that it was set on, each judged by a model that was trained without its recording.
        recordings: Content groups among them.
        parts: How many such models there were.
        wrong_share: Share of these clips with a wrong answer at `min_probability`.
        answered_share: Share of these clips with an answer.
        leaf_share: Share of these clips that are answered with a leaf.
    """

    format: Literal[2] = 2
    temperatures: tuple[Annotated[float, Meta(gt=0)], ...]
    accuracy: Share
    confidence: Share | None
    min_probability: Share
    clips: int
    recordings: int
    parts: int
    wrong_share: float
    answered_share: float
    leaf_share: float


def write_calibration(folder: Path, calibration: HedgeCalibration) -> None:
    """Write it into a model's folder.

    Raises:
        StorageError: The folder cannot be written.
    """
    write_beside_weights(folder / FILE_NAME, calibration)


def read_calibration(folder: Path) -> HedgeCalibration | None:
    """Read what a model was calibrated to; None where it was not.

    Raises:
        ModelError: The file is damaged, or belongs to other weights.
    """
    return read_beside_weights(folder / FILE_NAME, HedgeCalibration)
