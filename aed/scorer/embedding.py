"""What enrolled sounds know of a model: beside log P(node), what its network makes of each row. No torch here.

The vectors come from the same call on the same fixed blocks as the scores, so they cost nothing and live equals file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aed.errors import ModelError
from aed.scorer.protocol import Scorer

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class EmbeddingScorer(Scorer, Protocol):
    """A scorer that also tells what its decisions are taken from; a row comes every `layout.row_seconds`.

    Attributes:
        embedding_dim: Size of a vector.
    """

    @property
    def embedding_dim(self) -> int:
        """Size of a vector."""
        ...

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score blocks and embed their rows; no block has a say, not even in one bit, in what another one gets.

        Args:
            blocks: `(batch, block_samples)` float32; any batch, also 0.

        Returns:
            log P(node), `(batch, rows_per_block, node)`, the same as `score_blocks` gives, and the mean embedding of
            each row's window, `(batch, rows_per_block, dim)`; both float32.
        """
        ...


def as_embedding_scorer(scorer: Scorer, name: str) -> EmbeddingScorer:
    """Return the scorer as one that can embed.

    Args:
        scorer: The model.
        name: What the user calls it, for messages.

    Raises:
        ModelError: It cannot.
    """
    if isinstance(scorer, EmbeddingScorer):
        return scorer
    raise ModelError(
        f"{name}: this model does not give its embeddings, which enrolled sounds are compared by; expected a model's "
        "folder, or a file that a newer 'aed export' made: export the model anew"
    )
