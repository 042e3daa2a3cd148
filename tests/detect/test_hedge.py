from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.hedge import Hedge, reportable_nodes
from aed.ontology.taxonomy import Node, Taxonomy
from tests.fake_scorer import small_taxonomy, sum_over_leaves
from tests.random_taxonomy import random_taxonomy


def answer(taxonomy: Taxonomy, *, threshold: float = 0.5, **probabilities: float) -> set[str]:
    """Names that are answered, given P by name (0 where not given)."""
    p = np.array([[probabilities.get(node.name.split()[0], 0.0) for node in taxonomy.nodes]])
    answers = Hedge(taxonomy).answers(p, p >= threshold)[0]
    return {taxonomy.nodes[index].name for index in np.flatnonzero(answers)}


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"Sound": 1, "Animal": 0.9, "Dog": 0.6, "Cat": 0.3}, {"Dog"}),
        ({"Sound": 1, "Animal": 0.9, "Dog": 0.45, "Cat": 0.45}, {"Animal"}),
        ({"Sound": 1, "Animal": 0.45, "Dog": 0.45, "Glass": 0.45, "None": 0.1}, set()),
        ({"Sound": 1, "None": 0.9, "Animal": 0.1}, set()),
    ],
)
def test_single_label_answers_as_deep_as_it_is_sure(probabilities: dict[str, float], expected: set[str]) -> None:
    assert answer(small_taxonomy(), **probabilities) == expected


def test_single_label_follows_the_likeliest_child_where_several_are_believed_in() -> None:
    beliefs = {"Sound": 1, "Animal": 0.5, "Glass": 0.3, "None": 0.2, "Dog": 0.2, "Cat": 0.3}
    assert answer(small_taxonomy(), threshold=0.2, **beliefs) == {"Cat"}
    likelier_none = beliefs | {"None": 0.6}
    assert answer(small_taxonomy(), threshold=0.2, **likelier_none) == set()


def test_multi_label_answers_once_for_every_active_branch() -> None:
    taxonomy = small_taxonomy("multi")
    assert answer(taxonomy, Sound=1, Animal=0.9, Dog=0.7, Cat=0.6, Glass=0.2) == {"Dog", "Cat"}
    assert answer(taxonomy, Sound=1, Animal=0.9, Dog=0.4, Glass=0.8) == {"Animal", "Glass"}
    assert answer(taxonomy, Sound=1) == set()


def test_what_stands_below_none_of_these_is_never_reported() -> None:
    rows = [("s", "Sound", -1, 0, "root"), ("d", "Dog", 0, 1, "concept"), ("aed:none", "None of these", 0, 1, "none")]
    taxonomy = Taxonomy(tuple(Node(*row) for row in [*rows, ("w", "Wind", 2, 2, "concept")]), "single")
    assert reportable_nodes(taxonomy).tolist() == [False, True, False, False]
    assert answer(taxonomy, Sound=1, None_=0, Wind=0.9, Dog=0.1) == set()


@given(seed=st.integers(0, 10_000), threshold=st.floats(0.05, 0.95), task=st.sampled_from(["single", "multi"]))
def test_invariants(seed: int, threshold: float, task: str) -> None:
    generator = np.random.default_rng(seed)
    taxonomy = random_taxonomy(generator, task)
    leaves = generator.dirichlet(np.full(len(taxonomy.leaves), 0.3), size=5)
    p = sum_over_leaves(taxonomy, leaves)
    believed = p >= threshold
    answers = Hedge(taxonomy).answers(p, believed)
    assert (answers <= (believed & reportable_nodes(taxonomy))).all()
    if task == "single":
        assert answers.sum(axis=1).max() <= 1
    strictly_above = taxonomy.ancestor_matrix & ~np.eye(taxonomy.num_nodes, dtype=bool)
    assert not (answers & (answers @ strictly_above)).any(), "an answer stands above another"
    for row in range(5):
        np.testing.assert_array_equal(
            answers[row : row + 1], Hedge(taxonomy).answers(p[row : row + 1], believed[row : row + 1])
        )
        if task == "single" and threshold > 0.5:
            deepest = max(np.flatnonzero(believed[row]), key=lambda node: taxonomy.nodes[node].depth)
            expected = {int(deepest)} if reportable_nodes(taxonomy)[deepest] else set()
            assert set(np.flatnonzero(answers[row]).tolist()) == expected
