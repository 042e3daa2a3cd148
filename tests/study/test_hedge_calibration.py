"""How deep to answer, set on predictions small enough to check by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aed.detect.calibration import HedgeCalibration, read_calibration
from aed.errors import ConfigError, DataError, ModelError
from aed.study.hedge_calibration import (
    calibrate_model,
    calibrated_threshold,
    hedged_answers,
    recording_losses,
    wrong_answers,
)
from aed.study.predictions import Predictions
from tests.study.small_study import small_tree

ROOT, ANIMAL, SIREN, NONE, DOG, CAT = range(6)
TREE = small_tree()


def made(dog: list[float], *, animal: float = 0.95, target: int = DOG) -> Predictions:
    """Clips of one recording each that put so much on the dog and the rest of `animal` on the cat."""
    p = np.array([[1, animal, (1 - animal) / 2, (1 - animal) / 2, each, animal - each] for each in dog])
    return Predictions(
        clip_ids=np.array([f"made/{number}" for number in range(len(dog))]),
        groups=np.array([f"g{number}" for number in range(len(dog))]),
        folds=np.ones(len(dog), dtype=np.int64),
        log_p=np.log(p).astype(np.float32),
        taxonomy_digest=TREE.digest,
        target_nodes=np.full(len(dog), target),
    )


def test_an_answer_is_as_deep_as_it_is_sure() -> None:
    log_p = made([0.9, 0.6, 0.5]).log_p
    assert hedged_answers(log_p, TREE, 0.7).tolist() == [DOG, ANIMAL, ANIMAL]
    assert hedged_answers(log_p, TREE, 0.97).tolist() == [ROOT] * 3


def test_what_is_wrong() -> None:
    answers = np.array([DOG, CAT, ANIMAL, ROOT, SIREN, DOG, ANIMAL])
    targets = np.array([DOG, DOG, DOG, DOG, DOG, ANIMAL, NONE])
    assert wrong_answers(answers, targets, TREE).tolist() == [False, True, False, False, True, False, True]


def test_a_recording_counts_once() -> None:
    wrong = np.array([True, False, False, True])
    assert recording_losses(wrong, np.array(["b", "a", "b", "c"])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("confidence", [None, 0.9])
def test_the_threshold_lies_just_above_the_surest_error_that_must_go(confidence: float | None) -> None:
    # 100 dogs; the likeliest leaf of the last 20 is the cat, with 0.65 to 0.93
    cats = np.linspace(0.65, 0.93, 20)
    predictions = made([*[0.94] * 80, *(0.95 - cats)])
    threshold = calibrated_threshold(predictions, TREE, 0.95, confidence)
    allowed = (
        4 if confidence is None else 1
    )  # (4 + 1) / 101 < 0.05; the interval of 1 of 100 ends at 0.038, of 2 at 0.052
    answers = hedged_answers(predictions.log_p, TREE, threshold)
    assert (answers == CAT).sum() == allowed
    assert (answers == DOG).sum() == 80
    assert threshold == pytest.approx(np.sort(cats)[-allowed - 1], abs=1e-6)


def test_too_few_recordings_are_refused() -> None:
    predictions = made([0.9] * 18)
    with pytest.raises(DataError, match=r"0\.95 cannot be promised on average from 18 recordings: it takes 19"):
        calibrated_threshold(predictions, TREE, 0.95, None)


def model_folder(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_it_is_kept_with_the_weights(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    assert read_calibration(folder) is None
    found = calibrate_model(folder, TREE, made([0.9] * 60 + [0.5] * 40), 0.95, None, 5)
    assert read_calibration(folder) == found
    assert (found.clips, found.recordings, found.wrong_share, found.answered_share) == (100, 100, 0.0, 1.0)
    assert found.leaf_share == 1.0
    (folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(ModelError, match=r"made for weights \w+, but those in this folder are \w+: calibrate anew"):
        read_calibration(folder)
    (folder / "calibration.json").write_text("{}")
    with pytest.raises(ModelError, match=r"calibration\.json: damaged"):
        read_calibration(folder)


def test_a_promise_that_only_silence_keeps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds only where nothing is ever answered"):
        calibrate_model(model_folder(tmp_path), TREE, made([0.9] * 40, target=SIREN), 0.95, None, 5)
    assert read_calibration(tmp_path) is None


def test_thresholds_are_probabilities() -> None:
    with pytest.raises(ConfigError, match="min_probability"):
        HedgeCalibration(
            weights="",
            temperatures=(1.0,),
            accuracy=0.9,
            confidence=None,
            min_probability=1.0,
            clips=1,
            recordings=1,
            parts=2,
            wrong_share=0,
            answered_share=1,
            leaf_share=1,
        )
