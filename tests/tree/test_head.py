"""What every head promises, whatever its parametrisation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aed.errors import ConfigError
from aed.tree.head import log_complement
from aed.tree.registry import HEADS, HeadConfig, build_head
from tests.random_taxonomy import random_taxonomy
from tests.tree.heads import DIM, EVERY_HEAD, random_embedding, random_head, scales, seeds

every_head = pytest.mark.parametrize(("name", "task"), EVERY_HEAD)


@every_head
@given(seeds, scales)
def test_probabilities_form_a_tree(name: str, task: str, seed: int, scale: float) -> None:
    head, taxonomy = random_head(name, task, seed)
    scores = head(random_embedding(seed, scale))
    assert scores.log_p.shape == scores.log_not_p.shape == (3, taxonomy.num_nodes)
    p = scores.log_p.exp()
    torch.testing.assert_close(p[:, 0], torch.ones(3), atol=1e-6, rtol=0)
    children = range(1, taxonomy.num_nodes)
    parents = taxonomy.parents[1:].copy()
    assert (scores.log_p[:, children] <= scores.log_p[:, parents] + 2e-6).all()
    torch.testing.assert_close(p + scores.log_not_p.exp(), torch.ones_like(p), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", [name for name, task in EVERY_HEAD if task == "single"])
@given(seeds, scales)
def test_children_of_a_node_share_its_probability(name: str, seed: int, scale: float) -> None:
    head, taxonomy = random_head(name, "single", seed)
    p = head(random_embedding(seed, scale)).log_p.exp()
    for node in range(taxonomy.num_nodes):
        if not taxonomy.is_leaf(node):
            torch.testing.assert_close(p[:, list(taxonomy.children(node))].sum(dim=1), p[:, node], atol=2e-6, rtol=1e-5)


@every_head
def test_any_leading_shape_gives_the_same_numbers(name: str, task: str) -> None:
    head, taxonomy = random_head(name, task, 1)
    embedding = random_embedding(1, 1.0, rows=6)
    shaped = head(embedding.view(2, 3, DIM))
    assert shaped.log_p.shape == (2, 3, taxonomy.num_nodes)
    for got, expected in zip(shaped, head(embedding), strict=True):
        torch.testing.assert_close(got.view(6, -1), expected)


@every_head
def test_scores_are_float32_under_bf16(name: str, task: str) -> None:
    head, _ = random_head(name, task, 2)
    embedding = random_embedding(2, 1.0).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = head(embedding)
    for got, expected in zip(scores, head(embedding.float()), strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, expected, atol=0, rtol=0)


@every_head
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e2, 1e4])
def test_scores_and_gradients_stay_finite(name: str, task: str, scale: float) -> None:
    head, _ = random_head(name, task, 3)
    embedding = random_embedding(3, scale).requires_grad_()
    scores = head(embedding)
    (scores.log_p.sum() + scores.log_not_p.sum()).backward()
    for tensor in (*scores, embedding.grad, *(parameter.grad for parameter in head.parameters())):
        assert tensor.isfinite().all()


@every_head
def test_the_root_teaches_nothing(name: str, task: str) -> None:
    head, _ = random_head(name, task, 4)
    scores = head(random_embedding(4, 1.0))
    (scores.log_p[:, 0].sum() + scores.log_not_p[:, 0].sum()).backward()
    for parameter in head.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), atol=1e-5, rtol=0)


@given(st.floats(-80.0, 0.0, width=32))
def test_log_complement_against_double_precision(log_p: float) -> None:
    got = log_complement(torch.tensor([log_p])).item()
    expected = math.log1p(-math.exp(log_p)) if log_p < -1 else math.log(-math.expm1(min(log_p, -1e-7)))
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-37)


def test_every_task_has_the_tree_and_the_baseline() -> None:
    assert set(HEADS) >= {(name, task) for name in ("tree", "flat") for task in ("single", "multi")}


def test_an_unserved_task_is_named() -> None:
    taxonomy = random_taxonomy(np.random.default_rng(0), "multi")
    with pytest.raises(ConfigError, match="no head 'path_sum' for the task 'multi': known are flat, tree"):
        build_head(HeadConfig(name="path_sum"), DIM, taxonomy)


def test_heads_store_weights_only() -> None:
    """What the taxonomy implies is not saved: it would be one more thing that can contradict it."""
    for name, task in EVERY_HEAD:
        head, _ = random_head(name, task, 5)
        assert set(head.state_dict()) == {name for name, _ in head.named_parameters()}
