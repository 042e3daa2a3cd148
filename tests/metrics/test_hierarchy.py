from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.metrics.clip import answers_at_label_depth, leaf_answers
from aed.metrics.hierarchy import common_ancestor_heights, hierarchical_scores, mistake_severity
from aed.ontology.taxonomy import Taxonomy
from tests.metrics.random_trees import labelled_clips, tree_of, trees


@pytest.fixture
def tree() -> Taxonomy:
    """Root 0 -> 1, 2; 1 -> 3, 4; 4 -> 5, 6. Leaves 2, 3, 5, 6."""
    return tree_of([2, 2, 0, 0, 2], none_of_these=False)


@given(trees(), st.data())
def test_common_ancestor_heights_equal_the_slow_way(tree: Taxonomy, data: st.DataObject) -> None:
    heights = common_ancestor_heights(tree)
    first, second = (data.draw(st.integers(0, tree.num_nodes - 1)) for _ in range(2))
    shared = {0, *tree.path(first)} & {0, *tree.path(second)}
    deepest = max(shared, key=lambda node: tree.nodes[node].depth)
    assert heights[first, second] == heights[second, first] == tree.height(deepest)


def test_severity_grows_with_the_distance(tree: Taxonomy) -> None:
    targets = np.array([5, 5, 5, 5])
    found = mistake_severity(np.array([5, 6, 3, 2]), targets, tree)
    assert (found.mistakes, found.clips) == (3, 4)
    assert found.of_mistakes == pytest.approx((1 + 2 + 3) / 3)
    assert found.of_all == pytest.approx((0 + 1 + 2 + 3) / 4)


def test_no_mistake_has_no_severity(tree: Taxonomy) -> None:
    found = mistake_severity(np.array([4, 5]), np.array([4, 5]), tree)
    assert math.isnan(found.of_mistakes)
    assert found.of_all == 0.0


def test_hierarchical_scores_compare_paths(tree: Taxonomy) -> None:
    found = hierarchical_scores(np.array([6, 3]), np.array([5, 2]), tree)  # paths {1,4,6} vs {1,4,5}; {1,3} vs {2}
    assert found.precision == pytest.approx(2 / 5)
    assert found.recall == pytest.approx(2 / 4)
    assert found.f == pytest.approx(2 * 0.4 * 0.5 / 0.9)


@given(labelled_clips(only_class_targets=True))
def test_hierarchical_scores_equal_the_slow_way(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    answers = answers_at_label_depth(leaf_answers(log_p, tree), targets, tree)
    pairs = [(set(tree.path(int(a))), set(tree.path(int(t)))) for a, t in zip(answers, targets, strict=True)]
    shared = sum(len(a & t) for a, t in pairs)
    found = hierarchical_scores(answers, targets, tree)
    assert found.precision == pytest.approx(shared / sum(len(a) for a, _ in pairs))
    assert found.recall == pytest.approx(shared / sum(len(t) for _, t in pairs))
    if found.precision + found.recall > 0:
        assert found.f == pytest.approx(2 * found.precision * found.recall / (found.precision + found.recall))
    severity = mistake_severity(answers, targets, tree)
    assert (severity.mistakes == 0) == (found.f == pytest.approx(1.0))
    assert severity.of_all <= max(tree.height(0), 0)
