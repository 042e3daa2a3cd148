from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from aed.metrics.clip import (
    accuracy_by_depth,
    answers_at_label_depth,
    answers_none,
    class_leaves,
    depth_cut,
    is_class_clip,
    leaf_accuracy,
    leaf_answers,
)
from aed.ontology.taxonomy import Taxonomy
from tests.metrics.random_trees import labelled_clips, tree_of

# root 0 -> 1, 2, none 3; 1 -> 4, 5; 5 -> 6, 7. Leaves 2, 4, 6, 7.
TREE = ([3, 2, 0, 0, 0, 2], True)


@pytest.fixture
def tree() -> Taxonomy:
    return tree_of(TREE[0], none_of_these=TREE[1])


def log_p_of(tree: Taxonomy, *rows: dict[int, float]) -> np.ndarray:
    log_p = np.full((len(rows), tree.num_nodes), -9.0, dtype=np.float32)
    for row, values in zip(log_p, rows, strict=True):
        for node, value in values.items():
            row[node] = value
    return log_p


def test_leaves_and_cuts_leave_none_of_these_out(tree: Taxonomy) -> None:
    assert class_leaves(tree).tolist() == [2, 4, 6, 7]
    assert depth_cut(tree, 1).tolist() == [1, 2]
    assert depth_cut(tree, 2).tolist() == [2, 4, 5]
    assert depth_cut(tree, 3).tolist() == [2, 4, 6, 7]


def test_none_of_these_is_no_leaf_answer_but_is_reported(tree: Taxonomy) -> None:
    log_p = log_p_of(tree, {3: -0.1, 4: -2.0}, {3: -2.0, 4: -0.1})
    assert leaf_answers(log_p, tree).tolist() == [4, 4]
    assert answers_none(log_p, tree).tolist() == [True, False]
    assert is_class_clip(np.array([3, 4]), tree).tolist() == [False, True]


def test_a_wrong_leaf_can_be_right_higher_up(tree: Taxonomy) -> None:
    log_p = log_p_of(tree, {1: -0.1, 5: -0.2, 6: -0.3})
    found = accuracy_by_depth(log_p, np.array([7]), tree)
    assert [cut.accuracy for cut in found] == [1.0, 1.0, 0.0]
    assert leaf_accuracy(log_p, np.array([7]), tree) == 0.0


def test_a_clip_labelled_at_an_inner_node_counts_down_to_its_label_only(tree: Taxonomy) -> None:
    log_p = log_p_of(tree, {1: -0.1, 5: -0.2, 6: -0.3})
    assert [cut.clips for cut in accuracy_by_depth(log_p, np.array([5]), tree)] == [1, 1, 0]
    assert math.isnan(leaf_accuracy(log_p, np.array([5]), tree))
    assert answers_at_label_depth(np.array([6, 4]), np.array([5, 5]), tree).tolist() == [5, 4]


@given(labelled_clips())
def test_the_deepest_cut_is_leaf_accuracy(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    deepest = accuracy_by_depth(log_p, targets, tree)[-1]
    np.testing.assert_equal(deepest.accuracy, leaf_accuracy(log_p, targets, tree))


@given(labelled_clips())
def test_accuracy_by_depth_equals_the_slow_way(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    for found in accuracy_by_depth(log_p, targets, tree):
        right = [
            slow_answer(tree, row, found.depth) == tree.at_depth(int(target), found.depth)
            for row, target in zip(log_p, targets, strict=True)
            if target != tree.none_index and (tree.is_leaf(int(target)) or tree.depths[target] >= found.depth)
        ]
        assert found.clips == len(right)
        np.testing.assert_allclose(found.accuracy, np.mean(right) if right else math.nan)


def slow_answer(tree: Taxonomy, log_p: np.ndarray, depth: int) -> int:
    candidates = {tree.at_depth(leaf, depth) for leaf in tree.leaves if leaf != tree.none_index}
    return max(sorted(candidates), key=lambda node: log_p[node])
