from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from aed.loss.consistency import (
    Consistency,
    ConsistencyConfig,
    deepest_sure_node,
    multi_label_consistency,
    pseudo_labels,
    single_label_consistency,
    sure_leaf,
)
from aed.loss.leaf_thresholds import LeafThresholds
from aed.ontology.taxonomy import Node, Taxonomy
from aed.tree.conditional import ConditionalSoftmaxHead
from aed.tree.head import NodeScores
from tests.tree.heads import DIM, random_embedding, random_head, scales, seeds

THRESHOLD = 0.9
OWN = torch.tensor([False])
"""One clip, of the labelled sources."""
thresholds = st.floats(0.51, 0.99)


def dog_cat_rain() -> Taxonomy:
    nodes = (
        Node("root", "Sound", -1, 0, "root"),
        Node("animal", "Animal", 0, 1, "concept"),
        Node("rain", "Rain", 0, 1, "concept"),
        Node("dog", "Dog", 1, 2, "concept"),
        Node("cat", "Cat", 1, 2, "concept"),
    )
    return Taxonomy(nodes, "single")


def log_of(p: list[float]) -> Tensor:
    return torch.tensor([p]).clamp_min(1e-6).log()


def slow_deepest_sure_node(p: np.ndarray, taxonomy: Taxonomy, threshold: float) -> int:
    """Walk down from the root as long as a child is sure."""
    node = 0
    while sure := [child for child in taxonomy.children(node) if p[child] >= threshold]:
        (node,) = sure
    return node


@pytest.mark.parametrize("name", ["tree", "flat"])
@given(seeds, scales, thresholds)
def test_deepest_sure_node_against_a_walk(name: str, seed: int, scale: float, threshold: float) -> None:
    head, taxonomy = random_head(name, "single", seed)
    log_p = head(random_embedding(seed, scale, rows=4)).log_p.detach()
    got = deepest_sure_node(log_p, torch.tensor(taxonomy.depths), threshold)
    assert got.dtype == torch.int64
    # the walk decides in log space as well: at the threshold itself P rounds
    limits = np.exp(log_p.numpy() - math.log(threshold))
    assert got.tolist() == [slow_deepest_sure_node(row, taxonomy, 1.0) for row in limits]


def test_how_deep_the_teacher_is_sure() -> None:
    depths = torch.tensor(dog_cat_rain().depths)
    for p, expected in (
        ([1, 0.99, 0.01, 0.95, 0.04], 3),  # surely a dog
        ([1, 0.99, 0.01, 0.50, 0.49], 1),  # surely an animal, but not surely a dog
        ([1, 0.05, 0.95, 0.03, 0.02], 2),  # surely rain
        ([1, 0.50, 0.50, 0.25, 0.25], 0),  # nothing is sure
    ):
        assert deepest_sure_node(log_of(p), depths, THRESHOLD).tolist() == [expected]


def student(embedding_seed: int) -> tuple[ConditionalSoftmaxHead, NodeScores]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = ConditionalSoftmaxHead(DIM, dog_cat_rain())
    return head, head(random_embedding(embedding_seed, 1.0, rows=1))


def taught_decisions(head: ConditionalSoftmaxHead) -> list[int]:
    return (head.decision.weight.grad.abs().sum(dim=1) > 0).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(
    ("p", "taught"),
    [
        ([1, 0.99, 0.01, 0.95, 0.04], [1, 2, 3, 4]),
        ([1, 0.99, 0.01, 0.50, 0.49], [1, 2]),  # the upper part of the tree only
        ([1, 0.50, 0.50, 0.25, 0.25], []),
    ],
)
def test_surely_an_animal_but_not_surely_a_dog_teaches_the_upper_part(p: list[float], taught: list[int]) -> None:
    head, scores = student(1)
    node = pseudo_labels(log_of(p), torch.tensor(dog_cat_rain().depths), THRESHOLD)
    loss, share = single_label_consistency(scores, node)
    loss.backward()
    assert taught_decisions(head) == taught
    assert share == float(bool(taught))


def test_unsure_clips_count_as_nothing() -> None:
    _, scores = student(2)
    both = NodeScores(*(score.expand(2, -1) for score in scores))
    loss, share = single_label_consistency(both, torch.tensor([3, 0]))
    torch.testing.assert_close(loss, -scores.log_p[0, 3] / 2)
    assert share == 0.5


def test_only_leaves_are_taught_where_wished() -> None:
    surely_an_animal = NodeScores(log_of([1, 0.99, 0.01, 0.50, 0.49]), torch.zeros(1, 5))
    _, judged = student(3)
    for nodes, taught in (("all", 1.0), ("leaves", 0.0)):
        loss, share = Consistency(ConsistencyConfig(nodes=nodes), dog_cat_rain())(surely_an_animal, judged, OWN)
        assert share == taught
        assert (loss > 0) == bool(taught)


def test_a_leaf_over_its_own_threshold_goes_before_a_sure_supercategory() -> None:
    taxonomy = dog_cat_rain()
    thresholds, depths = LeafThresholds(taxonomy), torch.tensor(taxonomy.depths)
    thresholds.confidence.fill_(0.8)
    thresholds.shares.copy_(torch.tensor([0.4, 0.2, 0.4]))  # of rain, dog and cat: limits 0.8, 0.4 and 0.8
    for p, expected in (
        ([1, 0.96, 0.04, 0.50, 0.46], 3),  # a dog needs 0.4 only
        ([1, 0.96, 0.04, 0.46, 0.50], 1),  # a cat needs 0.8: an animal all the same
        ([1, 0.15, 0.85, 0.10, 0.05], 2),
        ([1, 0.50, 0.50, 0.25, 0.25], 0),
    ):
        assert pseudo_labels(log_of(p), depths, THRESHOLD, thresholds).tolist() == [expected]


@given(seeds, scales)
def test_sure_leaf_against_a_loop(seed: int, scale: float) -> None:
    head, taxonomy = random_head("tree", "single", seed)
    log_p = head(random_embedding(seed, scale, rows=4)).log_p.detach()
    thresholds = LeafThresholds(taxonomy)
    thresholds.update(log_p)
    limits = dict(zip(thresholds.leaves.tolist(), thresholds().tolist(), strict=True))
    for row, got in zip(log_p, sure_leaf(log_p, thresholds).tolist(), strict=True):
        best = max(limits, key=lambda leaf: row[leaf].item())
        assert got == (best if row[best].exp().item() >= limits[best] else 0)


@given(seeds, scales, thresholds)
def test_multi_label_consistency_against_a_loop(seed: int, scale: float, threshold: float) -> None:
    head, taxonomy = random_head("tree", "multi", seed)
    teacher, judged = head(random_embedding(seed, scale)), head(random_embedding(seed + 1, 1.0))
    total, sure = 0.0, 0
    for row in range(3):
        for node in range(taxonomy.num_nodes):
            if teacher.log_p[row, node] >= math.log(threshold):
                total, sure = total - judged.log_p[row, node].item(), sure + 1
            elif teacher.log_not_p[row, node] >= math.log(threshold):
                total, sure = total - judged.log_not_p[row, node].item(), sure + 1
    loss, share = multi_label_consistency(teacher, judged, threshold)
    assert loss.item() == pytest.approx(total / sure, rel=1e-4, abs=1e-6)
    assert share.item() == pytest.approx(sure / (3 * taxonomy.num_nodes))


def test_adaptive_thresholds_learn_from_the_teacher_only_where_they_are_asked_for() -> None:
    taxonomy, (_, judged) = dog_cat_rain(), student(4)
    teacher = NodeScores(log_of([1, 0.9, 0.1, 0.8, 0.1]), torch.zeros(1, 5))
    adaptive = Consistency(ConsistencyConfig(leaf_threshold="adaptive"), taxonomy)
    before = adaptive.thresholds().clone()
    _, share = adaptive(teacher, judged, OWN)
    assert share == 1  # at first, a leaf over chance is enough
    assert not torch.equal(adaptive.thresholds(), before)
    assert set(adaptive.state_dict()) == {"thresholds.confidence", "thresholds.shares"}  # what a checkpoint keeps
    fixed = Consistency(ConsistencyConfig(leaf_threshold="fixed"), taxonomy)
    _, share = fixed(teacher, judged, OWN)
    assert share == 0
    assert not fixed.state_dict()


def test_clips_of_further_sources_teach_from_the_fixed_threshold_on_and_move_no_mean() -> None:
    taxonomy, (_, judged) = dog_cat_rain(), student(4)
    judged = NodeScores(*(score.expand(3, -1) for score in judged))
    unsure, surely_an_animal = log_of([1, 0.9, 0.1, 0.8, 0.1]), log_of([1, 0.97, 0.03, 0.6, 0.37])
    p = torch.cat([unsure, unsure, surely_an_animal])
    consistency = Consistency(ConsistencyConfig(leaf_threshold="adaptive", align=True), taxonomy)
    alone = copy.deepcopy(consistency)
    _, share = consistency(NodeScores(p, torch.zeros_like(p)), judged, torch.tensor([False, True, True]))
    assert share == pytest.approx(2 / 3)  # its own dog, and the animal of another source that is sure of no more
    _, share = alone(NodeScores(p[:1], torch.zeros_like(p[:1])), NodeScores(*(score[:1] for score in judged)), OWN)
    assert share == 1
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(consistency.state_dict()[name], value, msg=name)
    consistency(NodeScores(p, torch.zeros_like(p)), judged, torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(consistency.state_dict()["thresholds.shares"], alone.state_dict()["thresholds.shares"])


@pytest.mark.parametrize("setting", [{"threshold": 0.5}, {"threshold": 1.0}, {"weight": 0.0}, {"treshold": 0.9}])
def test_refuses_settings_that_cannot_work(setting: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(setting))):
        ConsistencyConfig(**setting)
