"""Heads on random trees, and the sort of embeddings that break them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from aed.ontology.taxonomy import Taxonomy
from aed.tree.head import TreeHead
from aed.tree.registry import HEADS, HeadConfig, build_head
from tests.random_taxonomy import random_taxonomy

DIM = 6
EVERY_HEAD = sorted(HEADS)
"""(name, task)."""

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([0.1, 1.0, 10.0, 300.0])
"""Of the logits: from undecided to far beyond what float32 can tell from certain."""


def random_head(name: str, task: str, seed: int) -> tuple[TreeHead, Taxonomy]:
    generator = np.random.default_rng(seed)
    taxonomy = random_taxonomy(generator, task)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_head(HeadConfig(name=name), DIM, taxonomy), taxonomy


def random_embedding(seed: int, scale: float, rows: int = 3) -> Tensor:
    return scale * torch.randn(rows, DIM, generator=torch.Generator().manual_seed(seed))
