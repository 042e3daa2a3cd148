from __future__ import annotations

import pytest
import torch

from aed.loss.leaf_thresholds import LeafThresholds
from aed.ontology.taxonomy import Node, Taxonomy


def dog_rain_none() -> Taxonomy:
    nodes = (
        Node("root", "Sound", -1, 0, "root"),
        Node("dog", "Dog", 0, 1, "concept"),
        Node("rain", "Rain", 0, 1, "concept"),
        Node("aed:none", "None of these", 0, 1, "none"),
    )
    return Taxonomy(nodes, "single")


def answers(dog: float, rain: float) -> torch.Tensor:
    return torch.tensor([[1.0, dog, rain, 1 - dog - rain]]).clamp_min(1e-6).log()


def test_starts_at_chance_without_none_of_these() -> None:
    thresholds = LeafThresholds(dog_rain_none())
    assert thresholds.leaves.tolist() == [1, 2]
    assert thresholds().tolist() == [0.5, 0.5]


def test_follows_the_running_means() -> None:
    thresholds = LeafThresholds(dog_rain_none())
    confidence, dog, rain = 0.5, 0.5, 0.5
    for p_dog, p_rain in ((0.9, 0.1), (0.7, 0.2), (0.3, 0.6)):
        thresholds.update(answers(p_dog, p_rain))
        confidence = 0.99 * confidence + 0.01 * max(p_dog, p_rain)
        dog, rain = 0.99 * dog + 0.01 * p_dog, 0.99 * rain + 0.01 * p_rain
    most = max(dog, rain)
    assert thresholds().tolist() == pytest.approx([confidence * dog / most, confidence * rain / most], rel=1e-5)


def test_a_leaf_that_is_seldom_named_gets_the_lower_threshold_and_confidence_raises_both() -> None:
    thresholds = LeafThresholds(dog_rain_none())
    for _ in range(1000):
        thresholds.update(torch.cat([answers(0.98, 0.01)] * 3 + [answers(0.01, 0.98)]))
    dog, rain = thresholds().tolist()
    assert dog == pytest.approx(0.98, abs=0.01)
    assert rain == pytest.approx(dog / 3, rel=0.05)
