"""Calibrate a model on cross-fitted predictions: each clip is judged by a model that never heard it.

First the probabilities are corrected by a temperature per depth, then the threshold of an answer is set. Both are found
on the same clips: a handful of temperatures, which only change how depths compare, cannot learn the clips by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.detect.beside_weights import weights_digest
from aed.detect.calibration import HedgeCalibration, write_calibration
from aed.detect.hedge import Hedge, reportable_nodes
from aed.errors import DataError
from aed.metrics.risk_control import Float64Array, smallest_threshold
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.tempered import tempered
from aed.study.predictions import Predictions
from aed.study.temperature import fit_temperatures

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
NO_ANSWER = 0
"""The root, which claims nothing."""


def tempered_predictions(predictions: Predictions, taxonomy: Taxonomy, temperatures: Sequence[float]) -> Predictions:
    """Return the predictions with calibrated probabilities."""
    return replace(predictions, log_p=tempered(predictions.log_p, taxonomy, temperatures))


def hedged_answers(log_p: npt.NDArray[np.floating], taxonomy: Taxonomy, min_probability: float) -> IntArray:
    """Answer each clip as deep as it is sure: node index, the root where nothing is, (clip, node) -> (clip,)."""
    probabilities = np.exp(log_p)  # float32, as predict and detect compare them
    answers: IntArray = Hedge(taxonomy).answers(probabilities, probabilities >= min_probability).argmax(axis=1)
    return answers  # argmax of a row without an answer is 0, the root


def wrong_answers(answers: IntArray, targets: IntArray, taxonomy: Taxonomy) -> BoolArray:
    """Tell which answers are wrong, (clip,): the answered node is neither the label nor above it, nor below it.

    A label on an inner node does not say what is below; no answer is never wrong, and for *none of these* any is.
    """
    above = taxonomy.ancestor_matrix
    return np.asarray(~(above[targets, answers] | above[answers, targets]))


def recording_losses(wrong: BoolArray, groups: npt.NDArray[np.str_]) -> Float64Array:
    """Share of wrong answers in each recording: (clip,) -> (recording,)."""
    _, recording = np.unique(groups, return_inverse=True)
    losses: Float64Array = np.bincount(recording, weights=wrong) / np.bincount(recording)
    return losses


def calibrated_threshold(
    predictions: Predictions, taxonomy: Taxonomy, accuracy: float, confidence: float | None
) -> float:
    """Find how sure an answer must be for the wished accuracy; see `aed.metrics.risk_control`.

    Args:
        predictions: Of single-label clips, each by a model that never heard its recording.
        taxonomy: Their tree.
        accuracy: Wished share of clips without a wrong answer.
        confidence: Probability of the promise; None promises it on average.

    Raises:
        DataError: There are too few recordings for the promise.
    """
    targets = predictions.target_nodes
    assert targets is not None, "the caller refuses models with several labels"

    def losses_at(threshold: float) -> Float64Array:
        answers = hedged_answers(predictions.log_p, taxonomy, threshold)
        return recording_losses(wrong_answers(answers, targets, taxonomy), predictions.groups)

    believed = np.exp(predictions.log_p[:, reportable_nodes(taxonomy)])
    just_above = np.nextafter(np.unique(believed), np.float32(2))  # at the last one nothing is answered
    return smallest_threshold(losses_at, just_above.astype(np.float64), accuracy, confidence)


@dataclass(frozen=True)
class HedgedShares:
    """What becomes of clips that are answered as deep as the answer is sure.

    Attributes:
        clips: Number of clips.
        wrong: Share with a wrong answer.
        answered: Share with an answer.
        leaf: Share that is answered with a leaf.
    """

    clips: int
    wrong: float
    answered: float
    leaf: float

    @property
    def right_of_answered(self) -> float:
        """Share of right answers among those given; nan where none was given."""
        return 1 - self.wrong / self.answered if self.answered else nan


def hedged_shares(predictions: Predictions, taxonomy: Taxonomy, min_probability: float) -> HedgedShares:
    """Answer single-label clips as deep as the answer is sure, and judge the answers."""
    assert predictions.target_nodes is not None, "the caller refuses predictions of several labels"
    answers = hedged_answers(predictions.log_p, taxonomy, min_probability)
    return HedgedShares(
        clips=len(predictions),
        wrong=float(wrong_answers(answers, predictions.target_nodes, taxonomy).mean()),
        answered=float((answers != NO_ANSWER).mean()),
        leaf=float(np.isin(answers, taxonomy.leaves).mean()),
    )


def mean_shares(parts: Sequence[HedgedShares]) -> HedgedShares:
    """Shares over the clips of several folds, each answered with its own model's threshold."""
    clips = [part.clips for part in parts]

    def mean(name: str) -> float:
        return float(np.average([getattr(part, name) for part in parts], weights=clips))

    return HedgedShares(sum(clips), mean("wrong"), mean("answered"), mean("leaf"))


def calibrate_model(
    model: Path, taxonomy: Taxonomy, predictions: Predictions, accuracy: float, confidence: float | None, parts: int
) -> HedgeCalibration:
    """Set a model's temperatures and threshold, and write them into its folder.

    Args:
        model: Model folder.
        taxonomy: Its tree.
        predictions: Cross-fitted, of its labelled clips.
        accuracy: Wished share of clips without a wrong answer.
        confidence: Probability of the promise; None promises it on average.
        parts: Trainings that the predictions are from.

    Raises:
        DataError: There are too few recordings for the promise.
        StorageError: The folder cannot be written.
    """
    predictions.check_taxonomy(taxonomy, model)
    assert predictions.target_nodes is not None, "the caller refuses models with several labels"
    temperatures = fit_temperatures(predictions.log_p, predictions.target_nodes, taxonomy)
    predictions = tempered_predictions(predictions, taxonomy, temperatures)
    threshold = calibrated_threshold(predictions, taxonomy, accuracy, confidence)
    shares = hedged_shares(predictions, taxonomy, threshold)
    if not shares.answered:
        raise DataError(
            f"{model}: an accuracy of {accuracy:g} holds only where nothing is ever answered: the surest answers are "
            "wrong too often; ask for less, or train a better model"
        )
    found = HedgeCalibration(
        weights=weights_digest(model),
        temperatures=temperatures,
        accuracy=accuracy,
        confidence=confidence,
        min_probability=threshold,
        clips=len(predictions),
        recordings=len(np.unique(predictions.groups)),
        parts=parts,
        wrong_share=shares.wrong,
        answered_share=shares.answered,
        leaf_share=shares.leaf,
    )
    write_calibration(model, found)
    return found
