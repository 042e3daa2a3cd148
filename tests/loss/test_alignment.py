"""Aligned answers, against the formula and over many batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from aed.loss.alignment import Alignment
from tests.loss.test_label_weights import animals
from tests.tree.heads import random_embedding, random_head, scales, seeds

RAIN, NONE, DOG, CAT = 2, 3, 4, 5
TREE = animals()


def answers(rain: float, dog: float, cat: float) -> torch.Tensor:
    return torch.tensor([[1.0, dog + cat, rain, 1 - rain - dog - cat, dog, cat]]).clamp_min(1e-6).log()


def settled(alignment: Alignment, labels: list[int], teacher: torch.Tensor) -> torch.Tensor:
    """What becomes of an answer after many steps of the same labels and answers."""
    for _ in range(2000):
        alignment.observe_labels(torch.eye(TREE.num_nodes)[labels])
        aligned = alignment(teacher)
    return aligned


def test_at_first_nothing_changes() -> None:
    teacher = answers(0.2, 0.5, 0.2)
    torch.testing.assert_close(Alignment(TREE)(teacher), teacher, atol=0.02, rtol=0.02)


def test_a_leaf_that_is_named_too_often_is_believed_in_less() -> None:
    teacher = torch.cat([answers(0.1, 0.7, 0.1), answers(0.1, 0.3, 0.5)])
    p = settled(Alignment(TREE), [RAIN, DOG, CAT], teacher).exp()
    means = p[:, [RAIN, DOG, CAT]].mean(dim=0)
    assert (means[1] - 0.3).abs() < 0.05  # dog had 0.5 on average
    shares = np.array([0.1, 0.5, 0.3]) / 0.9
    for row, before in zip(p, ([0.1, 0.7, 0.1], [0.1, 0.3, 0.5]), strict=True):
        expected = np.array(before) * (1 / 3) / shares
        expected *= 0.9 / expected.sum()
        assert row[[RAIN, DOG, CAT]].tolist() == pytest.approx(expected.tolist(), abs=0.01)
        assert float(row[NONE]) == pytest.approx(0.1, abs=1e-3)  # as the teacher said
        assert float(row[1]) == pytest.approx(float(row[DOG] + row[CAT]), abs=1e-5)


def test_labels_say_what_is_to_be_expected() -> None:
    p = settled(Alignment(TREE), [RAIN, RAIN, RAIN, DOG, NONE, 1], answers(0.3, 0.3, 0.3)).exp()[0]
    assert p[[RAIN, DOG, CAT]].tolist() == pytest.approx([0.9 * 0.75, 0.9 * 0.25, 0.0], abs=0.01)


@given(seeds, scales)
def test_aligned_answers_form_a_tree(seed: int, scale: float) -> None:
    head, taxonomy = random_head("tree", "single", seed)
    alignment = Alignment(taxonomy)
    for step in range(3):
        p = alignment(head(random_embedding(seed + step, scale)).log_p.detach()).exp()
    assert p.isfinite().all()
    for node in range(taxonomy.num_nodes):
        if not taxonomy.is_leaf(node):
            torch.testing.assert_close(p[:, list(taxonomy.children(node))].sum(dim=1), p[:, node], atol=1e-5, rtol=1e-4)
