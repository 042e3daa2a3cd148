"""Temperatures by depth: the tree's laws hold, and the order of siblings stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.ontology.taxonomy import Taxonomy
from aed.scorer.tempered import TemperedScorer, tempered
from tests.fake_scorer import LAYOUT, STEP, small_scorer, small_taxonomy, sum_over_leaves
from tests.metrics.random_trees import trees

TREE = small_taxonomy()
SOUND, ANIMAL, GLASS, NONE, DOG, CAT = range(6)


def slowly(log_p: np.ndarray, taxonomy: Taxonomy, temperatures: list[float]) -> np.ndarray:
    """One node after the other, in float64, straight from equation (1)."""
    p, changed = np.exp(log_p.astype(np.float64)), np.ones(taxonomy.num_nodes)
    for node in range(1, taxonomy.num_nodes):
        parent = taxonomy.nodes[node].parent
        power = 1 / temperatures[taxonomy.nodes[node].depth - 1]
        siblings = taxonomy.children(parent)
        total = sum((p[sibling] / p[parent]) ** power for sibling in siblings)
        changed[node] = changed[parent] * (p[node] / p[parent]) ** power / total
    return np.log(changed)


def test_the_worked_miniature() -> None:
    log_p = np.log(np.array([1, 0.9, 0.05, 0.05, 0.6, 0.3], dtype=np.float32))
    p = np.exp(tempered(log_p, TREE, (2.0, 1.0)))
    animal, other = 0.9**0.5, 0.05**0.5
    assert p[ANIMAL] == pytest.approx(animal / (animal + 2 * other), rel=1e-5)
    assert p[DOG] / p[ANIMAL] == pytest.approx(2 / 3, rel=1e-5)


@given(trees(), st.integers(0, 2**32 - 1), st.lists(st.floats(0.1, 10), min_size=8, max_size=8))
def test_children_sum_to_their_parent_and_keep_their_order(
    tree: Taxonomy, seed: int, temperatures: list[float]
) -> None:
    leaves = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), size=3)
    log_p = np.log(np.maximum(sum_over_leaves(tree, leaves), 1e-30)).astype(np.float32)
    by_depth = temperatures[: tree.max_depth]
    changed = tempered(log_p, tree, by_depth)
    for row, before in zip(changed, log_p, strict=True):
        np.testing.assert_allclose(np.exp(row), np.exp(slowly(before, tree, by_depth)), rtol=1e-3, atol=1e-6)
        for parent in range(tree.num_nodes):
            if children := list(tree.children(parent)):
                assert np.exp(row[children].astype(np.float64)).sum() == pytest.approx(np.exp(row[parent]), rel=1e-4)
                assert before[children[int(row[children].argmax())]] == before[children].max()


def test_impossible_nodes_stay_next_to_impossible() -> None:
    leaves = np.array([0.0, 1.0, 0.0, 0.0])
    with np.errstate(divide="ignore"):
        log_p = np.log(sum_over_leaves(TREE, leaves)).astype(np.float32)
    p = np.exp(tempered(log_p, TREE, (5.0, 5.0)))
    assert np.isfinite(p).all()
    assert p[NONE] == pytest.approx(1.0, abs=1e-6)


@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_a_row_does_not_depend_on_the_rows_beside_it(rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    log_p = np.log(sum_over_leaves(TREE, generator.dirichlet(np.ones(4), size=rows))).astype(np.float32)
    together = tempered(log_p, TREE, (1.7, 0.6))
    for row, changed in zip(log_p, together, strict=True):
        np.testing.assert_array_equal(tempered(row[None], TREE, (1.7, 0.6))[0], changed)


def test_the_scorer_is_the_same_but_for_its_probabilities() -> None:
    scorer = small_scorer()
    calibrated = TemperedScorer(scorer, (2.0, 1.5))
    assert (calibrated.taxonomy, calibrated.layout) == (scorer.taxonomy, scorer.layout)
    blocks = np.full((2, LAYOUT.block_samples), STEP, dtype=np.float32)
    expected = tempered(scorer.score_blocks(blocks), TREE, (2.0, 1.5))
    np.testing.assert_array_equal(calibrated.score_blocks(blocks), expected)
    np.testing.assert_array_equal(calibrated.score_clip(blocks[0]), expected[0, 1])
    assert np.exp(expected).max(axis=(0, 1))[DOG] < 0.93
