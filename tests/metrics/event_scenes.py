"""Small scenes by chance, on a grid of a tenth of a second, for slow twins to count on."""

from __future__ import annotations

import numpy as np

from aed.metrics.event_truth import EventScene
from aed.metrics.spans import Spans, subtract, union

STEP_SECONDS = 0.1
ROW_SECONDS = 0.2


def random_spans(generator: np.random.Generator, seconds: float, most: int) -> Spans:
    steps = round(seconds / STEP_SECONDS)
    cuts = np.sort(generator.integers(0, steps + 1, (int(generator.integers(most + 1)), 2)), axis=1)
    return union(np.round(cuts * STEP_SECONDS, 1))


def random_scene(generator: np.random.Generator, num_nodes: int, name: str = "a", seconds: float = 12.0) -> EventScene:
    """Every node has spans of its own, whatever a tree would say."""
    truth = [random_spans(generator, seconds, 3) for _ in range(num_nodes)]
    unknown = [subtract(random_spans(generator, seconds, 1), true) for true in truth]
    rows = round(seconds / ROW_SECONDS)
    probabilities = np.round(generator.random((rows, num_nodes)), 2).astype(np.float32)
    detections = [random_spans(generator, seconds, 4) for _ in range(num_nodes)]
    return EventScene(name, seconds, tuple(truth), tuple(unknown), tuple(detections), probabilities, ROW_SECONDS)


def grid(spans: Spans, seconds: float) -> np.ndarray:
    """Whether each tenth of a second is inside: (step,) bool."""
    middles = (np.arange(round(seconds / STEP_SECONDS)) + 0.5) * STEP_SECONDS
    return np.array([any(onset <= middle < offset for onset, offset in spans) for middle in middles], dtype=bool)


def runs(active: np.ndarray) -> int:
    """How many unbroken stretches there are."""
    return sum(1 for place, on in enumerate(active) if on and (place == 0 or not active[place - 1]))
