from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from aed.ontology.taxonomy import Node, Taxonomy


def tree_of(children: list[int], *, none_of_these: bool) -> Taxonomy:
    """A tree from the number of children of each node, breadth first; the root's last child may be "none of these"."""
    nodes = [Node(id="root", name="Root", parent=-1, depth=0, kind="root")]
    for parent, how_many in enumerate(children):
        if parent >= len(nodes):
            break
        for _ in range(how_many if nodes[parent].kind != "none" else 0):
            number = len(nodes)
            is_none = none_of_these and parent == 0 and number == how_many
            name, kind = ("aed:none", "none") if is_none else (f"n{number}", "concept")
            nodes.append(Node(id=name, name=name, parent=parent, depth=nodes[parent].depth + 1, kind=kind))
    return Taxonomy(nodes=tuple(nodes), task="single")


@st.composite
def trees(draw: st.DrawFn) -> Taxonomy:
    root_children = draw(st.integers(2, 4))
    others = draw(st.lists(st.sampled_from([0, 0, 2, 3]), max_size=8))
    return tree_of([root_children, *others], none_of_these=draw(st.booleans()))


@st.composite
def labelled_clips(draw: st.DrawFn, only_class_targets: bool = False) -> tuple[Taxonomy, np.ndarray, np.ndarray]:
    """A tree, log P of shape (clip, node) with ties, and a target node for each clip."""
    taxonomy = draw(trees())
    num_clips = draw(st.integers(1, 8))
    log_p = np.array(
        draw(
            st.lists(
                st.lists(
                    st.sampled_from([-np.inf, -3.0, -2.0, -1.0, -0.5]),
                    min_size=taxonomy.num_nodes,
                    max_size=taxonomy.num_nodes,
                ),
                min_size=num_clips,
                max_size=num_clips,
            )
        ),
        dtype=np.float32,
    )
    allowed = [n for n in range(1, taxonomy.num_nodes) if not (only_class_targets and n == taxonomy.none_index)]
    targets = draw(st.lists(st.sampled_from(allowed), min_size=num_clips, max_size=num_clips))
    return taxonomy, log_p, np.array(targets, dtype=np.int64)
