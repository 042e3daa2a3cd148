from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from aed.metrics.calibration import BINS, calibration, calibration_by_depth
from aed.metrics.clip import accuracy_by_depth, depth_cut
from aed.ontology.taxonomy import Taxonomy
from tests.metrics.random_trees import labelled_clips

answers = st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


def slow_error(clips: list[tuple[float, bool]], bins: int) -> float:
    """Fill bins one after the other; a clip joins the bin of the first one with its confidence."""
    in_order = sorted(confidence for confidence, _ in clips)
    total = 0.0
    for number in range(bins):
        of_bin = [clip for clip in clips if in_order.index(clip[0]) * bins // len(clips) == number]
        if of_bin:
            gap = np.mean([right for _, right in of_bin]) - np.mean([confidence for confidence, _ in of_bin])
            total += len(of_bin) / len(clips) * abs(gap)
    return float(total)


@given(answers, st.integers(1, 6), st.randoms())
def test_the_error_equals_the_slow_way_in_any_order(clips: list[tuple[float, bool]], bins: int, random: object) -> None:
    confidences, right = np.array([c for c, _ in clips]), np.array([r for _, r in clips])
    found = calibration(confidences, right, bins)
    assert found.error == pytest.approx(slow_error(clips, bins))
    assert found.clips.sum() == len(clips)
    assert (found.clips > 0).all()
    random.shuffle(clips)  # type: ignore[attr-defined]
    shuffled = calibration(np.array([c for c, _ in clips]), np.array([r for _, r in clips]), bins)
    assert shuffled.error == pytest.approx(found.error)


def test_the_bins_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.random(200)
    right = generator.random(200) < confidences
    found = calibration(confidences, right)
    accuracy, confidence = calibration_curve(right, confidences, n_bins=BINS, strategy="quantile")
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.confidence, confidence)
    assert found.clips.tolist() == [20] * BINS


def test_a_calibrated_model_has_little_error_and_a_boastful_one_its_excess() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.uniform(0.5, 1.0, 50_000)
    right = generator.random(50_000) < confidences
    assert calibration(confidences, right).error < 0.01
    boastful = calibration(np.full(1000, 0.9), np.arange(1000) % 2 == 0)
    assert boastful.error == pytest.approx(0.4)
    assert boastful.clips.tolist() == [1000]


@given(labelled_clips())
def test_each_depth_judges_the_likeliest_node_of_its_cut(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    found = calibration_by_depth(log_p, targets, tree, bins=3)
    for depth, accuracy in zip(found, accuracy_by_depth(log_p, targets, tree), strict=True):
        assert depth.depth == accuracy.depth
        assert depth.calibration.clips.sum() == accuracy.clips
        if not accuracy.clips:
            assert math.isnan(depth.calibration.error)
            continue
        share = np.average(depth.calibration.accuracy, weights=depth.calibration.clips)
        assert share == pytest.approx(accuracy.accuracy)
        best = np.exp(log_p[:, depth_cut(tree, depth.depth)].max(axis=1).astype(float))
        assert best.min() - 1e-6 <= depth.calibration.confidence[0]
        assert depth.calibration.confidence[-1] <= best.max() + 1e-6
