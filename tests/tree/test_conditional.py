from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from torch import Tensor

from aed.loss.path import single_label_loss
from aed.ontology.taxonomy import Taxonomy
from aed.tree.structure import TreeStructure
from tests.tree.heads import random_embedding, random_head, seeds


def slow_softmax_tree(logits: Tensor, taxonomy: Taxonomy) -> list[float]:
    """P(node): down the path, at each node a softmax among the children."""
    p = []
    for node in range(taxonomy.num_nodes):
        product = 1.0
        for step in taxonomy.path(node):
            siblings = taxonomy.children(taxonomy.nodes[step].parent)
            product *= math.exp(logits[step]) / sum(math.exp(logits[sibling]) for sibling in siblings)
        p.append(product)
    return p


def slow_sigmoid_tree(logits: Tensor, taxonomy: Taxonomy) -> list[float]:
    """P(node): down the path, at each node a sigmoid."""
    return [
        math.prod(1 / (1 + math.exp(-logits[step])) for step in taxonomy.path(node))
        for node in range(taxonomy.num_nodes)
    ]


@pytest.mark.parametrize(("task", "slow"), [("single", slow_softmax_tree), ("multi", slow_sigmoid_tree)])
@given(seeds)
def test_probability_is_the_product_along_the_path(task: str, slow: object, seed: int) -> None:
    head, taxonomy = random_head("tree", task, seed)
    embedding = random_embedding(seed, 2.0)
    logits = head.decision(embedding).double().detach()
    expected = torch.tensor([slow(row, taxonomy) for row in logits], dtype=torch.float32)
    torch.testing.assert_close(head(embedding).log_p.exp(), expected, atol=1e-7, rtol=1e-5)


@given(seeds)
def test_a_label_teaches_the_decisions_on_its_path_and_no_other(seed: int) -> None:
    """A coarse label leaves the decisions below it alone, as it does those of other branches."""
    head, taxonomy = random_head("tree", "single", seed)
    for node in range(taxonomy.num_nodes):
        head.zero_grad()
        target = torch.eye(taxonomy.num_nodes)[[node]]
        single_label_loss(head(random_embedding(seed, 1.0, rows=1)), target).backward()
        taught = {
            sibling
            for step in taxonomy.path(node)
            for sibling in taxonomy.children(taxonomy.nodes[step].parent)
            if len(taxonomy.children(taxonomy.nodes[step].parent)) > 1
        }
        moved = head.decision.weight.grad.abs().sum(dim=1) > 0
        assert set(moved.nonzero()[:, 0].tolist()) == taught


@given(seeds)
def test_an_absent_node_teaches_nothing_below_it(seed: int) -> None:
    head, taxonomy = random_head("tree", "multi", seed)
    for node in range(1, taxonomy.num_nodes):
        head.zero_grad()
        (-head(random_embedding(seed, 1.0, rows=1)).log_not_p[0, node]).backward()
        moved = head.decision.weight.grad.abs().sum(dim=1) > 0
        assert set(moved.nonzero()[:, 0].tolist()) == set(taxonomy.path(node))


@given(seeds)
def test_the_structure_against_the_taxonomy(seed: int) -> None:
    _, taxonomy = random_head("tree", "multi", seed)
    structure = TreeStructure(taxonomy)
    values = torch.arange(1.0, taxonomy.num_nodes + 1)
    sums = [sum(values[step].item() for step in taxonomy.path(node)) for node in range(taxonomy.num_nodes)]
    torch.testing.assert_close(structure.sum_over_path(values), torch.tensor(sums, dtype=torch.float32))
    conditional = structure.log_softmax_among_siblings(values)
    assert conditional[0] == 0
    for node in range(taxonomy.num_nodes):
        family = list(taxonomy.children(node))
        if family:
            torch.testing.assert_close(conditional[family], values[family].log_softmax(0))
