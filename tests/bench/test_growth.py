"""How cost grows, and what training takes: the shape of the answers, no times."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from aed.bench import training
from aed.bench.leaves import audioset_tree, measure_leaves
from aed.bench.operations import encoder_costs, multiply_adds
from aed.bench.streams import measure_streams
from aed.bench.tables import TABLES
from aed.bench.training import measure_training
from aed.cli.bench import Part
from aed.export.export import Export


def test_multiply_adds_are_those_of_the_textbook() -> None:
    convolution = nn.Conv2d(2, 3, 5, padding=2, bias=False)
    assert multiply_adds(convolution, torch.zeros(1, 2, 10, 10)) == 2 * 3 * 5 * 5 * 10 * 10


def test_larger_encoders_take_more() -> None:
    costs = list(encoder_costs())
    assert [cost.size for cost in costs] == ["small", "medium", "large"]
    assert costs[0].parameters == pytest.approx(0.1e6, rel=0.05)
    for smaller, larger in pairwise(costs):
        assert smaller.parameters < larger.parameters
        assert smaller.multiply_adds_per_second < larger.multiply_adds_per_second
    assert costs[0].embeddings_per_second == 12.5
    assert TABLES[Part.OPERATIONS](costs).row_count == 3


def test_a_smaller_tree_lies_within_a_larger_one() -> None:
    small, large = audioset_tree(10), audioset_tree(50)
    assert {small.nodes[leaf].id for leaf in small.leaves} <= {node.id for node in large.nodes}
    assert audioset_tree(527).num_nodes > 527


def test_a_tree_is_measured() -> None:
    cost = measure_leaves(10, sound_seconds=2.0)
    assert (cost.labels, cost.nodes) == (10, audioset_tree(10).num_nodes)
    assert 0 < cost.head_core_share < cost.network_core_share
    assert cost.detector_core_share > 0
    assert cost.head_multiply_adds_per_second > cost.head_parameters
    assert TABLES[Part.LEAVES]([cost]).row_count == 1


def test_streams_are_measured(multi_export: tuple[Path, Export]) -> None:
    cost = measure_streams(multi_export[1].path, streams=2, sound_seconds=2.0)
    assert (cost.streams, cost.sound_seconds) == (2, 2.0)
    assert min(cost.core_share, cost.quiet_core_share, cost.peak_mib) > 0


def test_training_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path))
    monkeypatch.setattr(training, "BATCH_SIZE", 4)
    monkeypatch.setattr(training, "WARM_UP_STEPS", 1)
    threads = torch.get_num_threads()
    try:
        cost = measure_training("small", threads=1, steps=1)
    finally:
        torch.set_num_threads(threads)
    assert min(cost.clips_per_second, cost.clips_per_core_second) > 0
    assert 0 < cost.waiting_share < 1
    assert TABLES[Part.TRAINING]([cost]).row_count == 1


def test_every_part_has_a_table() -> None:
    assert set(TABLES) == set(Part)
