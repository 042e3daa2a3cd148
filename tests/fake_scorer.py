"""A scorer by formula: every sample says with its value which row of a table of probabilities it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aed.ontology.taxonomy import Node, Taxonomy
from aed.scorer.protocol import BlockLayout

LAYOUT = BlockLayout(
    rate_hz=1000,
    block_samples=700,
    advance_samples=400,
    lead_samples=150,
    rows_per_block=4,
    row_samples=100,
    window_samples=200,
)
STEP = 0.01
"""Sample value k * STEP stands for row k of the table."""


@dataclass(frozen=True)
class FakeScorer:
    """P(node) of a row is the mean, over the row's window, of what its samples say."""

    taxonomy: Taxonomy
    table: np.ndarray  # (code, node)
    layout: BlockLayout = LAYOUT

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        layout = self.layout
        first = layout.lead_samples + (layout.row_samples - layout.window_samples) // 2
        starts = first + np.arange(layout.rows_per_block) * layout.row_samples
        rows = [np.stack([self.window(block[s : s + layout.window_samples]) for s in starts]) for block in blocks]
        return np.log(np.array(rows, dtype=np.float32).reshape(len(blocks), layout.rows_per_block, -1))

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        return np.log(self.window(samples))

    def window(self, samples: np.ndarray) -> np.ndarray:
        codes = np.clip(np.rint(samples / STEP), 0, len(self.table) - 1).astype(int)
        counts = np.bincount(codes, minlength=len(self.table)) / len(codes)
        return (counts @ self.table).astype(np.float32)


def small_taxonomy(task: str = "single") -> Taxonomy:
    """Sound > (Animal > (Dog, Cat), Glass, None of these when single)."""
    rows = [("s", "Sound", -1, 0, "root"), ("a", "Animal", 0, 1, "concept"), ("g", "Glass", 0, 1, "concept")]
    rows += [("aed:none", "None of these", 0, 1, "none")] if task == "single" else []
    rows += [("d", "Dog", 1, 2, "concept"), ("c", "Cat", 1, 2, "concept")]
    return Taxonomy(tuple(Node(*row) for row in rows), task)


def sum_over_leaves(taxonomy: Taxonomy, leaves: np.ndarray) -> np.ndarray:
    """(..., leaf) -> (..., node): every node has what its leaves have together."""
    return leaves @ taxonomy.ancestor_matrix[list(taxonomy.leaves)].astype(float)


def small_scorer() -> FakeScorer:
    """Codes: 0 silence, 1 dog, 2 cat, 3 some animal (dog or cat), 4 glass."""
    taxonomy = small_taxonomy()
    #                  glass none  dog   cat
    leaves = np.array(
        [
            [0.02, 0.94, 0.02, 0.02],
            [0.02, 0.02, 0.94, 0.02],
            [0.02, 0.02, 0.02, 0.94],
            [0.02, 0.04, 0.47, 0.47],
            [0.94, 0.02, 0.02, 0.02],
        ]
    )
    return FakeScorer(taxonomy, sum_over_leaves(taxonomy, leaves))


def scene(*parts: tuple[int, float], rate_hz: int = LAYOUT.rate_hz) -> np.ndarray:
    """Samples of (code, seconds) one after the other."""
    return np.concatenate([np.full(round(seconds * rate_hz), code * STEP, dtype=np.float32) for code, seconds in parts])
