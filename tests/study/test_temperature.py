"""Temperatures are found again on labels that were drawn from known ones."""

from __future__ import annotations

import numpy as np
import pytest

from aed.scorer.tempered import tempered
from aed.study.temperature import fit_temperatures
from tests.fake_scorer import small_taxonomy, sum_over_leaves

TREE = small_taxonomy()


def drawn(clips: int, temperatures: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Answers of a model, and leaves drawn from what these answers should have been."""
    generator = np.random.default_rng(0)
    log_p = np.log(sum_over_leaves(TREE, generator.dirichlet(np.full(4, 0.7), size=clips))).astype(np.float32)
    meant = np.exp(tempered(log_p, TREE, temperatures))[:, list(TREE.leaves)]
    leaves = [generator.choice(TREE.leaves, p=row / row.sum()) for row in meant.astype(np.float64)]
    return log_p, np.array(leaves)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (2.5, 0.6), (0.5, 3.0)])
def test_they_are_found_again(temperatures: tuple[float, ...]) -> None:
    found = fit_temperatures(*drawn(4000, temperatures), TREE)
    assert found == pytest.approx(temperatures, rel=0.2)


def test_a_depth_without_decisions_stays_as_it_is() -> None:
    log_p, leaves = drawn(400, (2.0, 2.0))
    shallow = np.array([TREE.at_depth(int(leaf), 1) for leaf in leaves])
    found = fit_temperatures(log_p, shallow, TREE)
    assert found[0] == pytest.approx(2.0, rel=0.3)
    assert found[1] == pytest.approx(1.0, abs=1e-3)


def test_few_clips_change_little() -> None:
    log_p, leaves = drawn(2, (1.0, 1.0))
    assert all(0.4 < temperature < 2.5 for temperature in fit_temperatures(log_p, leaves, TREE))
