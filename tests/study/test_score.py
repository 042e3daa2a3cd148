from __future__ import annotations

import math

import numpy as np
import pytest

from aed.study.aggregate import summarise_folds
from aed.study.score import MultiLabelScores, SingleLabelScores, right_at_label_depth, score
from tests.study.small_study import multi_label, multi_tree, single_label, small_tree


def test_single_label_figures() -> None:
    # right dog, cat for dog (right branch), siren for dog, "none" for siren, and a clip of none of these
    found = score(single_label([4, 5, 2, 3, 3], [4, 4, 4, 2, 3]), small_tree())
    assert isinstance(found, SingleLabelScores)
    figures = found.figures()
    assert (found.clips, found.class_clips) == (5, 4)
    assert figures["leaf_accuracy"] == figures["accuracy_depth_2"] == 0.5  # the siren ties: first leaf is siren
    assert figures["accuracy_depth_1"] == pytest.approx(2 / 4)
    assert figures["none_share"] == 0.25
    assert figures["none_recall"] == 1.0
    assert figures["severity_of_mistakes"] == pytest.approx((1 + 2) / 2)
    assert found.confusion.counts.sum() == 4


def test_confidence_is_that_of_the_answered_leaf() -> None:
    # 0.9 on the answered leaf of the first three; the siren of the last is answered with 0.05
    found = score(single_label([4, 5, 2, 3], [4, 4, 2, 2]), small_tree())
    assert isinstance(found, SingleLabelScores)
    np.testing.assert_allclose(found.selective.risk, [1 / 3, 1 / 3, 1 / 3, 1 / 4])
    figures = found.figures()
    assert figures["aurc"] == found.selective.aurc
    assert figures["information_area"] == found.operating.area
    assert found.operating.information[-1] == pytest.approx(1.0)
    assert figures["calibration_error_depth_2"] == pytest.approx((3 * (0.9 - 2 / 3) + 0.95) / 4)  # siren ties, right
    assert figures["calibration_error_depth_1"] == pytest.approx((3 * 0.1 + 0.05) / 4)


def test_a_clip_labelled_at_an_inner_node_is_judged_there() -> None:
    predictions = single_label([4, 2], [1, 1])
    assert right_at_label_depth(predictions, small_tree()).tolist() == [True, False]
    found = score(predictions, small_tree())
    assert isinstance(found, SingleLabelScores)
    assert math.isnan(found.leaf_accuracy)
    assert found.severity.mistakes == 1


def test_multi_label_averages_the_labels_with_enough_clips() -> None:
    log_p = -np.array([[0, 0.1, 0.1, 0.1, 0.1], [0, 0.2, 0.2, 0.2, 0.2], [0, 0.3, 0.3, 0.3, 0.3]])
    targets = [[1, 1, 0, 1, 0], [1, 0, 1, -1, 0], [1, 1, 0, 0, 1]]
    found = score(multi_label(targets, log_p, [0, 0, 12, 10, 9]), multi_tree())
    assert isinstance(found, MultiLabelScores)
    assert [label.node for label in found.labels] == [2, 3]
    assert found.macro.mean == pytest.approx((1 / 2 + 1) / 2)
    assert found.macro.prior == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert found.macro_unlisted_absent.prior == pytest.approx(1 / 3)
    assert found.figures()["times_prior"] == pytest.approx(0.75 / (5 / 12))


def test_folds_are_averaged_where_they_have_a_value() -> None:
    (found,) = summarise_folds([{"a": 0.8}, {"a": 1.0}, {"a": math.nan}, {}], {"a": 0.85})
    assert (found.mean, found.pooled) == (pytest.approx(0.9), 0.85)
    assert found.spread == pytest.approx(math.sqrt(0.02))
    (single,) = summarise_folds([{"a": 0.8}], {"a": 0.8})
    assert math.isnan(single.spread)
