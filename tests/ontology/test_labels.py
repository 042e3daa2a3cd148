from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.errors import OntologyError
from aed.ontology.graph import ROOT_ID, load_ontology
from aed.ontology.label_map import LabelMap, LabelTarget
from aed.ontology.labels import (
    ABSENT,
    PRESENT,
    UNKNOWN,
    clip_target_node,
    label_map_from_names,
    load_label_map,
    node_targets,
)
from aed.ontology.structure import Task, Taxonomy
from aed.ontology.taxonomy import build_taxonomy

ONTOLOGY = load_ontology()
quick = settings(max_examples=60, deadline=None)
ESC50, AUDIOSET, SESA = load_label_map("esc50"), load_label_map("audioset"), load_label_map("sesa")
IDS = sorted(set(ONTOLOGY.concepts) - {ROOT_ID})


def ids(*names: str) -> list[str]:
    return [ONTOLOGY.resolve(name).id for name in names]


def tree_of(concept_ids: Sequence[str], task: Task) -> Taxonomy:
    return build_taxonomy(ONTOLOGY, concept_ids, task=task, none_of_these=task == "single")


def states(tree: Taxonomy, label_map: LabelMap, *labels: str) -> dict[str, int]:
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    return {node.name: int(target) for node, target in zip(tree.nodes, targets, strict=True)}


def audioset_states(listed: Sequence[str], *nodes: str) -> dict[str, int]:
    return states(tree_of(ids(*nodes), "multi"), AUDIOSET, *ids(*listed))


# What a label says is present


def test_a_label_closes_upward() -> None:
    tree = tree_of(ids("Dog", "Bark", "Cat", "Siren"), "multi")
    seen = states(tree, ESC50, "dog")
    assert {name for name, state in seen.items() if state == PRESENT} == {"Sound", "Domestic animals, pets", "Dog"}
    assert seen["Bark"] == UNKNOWN


def test_several_parents_mean_or() -> None:
    label_map = label_map_from_names("mine", ["Hiss"], task="multi")
    tree = tree_of(ids("Hiss", "Cat", "Snake", "Steam", "Crackle", "Dog"), "multi")
    assert {name for name, state in states(tree, label_map, "Hiss").items() if state == PRESENT} == {"Sound", "Hiss"}


def test_the_named_way_up_is_present_and_the_other_parents_stay_unknown() -> None:
    hiss, cat = ids("Hiss", "Cat")
    label_map = LabelMap(
        "mine", "multi", {"angry": LabelTarget(hiss, via=(cat,))}, frozenset(ids("Snake", "Cat", "Dog"))
    )
    seen = states(tree_of(ids("Hiss", "Cat", "Snake", "Dog", "Siren"), "multi"), label_map, "angry")
    assert seen["Cat"] == PRESENT
    assert seen["Snake"] == UNKNOWN
    assert seen["Dog"] == ABSENT


def test_a_church_bell_of_esc50_is_no_music() -> None:
    tree = tree_of(ids("Church bell", "Cowbell", "Siren", "Guitar", "Flute"), "multi")
    seen = states(tree, ESC50, "church_bells")
    assert (seen["Bell"], seen["Sounds of things"]) == (PRESENT, PRESENT)
    assert seen["Musical instrument"] == UNKNOWN


# What is absent


def test_what_an_exhaustive_data_set_does_not_list_is_absent_with_all_below() -> None:
    seen = states(tree_of(ids("Dog", "Bark", "Cat", "Meow", "Toothbrush"), "multi"), ESC50, "dog")
    assert (seen["Cat"], seen["Meow"], seen["Toothbrush"]) == (ABSENT, ABSENT, ABSENT)


def test_absence_does_not_close_upward_in_a_multi_label_tree() -> None:
    seen = states(tree_of(ids("Dog", "Cat", "Siren"), "multi"), ESC50, "siren")
    assert (seen["Dog"], seen["Cat"]) == (ABSENT, ABSENT)
    assert seen["Domestic animals, pets"] == UNKNOWN


def test_an_exhaustive_set_separates_a_label_from_those_below_it() -> None:
    seen = states(tree_of(list(ESC50.concept_ids), "multi"), ESC50, "engine")
    assert (seen["Engine"], seen["Chainsaw"]) == (PRESENT, ABSENT)


def test_a_thunderstorm_may_hold_rain() -> None:
    seen = states(tree_of(list(ESC50.concept_ids), "multi"), ESC50, "thunderstorm")
    assert (seen["Rain"], seen["Dog"]) == (UNKNOWN, ABSENT)


def test_a_subset_stays_exhaustive_about_the_whole_set() -> None:
    seen = states(tree_of(ids("Dog", "Cat", "Siren"), "multi"), load_label_map("esc10"), "dog")
    assert seen["Cat"] == ABSENT


def test_glass_says_nothing_about_shatter() -> None:
    seen = audioset_states(["Glass"], "Glass", "Shatter", "Chink, clink", "Dog")
    assert (seen["Glass"], seen["Shatter"], seen["Chink, clink"], seen["Dog"]) == (PRESENT, UNKNOWN, UNKNOWN, ABSENT)


def test_fire_alarm_says_nothing_about_smoke_detector_or_carbon_monoxide() -> None:
    nodes = ["Fire alarm", "Smoke detector, smoke alarm", "Carbon monoxide alarm", "Ringtone", "Dog"]
    seen = audioset_states(["Fire alarm"], *nodes)
    assert (seen["Safety alarm"], seen["Fire alarm"]) == (PRESENT, PRESENT)
    assert (seen["Smoke detector, smoke alarm"], seen["Carbon monoxide alarm"]) == (UNKNOWN, UNKNOWN)
    assert seen["Dog"] == ABSENT


def test_a_sibling_of_the_safety_alarm_leaves_it_unknown() -> None:
    seen = audioset_states(["Siren"], "Fire alarm", "Smoke detector, smoke alarm", "Siren", "Alarm clock")
    assert (seen["Alarm"], seen["Safety alarm"], seen["Alarm clock"]) == (PRESENT, UNKNOWN, UNKNOWN)


def test_a_concept_without_label_is_absent_only_below_something_absent() -> None:
    nodes = ["Carbon monoxide alarm", "Fire alarm", "Siren", "Dog"]
    assert audioset_states(["Dog"], *nodes)["Carbon monoxide alarm"] == ABSENT
    indoors = audioset_states(["Vacuum cleaner"], "Vacuum cleaner", "Slam", "Door creak", "Mouse click")
    assert (indoors["Mouse click"], indoors["Door creak"], indoors["Slam"]) == (UNKNOWN, UNKNOWN, ABSENT)


def test_the_strict_policy_knows_no_absence() -> None:
    tree = tree_of(list(AUDIOSET.concept_ids), "multi")
    strict = node_targets(tree, ONTOLOGY, replace(AUDIOSET, unlisted="unknown"), ids("Dog"))
    weak = node_targets(tree, ONTOLOGY, AUDIOSET, ids("Dog"))
    assert not (strict == ABSENT).any()
    assert (weak == ABSENT).sum() > tree.num_nodes / 2
    np.testing.assert_array_equal(strict == PRESENT, weak == PRESENT)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_a_clip_without_labels_is_of_unknown_content(task: Task) -> None:
    tree = tree_of(ids("Dog", "Cat"), task)
    for label_map in (AUDIOSET, ESC50):
        assert states(tree, label_map)["Dog"] == UNKNOWN
    assert clip_target_node(tree_of(ids("Dog", "Cat"), "single"), ESC50, ()) is None


def test_an_unmapped_label_takes_every_absence() -> None:
    labels = {**ESC50.labels, "odd": LabelTarget(None, reason="no concept")}
    label_map = LabelMap("mine", "multi", labels, ESC50.exhaustive)
    seen = states(tree_of(ids("Dog", "Cat"), "multi"), label_map, "dog", "odd")
    assert (seen["Dog"], seen["Cat"]) == (PRESENT, UNKNOWN)


def test_an_unknown_label_suggests_the_right_one() -> None:
    with pytest.raises(OntologyError, match=r"esc50.*did you mean 'siren'"):
        node_targets(tree_of(ids("Dog"), "multi"), ONTOLOGY, ESC50, ["sirene"])


# Single-label trees


@pytest.mark.parametrize("name", ["esc10", "esc21", "esc50", "sesa", "dcase2016_task2", "glass_break"])
def test_each_label_of_a_single_label_set_has_a_leaf_of_its_own(name: str) -> None:
    label_map = load_label_map(name)
    tree = tree_of(list(label_map.concept_ids), "single")
    nodes = [clip_target_node(tree, label_map, [label]) for label in label_map.labels]
    assert all(node in tree.leaves for node in nodes)
    assert len(set(nodes)) == len(nodes)
    for label, node in zip(label_map.labels, nodes, strict=True):
        concept = label_map.concept_of(label)
        assert node == (tree.none_index if concept is None else tree.target_node(concept))


def test_a_vague_label_is_an_inner_node_not_the_rest() -> None:
    tree = tree_of([*ESC50.concept_ids, *SESA.concept_ids], "single")
    assert tree.residual_of(tree.find("Alarm")) is not None
    assert clip_target_node(tree, SESA, ["siren"]) == tree.find("Alarm")
    assert clip_target_node(tree, ESC50, ["engine"]) == tree.find("Engine, other")


def test_casual_is_none_of_these_only_where_the_tree_knows_nothing_else() -> None:
    alone, joint = tree_of(SESA.concept_ids, "single"), tree_of([*ESC50.concept_ids, *SESA.concept_ids], "single")
    assert clip_target_node(alone, SESA, ["casual"]) == alone.none_index
    assert clip_target_node(joint, SESA, ["casual"]) is None
    assert states(joint, SESA, "casual")["Explosion"] == ABSENT


def test_an_unseen_class_is_its_supercategory() -> None:
    tree = tree_of(load_label_map("esc10").concept_ids, "single")
    assert clip_target_node(tree, ESC50, ["cat"]) == tree.find("Animal")


def test_a_class_from_outside_the_tree_is_none_of_these() -> None:
    tree = tree_of(ids("Dog", "Cat"), "single")
    assert clip_target_node(tree, ESC50, ["siren"]) == tree.none_index


def test_labels_of_two_branches_have_no_target() -> None:
    assert clip_target_node(tree_of(ids("Dog", "Siren"), "single"), AUDIOSET, ids("Dog", "Siren")) is None


def test_labels_of_one_path_give_the_deepest() -> None:
    tree = tree_of(ids("Dog", "Bark", "Siren"), "single")
    assert clip_target_node(tree, AUDIOSET, ids("Bark", "Dog")) == tree.find("Bark")


def test_a_multi_label_tree_has_no_single_target() -> None:
    with pytest.raises(OntologyError, match="node_targets"):
        clip_target_node(tree_of(ids("Dog"), "multi"), ESC50, ["dog"])


# Invariants, over random trees, maps and clips

concepts = st.sampled_from(IDS)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Taxonomy, LabelMap, list[str]]:
    """A tree, a map that need not fit it, and the labels of one clip."""
    task = draw(st.sampled_from(["single", "multi"]))
    meant = draw(st.lists(concepts, min_size=1, max_size=12, unique=True))
    tree = tree_of(draw(st.lists(st.one_of(st.sampled_from(meant), concepts), min_size=1, max_size=20)), task)
    labels = {
        concept_id: LabelTarget(concept_id, may_hold=tuple(draw(st.lists(concepts, max_size=2))))
        for concept_id in meant
    }
    labels["nothing"] = LabelTarget(None, none=True)
    exhaustive = frozenset(draw(st.lists(st.one_of(st.sampled_from(meant), concepts), max_size=12)))
    label_map = LabelMap("random", "multi", labels, exhaustive, draw(st.sampled_from(["unknown", "absent"])))
    return tree, label_map, draw(st.lists(st.sampled_from(list(labels)), max_size=1 if task == "single" else 4))


@quick
@given(questions())
def test_absence_closes_downward(question: tuple[Taxonomy, LabelMap, list[str]]) -> None:
    tree, label_map, labels = question
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    below_absent = (tree.ancestor_matrix & (targets == ABSENT)).any(axis=1)
    assert (targets[below_absent] == ABSENT).all()  # so nothing above a present node is absent either


@quick
@given(questions())
def test_a_listed_concept_is_present_and_the_root_always(question: tuple[Taxonomy, LabelMap, list[str]]) -> None:
    tree, label_map, labels = question
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    assert targets.dtype == np.int8
    assert targets[0] == PRESENT
    nodes = [tree.node_for_concept(label) for label in labels if label != "nothing"]
    assert all(targets[node] == PRESENT for node in nodes if node is not None)


@quick
@given(questions())
def test_only_labels_make_present_and_only_what_is_known_is_absent(
    question: tuple[Taxonomy, LabelMap, list[str]],
) -> None:
    """The slow twin of the multi-label rules, node by node."""
    tree, label_map, labels = question
    if tree.task == "single":
        return
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    listed = [label for label in labels if label != "nothing"]
    present = {ROOT_ID}.union(*(ONTOLOGY.certain(label) for label in listed))

    def family(concept_id: str) -> set[str]:
        return {concept_id} | ONTOLOGY.ancestors(concept_id) | ONTOLOGY.descendants(concept_id)

    possible = set().union(*({label} | ONTOLOGY.ancestors(label) for label in listed))
    possible |= set().union(*(family(held) for label in listed for held in label_map.labels[label].may_hold))
    related = possible.union(*(family(label) | ONTOLOGY.siblings(label) for label in listed))
    known = set(label_map.concept_ids).union(*map(ONTOLOGY.ancestors, label_map.concept_ids))
    for index, node in enumerate(tree.nodes):
        way_up = {tree.nodes[above].id for above in (0, *tree.path(index))}
        absent = bool(way_up & label_map.exhaustive - possible)
        absent &= bool(labels)  # no label at all: nobody listened
        if label_map.unlisted == "absent" and listed:
            below = {tree.nodes[i].id for i in np.flatnonzero(tree.ancestor_matrix[:, index])}
            for above in way_up:
                under = {tree.nodes[i].id for i in np.flatnonzero(tree.ancestor_matrix[:, tree.index(above)])}
                absent |= above in known and not under & related
            assert below  # a node is at least below itself
        assert targets[index] == (PRESENT if node.id in present else ABSENT if absent else UNKNOWN)


@quick
@given(questions())
def test_leaves_of_a_single_label_tree_exclude_each_other(question: tuple[Taxonomy, LabelMap, list[str]]) -> None:
    tree, label_map, labels = question
    if tree.task == "multi":
        return
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    leaves = targets[list(tree.leaves)]
    assert (leaves == PRESENT).sum() <= 1
    if (leaves == PRESENT).any():
        assert (leaves != UNKNOWN).all()


@quick
@given(questions())
def test_the_target_is_present_and_nothing_beside_its_path_is(question: tuple[Taxonomy, LabelMap, list[str]]) -> None:
    tree, label_map, labels = question
    if tree.task == "multi":
        return
    node = clip_target_node(tree, label_map, labels)
    targets = node_targets(tree, ONTOLOGY, label_map, labels)
    if node is not None:
        assert targets[node] == PRESENT
        beside = ~(tree.ancestor_matrix[node] | tree.ancestor_matrix[:, node])
        assert (targets[beside] == ABSENT).all()


@quick
@given(questions())
def test_order_of_labels_does_not_matter(question: tuple[Taxonomy, LabelMap, list[str]]) -> None:
    tree, label_map, labels = question
    np.testing.assert_array_equal(
        node_targets(tree, ONTOLOGY, label_map, labels),
        node_targets(tree, ONTOLOGY, label_map, [*reversed(labels), *labels]),
    )


def test_targets_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        node_targets(tree_of(ids("Dog"), "multi"), ONTOLOGY, ESC50, ["dog"])[0] = 0
