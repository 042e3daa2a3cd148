from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from aed.loss.path import multi_label_loss, single_label_loss
from tests.tree.heads import EVERY_HEAD, random_embedding, random_head, scales, seeds

rows = st.integers(1, 4)


def random_share(shape: tuple[int, ...], seed: int) -> Tensor:
    """Numbers in [0, 1], some of them exactly 0 or 1."""
    return (3 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1).clamp(0, 1)


@given(seeds, rows)
def test_single_label_loss_against_a_sum_over_the_path(seed: int, count: int) -> None:
    """-log P(node) is the sum over the steps of its path of -log P(step | parent), the mean over clips."""
    head, taxonomy = random_head("tree", "single", seed)
    embedding = random_embedding(seed, 1.0, count)
    nodes = torch.randint(taxonomy.num_nodes, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
    total = 0.0
    for logits, node in zip(head.decision(embedding), nodes, strict=True):
        for step in taxonomy.path(node):
            family = taxonomy.children(taxonomy.nodes[step].parent)
            total -= logits[list(family)].log_softmax(0)[family.index(step)].item()
    loss = single_label_loss(head(embedding), torch.eye(taxonomy.num_nodes)[nodes])
    assert loss.item() == pytest.approx(total / count, rel=1e-4, abs=1e-5)


@given(seeds)
def test_a_mixture_costs_the_mixed_cost(seed: int) -> None:
    head, taxonomy = random_head("tree", "single", seed)
    scores = head(random_embedding(seed, 1.0, rows=1))
    first, second = torch.eye(taxonomy.num_nodes)[[1]], torch.eye(taxonomy.num_nodes)[[taxonomy.num_nodes - 1]]
    mixed = single_label_loss(scores, 0.7 * first + 0.3 * second)
    expected = 0.7 * single_label_loss(scores, first) + 0.3 * single_label_loss(scores, second)
    torch.testing.assert_close(mixed, expected)


def test_rows_count_by_their_weight() -> None:
    head, taxonomy = random_head("tree", "single", 0)
    scores = head(random_embedding(0, 1.0, rows=3))
    targets = torch.eye(taxonomy.num_nodes)[[1, 2, 3]]
    each = -scores.log_p[[0, 1, 2], [1, 2, 3]]
    torch.testing.assert_close(
        single_label_loss(scores, targets, torch.tensor([1.0, 0.0, 1.0])), (each[0] + each[2]) / 2
    )
    assert single_label_loss(scores, targets, torch.zeros(3)) == 0


@given(seeds, rows)
def test_multi_label_loss_against_a_loop(seed: int, count: int) -> None:
    head, taxonomy = random_head("tree", "multi", seed)
    scores = head(random_embedding(seed, 1.0, count))
    present = random_share((count, taxonomy.num_nodes), seed)
    absent = (1 - present) * random_share((count, taxonomy.num_nodes), seed + 1)
    absent[:, 0] = 0
    total, known = 0.0, 0.0
    for row in range(count):
        for node in range(taxonomy.num_nodes):
            total -= (
                present[row, node] * scores.log_p[row, node] + absent[row, node] * scores.log_not_p[row, node]
            ).item()
            known += (present[row, node] + absent[row, node]).item()
    loss = multi_label_loss(scores, present, absent)
    assert loss.item() == pytest.approx(total / max(known, 1.0), rel=1e-4, abs=1e-6)


def test_unknown_nodes_teach_nothing() -> None:
    for name in ("tree", "flat"):
        head, taxonomy = random_head(name, "multi", 1)
        unknown = torch.zeros(3, taxonomy.num_nodes)
        loss = multi_label_loss(head(random_embedding(1, 1.0)), unknown, unknown)
        loss.backward()
        assert loss == 0
        assert all((parameter.grad == 0).all() for parameter in head.parameters())


@pytest.mark.parametrize(("name", "task"), EVERY_HEAD)
@given(seeds, scales)
def test_gradients_are_finite_however_sure_the_head(name: str, task: str, seed: int, scale: float) -> None:
    """Every node in turn present and absent, the root as well: what is certain must not give inf * 0."""
    head, taxonomy = random_head(name, task, seed)
    scores = head(random_embedding(seed, 10 * scale, rows=taxonomy.num_nodes))
    each, none = torch.eye(taxonomy.num_nodes), torch.zeros(taxonomy.num_nodes, taxonomy.num_nodes)
    loss = single_label_loss(scores, each)
    if task == "multi":
        loss = multi_label_loss(scores, each, none) + multi_label_loss(scores, none, each)
        loss = loss + multi_label_loss(scores, each, 1 - each)
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())


def test_a_target_of_zero_on_an_impossible_node_is_no_nan() -> None:
    head, taxonomy = random_head("tree", "single", 0)
    scores = head(random_embedding(0, 1.0, rows=1))
    impossible = scores._replace(log_p=scores.log_p.masked_fill(torch.arange(taxonomy.num_nodes) == 1, float("-inf")))
    assert single_label_loss(impossible, torch.eye(taxonomy.num_nodes)[[2]]).isfinite()
