"""A fake scorer that embeds: a row's embedding says how much of its window each code fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.fake_scorer import STEP, FakeScorer, small_taxonomy, sum_over_leaves

OURS = 5
"""The code of a sound that the tree does not know."""


@dataclass(frozen=True)
class FakeEmbedder(FakeScorer):
    embedding_dim: int = OURS + 1

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        layout = self.layout
        starts = layout.lead_samples + np.arange(layout.rows_per_block) * layout.row_samples
        rows = [[self._shares(block[s : s + layout.row_samples]) for s in starts] for block in blocks]
        embedded = np.array(rows, dtype=np.float32).reshape(len(blocks), layout.rows_per_block, self.embedding_dim)
        return self.score_blocks(blocks), embedded

    def _shares(self, samples: np.ndarray) -> np.ndarray:
        codes = np.clip(np.rint(samples / STEP), 0, OURS).astype(int)
        return np.bincount(codes, minlength=self.embedding_dim) / len(codes)


def small_embedder(task: str = "single") -> FakeEmbedder:
    """Codes: 0 silence, 1 dog, 2 cat, 3 dog or cat, 4 glass, 5 something unknown."""
    taxonomy = small_taxonomy(task)
    #           glass none  dog   cat
    leaves = np.array(
        [
            [0.02, 0.94, 0.02, 0.02],
            [0.02, 0.02, 0.94, 0.02],
            [0.02, 0.02, 0.02, 0.94],
            [0.02, 0.04, 0.47, 0.47],
            [0.94, 0.02, 0.02, 0.02],
            [0.10, 0.70, 0.10, 0.10],
        ]
    )
    if task == "multi":
        leaves = leaves[:, [0, 2, 3]]
    return FakeEmbedder(taxonomy, np.minimum(sum_over_leaves(taxonomy, leaves), 1.0))
