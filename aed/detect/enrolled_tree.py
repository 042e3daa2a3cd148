"""A model that knows enrolled sounds too: its tree has a leaf for each, its scores a column.

So whatever reads a scorer (detector, stream, monitor, rules, pictures) hears "Doorbell > our doorbell" as any other
node. Where an enrolled sound is heard with probability q, what stands above it is heard too. With several labels:

    P'(above) = max(P(above), q)                                                                                   (1)

and with one label, where the children of a node share its probability, q is taken from everything in proportion:

    P'(node) = (1 - q) P(node) + q [node is the enrolled sound or above it]                                        (2)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aed.detect.enrolled import FloatArray, Prototypes, probability, running_mean
from aed.detect.smooth import Smoother
from aed.errors import ConfigError
from aed.ontology.structure import Node, Taxonomy
from aed.scorer.embedding import EmbeddingScorer
from aed.scorer.protocol import BlockLayout

ID_PREFIX = "enrolled:"
"""Ids of enrolled sounds begin with it: no concept's does."""
_LEAST_P = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class EnrolledLeaf:
    """An enrolled sound as a leaf.

    Attributes:
        id: Its id in the tree.
        name: What people call it.
        under: Id of the node that it stands below.
        prototypes: What it is known by.
        threshold: Similarity at which its probability is a half.
    """

    id: str
    name: str
    under: str
    prototypes: Prototypes
    threshold: float


def tree_with(taxonomy: Taxonomy, leaves: Sequence[EnrolledLeaf]) -> Taxonomy:
    """Put leaves into a tree, each after the other children of its node.

    Raises:
        ConfigError: Two things in the tree would have one name, or a sound stands below *None of these*.
        OntologyError: The tree has no such node.
    """
    names = [node.name.casefold() for node in taxonomy.nodes]
    for leaf in leaves:
        _check(taxonomy, leaf, names)
        names.append(leaf.name.casefold())
    added = {
        parent: [leaf for leaf in leaves if taxonomy.index(leaf.under) == parent]
        for parent in range(taxonomy.num_nodes)
    }
    nodes: list[Node] = [taxonomy.nodes[0]]
    waiting = deque([(0, 0)])  # index in the old tree, and in the new one
    while waiting:
        old, new = waiting.popleft()
        for child in taxonomy.children(old):
            known = taxonomy.nodes[child]
            waiting.append((child, len(nodes)))
            nodes.append(Node(known.id, known.name, new, known.depth, known.kind))
        for leaf in added[old]:
            nodes.append(Node(leaf.id, leaf.name, new, taxonomy.nodes[old].depth + 1, "concept"))
    return Taxonomy(tuple(nodes), taxonomy.task)


def _check(taxonomy: Taxonomy, leaf: EnrolledLeaf, names: Sequence[str]) -> None:
    under = taxonomy.index(leaf.under)
    if leaf.name.casefold() in names:
        raise ConfigError(f"the tree has a node called '{leaf.name}' already: give your sound another name")
    if taxonomy.none_index is not None and taxonomy.ancestor_matrix[under, taxonomy.none_index]:
        raise ConfigError(f"'{leaf.name}' stands below '{taxonomy.nodes[under].name}', which is never an answer")


class EnrolledScorer:
    """A scorer whose tree holds enrolled sounds.

    Args:
        scorer: The model.
        leaves: The sounds, at least one.

    Raises:
        ConfigError: They do not fit into the tree.
        OntologyError: The tree has no node that one stands below.
    """

    def __init__(self, scorer: EmbeddingScorer, leaves: Sequence[EnrolledLeaf]) -> None:
        self._scorer, self._leaves = scorer, tuple(leaves)
        self.taxonomy: Taxonomy = tree_with(scorer.taxonomy, leaves)
        self.embedding_dim = scorer.embedding_dim
        self._known = np.array([self.taxonomy.index(node.id) for node in scorer.taxonomy.nodes])
        self._places = [self.taxonomy.index(leaf.id) for leaf in leaves]

    @property
    def layout(self) -> BlockLayout:
        """The blocks that it reads."""
        return self._scorer.layout

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score blocks; see `Scorer.score_blocks`."""
        return self.score_and_embed(blocks)[0]

    def score_and_embed(self, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score blocks and embed their rows; see `EmbeddingScorer.score_and_embed`.

        A block by itself does not know what was heard before it: its first rows are averaged over what it has of them.
        """
        log_p, embeddings = self._scorer.score_and_embed(blocks)
        scores = [self.scores(*of_block, self.running_means()) for of_block in zip(log_p, embeddings, strict=True)]
        shape = (len(blocks), self.layout.rows_per_block, self.taxonomy.num_nodes)
        return np.array(scores, dtype=np.float32).reshape(shape), embeddings

    def open_stream(self) -> EnrolledStream:
        """Begin a stream; see `StreamingScorer.open_stream`."""
        return EnrolledStream(self, self._scorer)

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        """Score a whole clip; an enrolled sound is in it as surely as in its surest row; see `Scorer.score_clip`."""
        from aed.detect.embedded import embed_samples

        rows = embed_samples(self._scorer, samples)
        found = zip(self._leaves, self.running_means(), strict=True)
        surest = [_probability(leaf, rows, mean).max(keepdims=True) for leaf, mean in found]
        (log_p,) = self._with_leaves(self._scorer.score_clip(samples)[None], surest)
        return np.asarray(log_p)

    def running_means(self) -> list[Smoother]:
        """Return what averages each sound's likeness, at the beginning of a stream."""
        return [running_mean(self.layout.row_seconds) for _ in self._leaves]

    def scores(self, log_p: FloatArray, embeddings: FloatArray, means: Sequence[Smoother]) -> FloatArray:
        """Add the sounds to a block's scores: (row, node) and (row, dim) -> (row, node of the larger tree)."""
        found = zip(self._leaves, means, strict=True)
        return self._with_leaves(log_p, [_probability(leaf, embeddings, mean) for leaf, mean in found])

    def _with_leaves(self, log_p: FloatArray, leaf_probabilities: Sequence[FloatArray]) -> FloatArray:
        """Add a column for each leaf: (row, node) log P and (row,) P of each leaf -> (row, node of the larger tree)."""
        scores = np.full((len(log_p), self.taxonomy.num_nodes), np.log(_LEAST_P), dtype=np.float32)
        scores[:, self._known] = log_p
        for place, q in zip(self._places, leaf_probabilities, strict=True):
            path = self.taxonomy.ancestor_matrix[place]
            if self.taxonomy.task == "multi":
                log_q = np.log(np.maximum(q, np.float32(_LEAST_P)))[:, None]
                scores[:, path] = np.maximum(scores[:, path], log_q)
            else:
                mixed = (1 - q[:, None]) * np.exp(scores) + q[:, None] * path.astype(np.float32)
                scores = np.log(np.maximum(mixed, np.float32(_LEAST_P)))
        return scores


class EnrolledStream:
    """A stream of such a scorer: it knows what was heard before a block.

    Args:
        enrolled: The scorer.
        scorer: The model that it asks.
    """

    def __init__(self, enrolled: EnrolledScorer, scorer: EmbeddingScorer) -> None:
        self._enrolled, self._scorer, self._means = enrolled, scorer, enrolled.running_means()

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score the next blocks; see `ScorerStream.score_blocks`."""
        log_p, embeddings = self._scorer.score_and_embed(blocks)
        shape = (*log_p.shape[:2], self._enrolled.taxonomy.num_nodes)
        scores = np.empty(shape, dtype=np.float32)
        for of_block, known, rows in zip(scores, log_p, embeddings, strict=True):  # a product's bits hang on its shape
            of_block[:] = self._enrolled.scores(known, rows, self._means)
        return scores


def _probability(leaf: EnrolledLeaf, embeddings: FloatArray, mean: Smoother) -> FloatArray:
    averaged = mean.push(leaf.prototypes.similarity(embeddings)[:, None])[:, 0]
    return probability(averaged, leaf.threshold)
