from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aed.errors import DataError, ModelError
from aed.study.compare import compare_runs
from aed.study.predictions import Predictions
from tests.study.small_study import multi_label, multi_tree, single_label, small_tree, write_run

TRUTH = [4, 5, 2, 4, 5, 2, 4, 5]


def evaluated(folder: Path, predictions: Predictions, **options: object) -> Path:
    predictions.save(write_run(folder, **options) / "predictions.npz")  # type: ignore[arg-type]
    return folder


def test_runs_are_paired_by_clip_whatever_their_order(tmp_path: Path) -> None:
    first = single_label(TRUTH, TRUTH)
    second = single_label([*TRUTH[:6], 5, 4], TRUTH)
    shuffled = second.take(np.random.default_rng(0).permutation(len(second)))
    found = compare_runs(evaluated(tmp_path / "a", first), evaluated(tmp_path / "b", shuffled))
    assert (found.accuracy_first, found.accuracy_second) == (1.0, 0.75)
    assert (found.only_first_right, found.only_second_right, found.clips_gained) == (2, 0, 2)
    assert (found.clips, found.groups) == (8, 4)


def test_folds_are_pooled(tmp_path: Path) -> None:
    for name, answers in (("a", TRUTH), ("b", [5, *TRUTH[1:]])):
        whole = single_label(answers, TRUTH)
        for fold, rows in ((1, np.arange(4)), (2, np.arange(4, 8))):
            evaluated(tmp_path / name / f"fold{fold}", whole.take(rows), fold=fold)
    assert compare_runs(tmp_path / "a", tmp_path / "b").clips_gained == 1


def test_none_of_these_clips_are_left_out(tmp_path: Path) -> None:
    predictions = single_label([4, 3], [4, 3])
    found = compare_runs(evaluated(tmp_path / "a", predictions), evaluated(tmp_path / "b", predictions))
    assert found.clips == 1


def test_missing_predictions_say_how_to_make_them(tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a", single_label([4], [4]))
    second = write_run(tmp_path / "b")
    with pytest.raises(DataError, match=f"aed evaluate --model {second}"):
        compare_runs(first, second)


def test_different_clips_are_refused(tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a", single_label([4, 5], [4, 5]))
    second = evaluated(tmp_path / "b", single_label([4], [4]))
    with pytest.raises(DataError, match="1 are in one of them only, such as made/1"):
        compare_runs(first, second)


def test_different_labels_are_refused(tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a", single_label([4], [4]))
    second = evaluated(tmp_path / "b", single_label([4], [5]))
    with pytest.raises(DataError, match="disagree about the label of made/0: 'dog' and 'cat'"):
        compare_runs(first, second)


def test_several_labels_are_refused(tmp_path: Path) -> None:
    predictions = multi_label([[1, 1, 0, 1, 0]], np.zeros((1, 5)), [0] * 5)
    folder = evaluated(tmp_path / "a", predictions, tree=multi_tree())
    with pytest.raises(DataError, match="several labels"):
        compare_runs(folder, folder)


def test_predictions_of_another_taxonomy_are_refused(tmp_path: Path) -> None:
    stale = dataclasses.replace(single_label([4], [4]), taxonomy_digest="ffffffffffff")
    folder = evaluated(tmp_path / "a", stale)
    with pytest.raises(ModelError, match=f"expected digest {small_tree().digest}, got ffffffffffff"):
        compare_runs(folder, folder)
