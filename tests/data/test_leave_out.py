from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aed.data.leave_out import leave_out_groups
from aed.ontology.graph import load_ontology
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import build_taxonomy
from tests.random_taxonomy import random_taxonomy


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_each_leaf_is_left_out_once_and_some_of_its_kin_stay(seed: int, groups: int) -> None:
    tree = random_taxonomy(np.random.default_rng(seed), "single")
    group_of = leave_out_groups(tree, groups)
    leaves = [leaf for leaf in tree.leaves if leaf != tree.none_index]
    assert set(np.flatnonzero(group_of)) == set(leaves)
    assert set(group_of[leaves]) <= set(range(1, groups + 1))
    for node in range(tree.num_nodes):
        below = [leaf for leaf in leaves if tree.ancestor_matrix[leaf, node]]
        assert len(below) < 2 or len(set(group_of[below])) > 1


def test_the_groups_of_esc21_are_fixed() -> None:
    labels = load_label_map("esc21")
    tree = build_taxonomy(load_ontology(), labels.concept_ids, task="single", none_of_these=True)
    group_of = leave_out_groups(tree, 4)
    names = [sorted(tree.nodes[leaf].name for leaf in np.flatnonzero(group_of == group)) for group in range(1, 5)]
    assert names == [
        ["Baby cry, infant cry", "Chirp, tweet", "Dog", "Engine, other", "Fire", "Shatter"],
        ["Cat", "Church bell", "Snoring", "Thunderstorm", "Vehicle horn, car horn, honking"],
        ["Cattle, bovinae", "Helicopter", "Rain", "Siren", "Sneeze"],
        ["Chainsaw", "Clapping or applause", "Clock", "Crowing, cock-a-doodle-doo", "Waves, surf"],
    ]
