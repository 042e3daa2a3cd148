from __future__ import annotations

import numpy as np
import torch
from hypothesis import given

from tests.tree.heads import random_embedding, random_head, seeds


@given(seeds)
def test_a_leaf_is_as_likely_as_it_lies_near_its_prototype(seed: int) -> None:
    head, taxonomy = random_head("prototype", "single", seed)
    embedding = random_embedding(seed, 2.0)
    directions, scale = head.direction.detach().double().numpy(), float(head.log_scale.detach().exp())
    for row, log_p in zip(embedding.double().numpy(), head(embedding).log_p.detach().numpy(), strict=True):
        logits = []
        for leaf in taxonomy.leaves:
            prototype = np.sum([directions[node] for node in taxonomy.path(leaf)], axis=0)
            logits.append(scale * row @ prototype / np.linalg.norm(row) / np.linalg.norm(prototype))
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(np.exp(log_p[list(taxonomy.leaves)]), expected, atol=1e-5)


def test_the_length_of_an_embedding_has_no_say() -> None:
    head, _ = random_head("prototype", "single", 0)
    embedding = random_embedding(0, 1.0)
    torch.testing.assert_close(head(embedding).log_p, head(7 * embedding).log_p)
