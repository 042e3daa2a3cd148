from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.metrics.clip import class_leaves, leaf_accuracy
from aed.metrics.operating_curve import node_information, operating_curve, weighted_areas
from aed.ontology.taxonomy import Taxonomy
from tests.metrics.random_trees import tree_of, trees


@st.composite
def believed_clips(draw: st.DrawFn) -> tuple[Taxonomy, np.ndarray, np.ndarray]:
    """A tree, log P in which a parent has the sum of its children, and class labels at any depth."""
    tree = draw(trees().filter(lambda tree: len(class_leaves(tree)) > 1))
    clips = draw(st.integers(1, 5))
    weights = np.array(draw(st.lists(st.lists(st.integers(0, 4), min_size=20, max_size=20), min_size=5, max_size=5)))
    leaves = list(tree.leaves)
    of_leaves = np.resize(weights, (clips, len(leaves))) + 0.01
    of_leaves /= of_leaves.sum(axis=1, keepdims=True)
    p = of_leaves @ tree.ancestor_matrix[leaves]
    labels = [n for n in range(1, tree.num_nodes) if n != tree.none_index]
    targets = draw(st.lists(st.sampled_from(labels), min_size=clips, max_size=clips))
    return tree, np.log(p).astype(np.float32), np.array(targets)


def slow_information(tree: Taxonomy, node: int) -> float:
    leaves = [leaf for leaf in tree.leaves if leaf != tree.none_index]
    below = [leaf for leaf in leaves if node in (leaf, 0, *tree.path(leaf))]
    return math.log(len(leaves) / len(below)) / math.log(len(leaves)) if len(leaves) > 1 else 0.0


def slow_point(tree: Taxonomy, log_p: np.ndarray, targets: np.ndarray, threshold: float) -> list[float]:
    """Mean information, correctness, recall and precision at one threshold."""
    figures = []
    for row, target in zip(log_p.astype(float), targets.tolist(), strict=True):
        likely = [n for n in range(1, tree.num_nodes) if n != tree.none_index and row[n] >= threshold]
        answer = max([0, *likely], key=lambda n: (round(slow_information(tree, n), 9), row[n] if n else 1.0, -n))
        answered, true = {0, *tree.path(answer)}, {0, *tree.path(target)}
        if true <= answered:
            answer, answered = target, true
        shared, of_truth, of_answer = (
            max(slow_information(tree, n) for n in nodes) for nodes in (answered & true, true, answered)
        )
        recall = shared / of_truth if of_truth > 0 else 1.0
        precision = shared / of_answer if of_answer > 0 else 1.0
        figures.append([of_answer, answered <= true, recall, precision])
    return [float(value) for value in np.mean(figures, axis=0)]


@given(believed_clips())
def test_every_point_equals_the_slow_way(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    curve = operating_curve(log_p, targets, tree)
    for place, threshold in enumerate(curve.log_thresholds):
        found = [values[place] for values in (curve.information, curve.correctness, curve.recall, curve.precision)]
        np.testing.assert_allclose(found, slow_point(tree, log_p, targets, threshold), atol=1e-9)


@given(believed_clips())
def test_no_threshold_between_two_points_gives_another_answer(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    curve = operating_curve(log_p, targets, tree)
    thresholds = [*curve.log_thresholds[1:], curve.log_thresholds[-1] - 5]
    for place, (above, below) in enumerate(zip([0.1, *thresholds[:-1]], thresholds, strict=True)):
        slow = slow_point(tree, log_p, targets, (above + below) / 2)
        assert curve.information[place] == pytest.approx(slow[0], abs=1e-9)
        assert curve.correctness[place] == pytest.approx(slow[1], abs=1e-9)


@given(believed_clips())
def test_the_curve_runs_from_the_root_to_the_leaves(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    curve = operating_curve(log_p, targets, tree)
    assert (curve.information[0], curve.correctness[0], curve.recall[0], curve.precision[0]) == (0, 1, 0, 1)
    at_leaf = np.isin(targets, class_leaves(tree))
    if at_leaf.all():
        assert (np.diff(curve.information) >= -1e-12).all()
        assert curve.information[-1] == pytest.approx(1.0)
        assert curve.correctness[-1] == pytest.approx(leaf_accuracy(log_p, targets, tree))
    for area in (curve.area, curve.average_correctness, curve.average_precision):
        assert 0 <= area <= 1 + 1e-9


def two_by_two() -> Taxonomy:
    """Root -> 1 (3, 4), 2 (5, 6)."""
    return tree_of([2, 2, 2], none_of_these=False)


def test_a_sure_branch_and_an_unsure_leaf_by_hand() -> None:
    tree = two_by_two()
    log_p = np.log([[1.0, 0.8, 0.2, 0.5, 0.3, 0.1, 0.1]])  # truth 4: branch right, leaf wrong
    curve = operating_curve(log_p, np.array([4]), tree)
    np.testing.assert_allclose(np.exp(curve.log_thresholds[1:]), [0.8, 0.5])
    np.testing.assert_allclose(curve.information, [0, 0.5, 1])
    np.testing.assert_allclose(curve.correctness, [1, 1, 0])
    np.testing.assert_allclose(curve.recall, [0, 0.5, 0.5])
    np.testing.assert_allclose(curve.precision, [1, 1, 0.5])
    assert curve.area == pytest.approx(0.5 + 0.25)
    assert curve.average_correctness == pytest.approx(0.5)
    assert curve.average_precision == pytest.approx(0.5)
    assert curve.information_at(0.9) == pytest.approx(0.5)


def test_right_and_sure_fills_the_square() -> None:
    tree = two_by_two()
    curve = operating_curve(np.log([[1, 1 - 2e-9, 1e-9, 1 - 3e-9, 1e-9, 1e-9, 1e-9]]), np.array([3]), tree)
    assert curve.area == curve.average_correctness == curve.average_precision == pytest.approx(1.0)


def test_none_of_these_is_neither_leaf_nor_answer() -> None:
    tree = tree_of([3, 2], none_of_these=True)  # 1 -> 4, 5; 2 leaf; 3 none
    information = node_information(tree)
    assert math.isnan(information[3])
    np.testing.assert_allclose(information[[0, 2, 4, 5]], [0, 1, 1, 1])
    assert information[1] == pytest.approx(1 - math.log(2) / math.log(3))
    curve = operating_curve(np.log([[1.0, 0.2, 0.2, 0.6, 0.15, 0.05]]), np.array([2]), tree)
    assert curve.correctness[-1] == 1.0


def test_without_clips_there_are_no_areas() -> None:
    curve = operating_curve(np.zeros((0, 7)), np.zeros(0, np.int64), two_by_two())
    assert all(math.isnan(area) for area in (curve.area, curve.average_correctness, curve.information_at(0.5)))


@given(trees(), st.integers(0, 1000))
def test_a_weighted_area_is_that_of_clips_drawn_as_often(taxonomy: Taxonomy, seed: int) -> None:
    generator = np.random.default_rng(seed)
    leaves = generator.dirichlet(np.ones(len(taxonomy.leaves)), size=7)
    log_p = np.log(leaves @ taxonomy.ancestor_matrix[list(taxonomy.leaves)])
    targets = generator.choice(class_leaves(taxonomy), size=7)
    times = generator.integers(0, 4, size=(3, 7))
    times[:, 0] += 1
    found = weighted_areas(log_p, targets, taxonomy, times.astype(float))
    for area, row in zip(found, times, strict=True):
        again = np.repeat(np.arange(7), row)
        assert area == pytest.approx(operating_curve(log_p[again], targets[again], taxonomy).area, abs=1e-9)
