from __future__ import annotations

import math

import torch
from hypothesis import given
from torch import Tensor

from aed.ontology.taxonomy import Taxonomy
from tests.tree.heads import random_embedding, random_head, seeds


def at_or_below(node: int, taxonomy: Taxonomy) -> list[int]:
    return [other for other in range(taxonomy.num_nodes) if node == 0 or node in taxonomy.path(other)]


def slow_leaf_sums(logits: Tensor, taxonomy: Taxonomy) -> list[float]:
    """P(node): sum of the softmax over the leaves below."""
    exponentials = {leaf: math.exp(logit) for leaf, logit in zip(taxonomy.leaves, logits, strict=True)}
    return [
        sum(exponentials[leaf] for leaf in at_or_below(node, taxonomy) if leaf in exponentials)
        / sum(exponentials.values())
        for node in range(taxonomy.num_nodes)
    ]


def slow_noisy_or(logits: Tensor, taxonomy: Taxonomy) -> list[float]:
    """P(node): one minus the chance that no unit at or below it is on; the root is certain."""
    off = [1.0, *(1 / (1 + math.exp(logit)) for logit in logits)]
    return [1.0] + [
        1 - math.prod(off[other] for other in at_or_below(node, taxonomy)) for node in range(1, taxonomy.num_nodes)
    ]


@given(seeds)
def test_a_node_is_the_sum_of_its_leaves(seed: int) -> None:
    head, taxonomy = random_head("flat", "single", seed)
    embedding = random_embedding(seed, 2.0)
    logits = head.decision(embedding).double().detach()
    expected = torch.tensor([slow_leaf_sums(row, taxonomy) for row in logits], dtype=torch.float32)
    torch.testing.assert_close(head(embedding).log_p.exp(), expected, atol=1e-6, rtol=1e-5)


@given(seeds)
def test_a_node_is_present_where_any_unit_at_or_below_it_is(seed: int) -> None:
    head, taxonomy = random_head("flat", "multi", seed)
    embedding = random_embedding(seed, 2.0)
    logits = head.decision(embedding).double().detach()
    expected = torch.tensor([slow_noisy_or(row, taxonomy) for row in logits], dtype=torch.float32)
    scores = head(embedding)
    torch.testing.assert_close(scores.log_p.exp(), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(scores.log_not_p.exp()[:, 1:], 1 - expected[:, 1:], atol=1e-6, rtol=1e-5)


def test_the_flat_head_knows_no_tree() -> None:
    """The baseline has one unit per leaf: the tree's shape enters only into the sums."""
    head, taxonomy = random_head("flat", "single", 0)
    assert head.decision.out_features == len(taxonomy.leaves)
