"""What a model was calibrated to: probabilities that mean what they say, and how sure an answer must be.

It lies in the model's folder as `calibration.json`, holds for the weights beside it only, and goes into their export.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import Field, PositiveFloat

from aed.errors import ModelError
from aed.settings import Settings
from aed.storage import write_atomic

FILE_NAME = "calibration.json"
_WEIGHTS = "model.safetensors"
_DIGEST_DIGITS = 12


class HedgeCalibration(Settings):
    """How sure a model is, and how deep it answers.

    Attributes:
        format: Version of this file.
        weights: sha256 of the weights, 12 hex digits.
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
    weights: str
    temperatures: tuple[PositiveFloat, ...]
    accuracy: float = Field(gt=0, lt=1)
    confidence: float | None = Field(gt=0, lt=1)
    min_probability: float = Field(gt=0, lt=1)
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
    write_atomic(folder / FILE_NAME, calibration.model_dump_json(indent=1) + "\n")


def read_calibration(folder: Path) -> HedgeCalibration | None:
    """Read what a model was calibrated to; None where it was not.

    Raises:
        ModelError: The file is damaged, or belongs to other weights.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); calibrate anew with 'aed calibrate'") from error
    calibration = parse_calibration(content, str(path))
    if calibration.weights != (found := weights_digest(folder)):
        raise ModelError(
            f"{path}: made for weights {calibration.weights}, but those in this folder are {found}: calibrate anew "
            "with 'aed calibrate', or remove it"
        )
    return calibration


def parse_calibration(content: bytes | str, name: str) -> HedgeCalibration:
    """Read the content of such a file.

    Args:
        content: JSON.
        name: Where it lies, for messages.

    Raises:
        ModelError: It is damaged.
    """
    try:
        return HedgeCalibration.model_validate_json(content)
    except pydantic.ValidationError as error:
        why = " ".join(str(error).split())
        raise ModelError(f"{name}: damaged ({why}); remove it, or calibrate anew with 'aed calibrate'") from error


def weights_digest(folder: Path) -> str:
    """Name the weights of a model folder.

    Raises:
        ModelError: There are none.
    """
    try:
        return hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()[:_DIGEST_DIGITS]
    except OSError as error:
        raise ModelError(f"{folder}: {_WEIGHTS} cannot be read ({error.strerror}); copy the folder again") from error
