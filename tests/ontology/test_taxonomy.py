from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.errors import OntologyError
from aed.ontology.graph import ROOT_ID, load_ontology
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import NONE_ID, Node, Task, Taxonomy, build_taxonomy

ONTOLOGY = load_ontology()
quick = settings(max_examples=60, deadline=None)
label_sets = st.lists(st.sampled_from(sorted(set(ONTOLOGY.concepts) - {ROOT_ID})), min_size=1, max_size=25)
tasks = st.sampled_from(["single", "multi"])


def build(ids: list[str], task: Task = "single") -> Taxonomy:
    return build_taxonomy(ONTOLOGY, ids, task=task, none_of_these=task == "single")


def of_names(*names: str, task: Task = "single") -> Taxonomy:
    return build([ONTOLOGY.resolve(name).id for name in names], task)


def test_esc10_has_the_tree_that_we_expect() -> None:
    tree = build(list(load_label_map("esc10").concept_ids))
    paths = {"/".join(tree.path_names(leaf)) for leaf in tree.leaves}
    assert paths == {
        "Human sounds/Baby cry, infant cry",
        "Human sounds/Sneeze",
        "Animal/Dog",
        "Animal/Crowing, cock-a-doodle-doo",
        "Natural sounds/Water/Rain",
        "Natural sounds/Water/Waves, surf",
        "Natural sounds/Fire",
        "Sounds of things/Helicopter",
        "Sounds of things/Chainsaw",
        "Sounds of things/Clock",
        "None of these",
    }


def test_a_label_above_others_gets_a_residual_leaf() -> None:
    tree = of_names("Engine", "Chainsaw")
    target = tree.target_node(ONTOLOGY.resolve("Engine").id)
    assert tree.nodes[target].name == "Engine, other"
    assert tree.nodes[target].kind == "residual"
    assert tree.path_names(target)[-2:] == ("Engine", "Engine, other")


def test_a_multi_label_tree_answers_with_the_inner_node_itself() -> None:
    tree = of_names("Engine", "Chainsaw", task="multi")
    assert {node.kind for node in tree.nodes} == {"root", "concept"}
    assert tree.target_node(ONTOLOGY.resolve("Engine").id) == tree.find("Engine")


def test_chains_collapse_only_when_asked() -> None:
    ids = [ONTOLOGY.resolve(name).id for name in ("Helicopter", "Siren")]
    full = build_taxonomy(ONTOLOGY, ids, task="single", none_of_these=False, collapse_chains=False)
    short = build_taxonomy(ONTOLOGY, ids, task="single", none_of_these=False)
    assert full.path_names(full.find("Helicopter")) == ("Sounds of things", "Vehicle", "Aircraft", "Helicopter")
    assert short.path_names(short.find("Helicopter")) == ("Sounds of things", "Helicopter")


def test_a_used_inner_concept_is_never_collapsed() -> None:
    assert of_names("Chicken, rooster", "Cluck").find("Chicken, rooster") > 0


def test_abstract_concepts_that_decide_stay() -> None:
    tree = of_names("Sneeze", "Snoring", "Speech")
    assert tree.path_names(tree.find("Sneeze")) == ("Human sounds", "Respiratory sounds", "Sneeze")


@quick
@given(label_sets, tasks)
def test_numbering_is_breadth_first_with_contiguous_children(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    assert tree.parents[0] == -1
    assert (tree.parents[1:] < np.arange(1, tree.num_nodes)).all()
    assert (np.diff(tree.depths) >= 0).all()
    for index in range(tree.num_nodes):
        children = tree.children(index)
        assert children == tuple(range(children[0], children[0] + len(children))) if children else tree.is_leaf(index)


@quick
@given(label_sets, tasks)
def test_every_label_has_its_node_and_nothing_else_is_a_leaf(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    meant = {tree.target_node(concept_id) for concept_id in ids}
    extra = {tree.none_index} if task == "single" else set()
    leaves = set(tree.leaves)
    assert leaves <= meant | extra
    if task == "single":
        assert leaves == meant | extra


@quick
@given(label_sets, tasks)
def test_a_node_without_label_decides(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    for index in tree.answer_nodes:
        if tree.nodes[index].id not in ids and tree.nodes[index].kind == "concept":
            assert len(tree.children(index)) >= 2


@quick
@given(label_sets, tasks)
def test_the_tree_keeps_the_order_of_the_ontology(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    for index in tree.answer_nodes:
        above = tree.nodes[tree.nodes[index].parent].id
        if tree.nodes[index].kind == "concept" and above != ROOT_ID:
            assert above in ONTOLOGY.path(tree.nodes[index].id)


@quick
@given(label_sets, tasks)
def test_queries_equal_their_slow_twins(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    for index in range(tree.num_nodes):
        path = tree.path(index)
        assert len(path) == tree.nodes[index].depth
        assert set(np.flatnonzero(tree.ancestor_matrix[index])) == {0, *path}
        below = [leaf for leaf in range(tree.num_nodes) if tree.ancestor_matrix[leaf, index]]
        assert tree.height(index) == max(tree.nodes[node].depth for node in below) - tree.nodes[index].depth
        assert [tree.at_depth(index, depth) for depth in range(1, len(path) + 2)] == [*path, index]


@quick
@given(label_sets, tasks)
def test_json_gives_the_same_tree_back(ids: list[str], task: Task) -> None:
    tree = build(ids, task)
    again = Taxonomy.from_dict(json.loads(json.dumps(tree.to_dict())))
    assert again == tree
    assert again.digest == tree.digest
    assert hash(again) == hash(tree)


@quick
@given(label_sets)
def test_order_and_repeats_of_labels_do_not_matter(ids: list[str]) -> None:
    assert build(ids) == build([*reversed(ids), *ids])


def test_different_trees_have_different_digests() -> None:
    assert of_names("Dog").digest != of_names("Cat").digest != of_names("Cat", task="multi").digest


def test_none_of_these_is_the_last_child_of_the_root() -> None:
    tree = of_names("Dog", "Cat", "Siren")
    assert tree.none_index == tree.children(0)[-1]
    assert tree.nodes[tree.none_index].id == NONE_ID


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(OntologyError, match="at least one concept"):
        build([])
    with pytest.raises(OntologyError, match="is the root"):
        build([ROOT_ID])
    with pytest.raises(OntologyError, match="none_of_these"):
        build_taxonomy(ONTOLOGY, ["/m/0bt9lr"], task="multi", none_of_these=True)
    with pytest.raises(OntologyError, match="/m/nothing"):
        build(["/m/nothing"])


def test_an_unknown_node_suggests_close_ones() -> None:
    with pytest.raises(OntologyError, match="did you mean 'Dog'"):
        of_names("Dog", "Siren").find("Dogg")
    with pytest.raises(OntologyError, match="no node with the id"):
        of_names("Dog").index("/m/nothing")


def test_a_damaged_form_is_refused() -> None:
    form = of_names("Dog", "Cat").to_dict()
    for damage in ({"version": 99}, {"nodes": []}, {"nodes": [{"id": "x"}]}, {"nodes": form["nodes"][::-1]}):
        with pytest.raises(OntologyError):
            Taxonomy.from_dict({**form, **damage})


def test_nodes_out_of_order_or_twice_are_refused() -> None:
    root = Node("aed:sound", "Sound", -1, 0, "root")
    first, second = Node("a", "A", 0, 1, "concept"), Node("b", "B", 0, 1, "concept")
    with pytest.raises(OntologyError, match="breadth-first"):
        Taxonomy((root, first, second, Node("c", "C", 2, 2, "concept"), Node("d", "D", 1, 2, "concept")), "single")
    with pytest.raises(OntologyError, match="twice"):
        Taxonomy((root, first, first), "single")
