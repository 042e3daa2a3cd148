from __future__ import annotations

import math

import torch
from hypothesis import given
from torch import Tensor

from aed.ontology.taxonomy import Taxonomy
from tests.tree.heads import random_embedding, random_head, scales, seeds


def slow_path_sums(logits: Tensor, taxonomy: Taxonomy) -> list[float]:
    """P(node): sum, over the leaves below, of the softmax of the logits added along each leaf's path."""
    weights = {leaf: math.exp(sum(logits[node] for node in taxonomy.path(leaf))) for leaf in taxonomy.leaves}
    below = (
        [leaf for leaf in taxonomy.leaves if node == 0 or node in taxonomy.path(leaf)]
        for node in range(taxonomy.num_nodes)
    )
    return [sum(weights[leaf] for leaf in leaves) / sum(weights.values()) for leaves in below]


@given(seeds)
def test_a_leafs_logit_is_summed_along_its_path(seed: int) -> None:
    head, taxonomy = random_head("path_sum", "single", seed)
    embedding = random_embedding(seed, 2.0)
    logits = head.decision(embedding).double().detach()
    expected = torch.tensor([slow_path_sums(row, taxonomy) for row in logits], dtype=torch.float32)
    torch.testing.assert_close(head(embedding).log_p.exp(), expected, atol=1e-6, rtol=1e-5)


@given(seeds, scales)
def test_what_a_label_teaches_reaches_its_siblings(seed: int, scale: float) -> None:
    """The gradient at an inner node's logit is that of all leaves below it together."""
    head, taxonomy = random_head("path_sum", "single", seed)
    scores = head(random_embedding(seed, scale, rows=1))
    leaf = taxonomy.leaves[0]
    scores.log_p[0, leaf].backward()
    p, gradient = scores.log_p.detach().exp()[0], head.decision.bias.grad
    for node in range(1, taxonomy.num_nodes):
        taught = float(node in taxonomy.path(leaf)) - p[node]
        torch.testing.assert_close(gradient[node], taught, atol=1e-5, rtol=1e-4)
