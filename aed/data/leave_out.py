"""Leaves that a model never hears in training, in fixed groups: each is left out once, while some of its kin stay.

The leaves stand in depth-first order, so that those of one supercategory are neighbours, and are dealt to the groups in
turn: of two or more leaves under a node, no group holds all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aed.ontology.taxonomy import Taxonomy


def leave_out_groups(taxonomy: Taxonomy, groups: int) -> NDArray[np.int64]:
    """Group of each leaf, from 1; 0 for inner nodes and *none of these*: (node,).

    Args:
        taxonomy: The tree; its order of siblings decides.
        groups: How many, at least 2.
    """
    is_leaf = {leaf for leaf in taxonomy.leaves if leaf != taxonomy.none_index}
    found = np.zeros(taxonomy.num_nodes, dtype=np.int64)
    leaves = [node for node in taxonomy.depth_first() if node in is_leaf]
    found[leaves] = np.arange(len(leaves)) % groups + 1
    return found
