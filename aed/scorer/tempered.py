"""Probabilities that mean what they say: every decision of the tree is taken less surely, or more, by its depth.

Temperature scaling (Guo et al., *On calibration of modern neural networks*, ICML 2017, arXiv 1706.04599), applied to
each decision among siblings instead of to the leaves, with one temperature T_d per depth d of the children:

    P'(child | parent) = P(child | parent)^(1 / T_d) / sum over siblings of P(sibling | parent)^(1 / T_d)            (1)

So the children of a node still sum to it, and the likeliest child of each node stays the likeliest. A worked miniature,
T = (2, 1):

    Sound            1               1
    |- Animal      0.9            0.75       0.9^(1/2) : 0.1^(1/2) = 3 : 1
    |  |- Dog      0.6   ->       0.50       two thirds of Animal before and after
    |  `- Cat      0.3            0.25
    `- Siren       0.1            0.25
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aed.ontology.structure import Taxonomy
from aed.scorer.embedding import EmbeddingScorer, as_embedding_scorer
from aed.scorer.protocol import BlockLayout, Scorer, ScorerStream, open_stream

FloatArray = npt.NDArray[np.float32]

_SMALLEST_LOG_P = float(np.log(np.finfo(np.float32).tiny))
"""Below it exp() is no normal float32; what is less likely is never told apart, and no difference of -inf arises."""


def step_log_p(log_p: FloatArray, taxonomy: Taxonomy) -> FloatArray:
    """Log P(node | its parent) of a single-label tree, (..., node); 0 for the root."""
    bounded = np.maximum(log_p, np.float32(_SMALLEST_LOG_P))
    parents = np.maximum(taxonomy.parents, 0)
    steps: FloatArray = bounded - bounded[..., parents]
    return steps


def tempered(log_p: FloatArray, taxonomy: Taxonomy, temperatures: Sequence[float]) -> FloatArray:
    """Apply a temperature per depth; each row by itself, in the same order of operations whatever the other rows.

    Args:
        log_p: Log P(node), (..., node) float32.
        taxonomy: A single-label tree.
        temperatures: T of the decisions among nodes of depth 1, 2, ...; one for each depth of the tree.

    Returns:
        (..., node) float32.
    """
    depths = np.asarray(taxonomy.depths)
    by_node = np.array([1.0, *temperatures], dtype=np.float32)[depths]
    steps = step_log_p(log_p, taxonomy) / by_node
    changed = np.zeros_like(steps)
    for parent in range(taxonomy.num_nodes):  # a parent comes before its children
        children = taxonomy.children(parent)
        if children:
            of_children = [steps[..., child] for child in children]
            total = _log_sum_exp(of_children)
            for child, step in zip(children, of_children, strict=True):
                changed[..., child] = changed[..., parent] + (step - total)
    return changed


class TemperedScorer:
    """A scorer whose probabilities are calibrated by depth.

    Args:
        scorer: The model, single-label.
        temperatures: One for each depth of its tree.
    """

    def __init__(self, scorer: Scorer, temperatures: Sequence[float]) -> None:
        self._scorer, self._temperatures = scorer, tuple(temperatures)

    @property
    def taxonomy(self) -> Taxonomy:
        """The tree whose nodes it scores."""
        return self._scorer.taxonomy

    @property
    def layout(self) -> BlockLayout:
        """The blocks that it reads."""
        return self._scorer.layout

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks; see `Scorer.score_blocks`."""
        return self.temper(self._scorer.score_blocks(blocks))

    def open_stream(self) -> ScorerStream:
        """Begin a stream; see `StreamingScorer.open_stream`."""
        return _TemperedStream(open_stream(self._scorer), self)

    @property
    def embedding(self) -> EmbeddingScorer:
        """The model, which knows embeddings.

        Raises:
            ModelError: It does not.
        """
        return as_embedding_scorer(self._scorer, "the model")

    @property
    def embedding_dim(self) -> int:
        """Size of an embedding."""
        return self.embedding.embedding_dim

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score blocks and embed their rows; see `EmbeddingScorer.score_and_embed`."""
        log_p, embeddings = self.embedding.score_and_embed(blocks)
        return self.temper(log_p), embeddings

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        """Score a whole clip; see `Scorer.score_clip`."""
        return self.temper(self._scorer.score_clip(samples))

    def temper(self, log_p: FloatArray) -> FloatArray:
        """Apply the temperatures; see `tempered`."""
        return tempered(log_p, self.taxonomy, self._temperatures)


class _TemperedStream:
    """A stream of a tempered scorer."""

    def __init__(self, stream: ScorerStream, scorer: TemperedScorer) -> None:
        self._stream, self._scorer = stream, scorer

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks; see `ScorerStream.score_blocks`."""
        return self._scorer.temper(self._stream.score_blocks(blocks))


def _log_sum_exp(terms: Sequence[FloatArray]) -> FloatArray:
    """Log of the sum of exp, term by term: a reduction by numpy may add in another order at another shape."""
    largest = terms[0]
    for term in terms[1:]:
        largest = np.maximum(largest, term)
    total = np.exp(terms[0] - largest)
    for term in terms[1:]:
        total = total + np.exp(term - largest)
    return np.asarray(largest + np.log(total))
