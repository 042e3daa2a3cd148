"""Depth-weighted and soft labels against their formulas, term by term."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aed.loss.label_weights import LabelLossConfig, depth_weights, label_weights, soft_labels
from aed.loss.path import single_label_loss
from aed.ontology.taxonomy import Node, Taxonomy
from aed.tree.head import NodeScores
from tests.tree.heads import random_embedding, random_head, seeds

decays = st.floats(0, 2)


def animals() -> Taxonomy:
    nodes = (
        Node("root", "Sound", -1, 0, "root"),
        Node("animal", "Animal", 0, 1, "concept"),
        Node("rain", "Rain", 0, 1, "concept"),
        Node("aed:none", "None of these", 0, 1, "none"),
        Node("dog", "Dog", 1, 2, "concept"),
        Node("cat", "Cat", 1, 2, "concept"),
    )
    return Taxonomy(nodes, "single")


def test_the_miniature_of_the_docstring() -> None:
    weights = depth_weights(animals(), math.log(2))
    assert weights[4].tolist() == pytest.approx([0, 0.5, 0, 0, 0.5, 0])
    assert weights[1].tolist() == pytest.approx([0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(depth_weights(animals(), 0)[1:], np.eye(6)[1:])


@given(seeds, decays)
def test_depth_weights_against_the_sum_over_decisions(seed: int, decay: float) -> None:
    head, taxonomy = random_head("tree", "single", seed)
    scores = NodeScores(*(score.detach() for score in head(random_embedding(seed, 2.0, rows=1))))
    log_p = scores.log_p[0].tolist()
    weights = label_weights(taxonomy, LabelLossConfig(depth_decay=decay))
    for label in range(1, taxonomy.num_nodes):
        path = (0, *taxonomy.path(label))
        expected = sum(
            math.exp(-decay * depth) * (log_p[above] - log_p[step])
            for depth, (above, step) in enumerate(pairwise(path))
        )
        got = single_label_loss(scores, weights[label][None])
        assert float(got) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_near_leaves_get_more_of_a_soft_label_than_far_ones() -> None:
    shares = soft_labels(animals(), sharpness=4.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    dog = shares[4]
    near, far = math.exp(-4 * 0.5), math.exp(-4.0)  # the lowest common ancestor is halfway up, or the root
    assert dog[[4, 5, 2]].tolist() == pytest.approx([value / (1 + near + far) for value in (1, near, far)])
    assert dog[[0, 1, 3]].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(shares[[1, 3]], np.eye(6)[[1, 3]])  # supercategory and none of these stay hard


def test_soft_labels_are_weighed_by_depth_too() -> None:
    config = LabelLossConfig(depth_decay=0.5, soft_sharpness=3.0)
    expected = soft_labels(animals(), 3.0) @ depth_weights(animals(), 0.5)
    np.testing.assert_allclose(label_weights(animals(), config).numpy(), expected, rtol=1e-6)


@given(seeds)
def test_gradients_stay_finite_where_a_leaf_is_impossible(seed: int) -> None:
    head, taxonomy = random_head("tree", "single", seed)
    scores = head(random_embedding(seed, 300.0))
    weights = label_weights(taxonomy, LabelLossConfig(depth_decay=0.7, soft_sharpness=5.0))
    single_label_loss(scores, weights[list(taxonomy.leaves)[:1]].expand(3, -1)).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())
