from __future__ import annotations

import numpy as np
from hypothesis import given

from aed.metrics.clip import class_leaves, leaf_answers
from aed.metrics.confusion import leaf_confusion
from aed.ontology.taxonomy import Taxonomy
from tests.metrics.random_trees import labelled_clips, tree_of


def test_leaves_of_a_branch_stand_together() -> None:
    tree = tree_of([3, 2, 0, 2], none_of_these=False)  # 1 -> 4, 5; 2 leaf; 3 -> 6, 7
    found = leaf_confusion(np.array([5, 5, 7, 2]), np.array([4, 5, 6, 2]), tree)
    assert found.leaves.tolist() == [4, 5, 2, 6, 7]
    assert found.counts.tolist() == [[0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0] * 5]


@given(labelled_clips())
def test_counts_equal_the_slow_way(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, log_p, targets = case
    answers = leaf_answers(log_p, tree)
    found = leaf_confusion(answers, targets, tree)
    counted = [(t, a) for t, a in zip(targets.tolist(), answers.tolist(), strict=True) if t in class_leaves(tree)]
    for row, truth in enumerate(found.leaves.tolist()):
        for column, answer in enumerate(found.leaves.tolist()):
            assert found.counts[row, column] == counted.count((truth, answer))
    assert found.counts.sum() == len(counted)
