from __future__ import annotations

from pathlib import Path

import pytest

from aed.errors import OntologyError
from aed.ontology.graph import load_ontology
from aed.ontology.labels import ABSENT, PRESENT, clip_target_node, label_map_from_names, load_label_map, node_targets
from aed.ontology.taxonomy import build_taxonomy, extend_ontology
from aed.ontology.user_tree import load_tree, own_id, taxonomy_from_yaml

ONTOLOGY = load_ontology()
TREE = """
task: single
none_of_these: true
own: [Kitchen, Dishwasher is done]
residual: [Alarm]
tree:
  Alarm: [Safety alarm, Alarm clock]
  Kitchen:
    Dishwasher is done:
    Water tap, faucet:
  Hiss: [Cat]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "tree.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_own_tree_has_the_shape_that_is_written(tmp_path: Path) -> None:
    tree = taxonomy_from_yaml(written(tmp_path, TREE))
    assert {"/".join(tree.path_names(leaf)) for leaf in tree.leaves} == {
        "Alarm/Safety alarm",
        "Alarm/Alarm clock",
        "Alarm/Alarm, other",
        "Kitchen/Dishwasher is done",
        "Kitchen/Water tap, faucet",
        "Hiss/Cat",
        "None of these",
    }
    assert tree.nodes[tree.find("dishwasher is done")].id == "user:dishwasher_is_done"


def test_labels_of_known_data_sets_fit_a_users_own_tree(tmp_path: Path) -> None:
    tree = taxonomy_from_yaml(written(tmp_path, TREE))
    esc50 = load_label_map("esc50")
    assert clip_target_node(tree, esc50, ["clock_alarm"]) == tree.find("Alarm clock")
    assert clip_target_node(tree, esc50, ["siren"]) == tree.find("Alarm")
    targets = node_targets(tree, ONTOLOGY, esc50, ["cat"])
    assert targets[tree.find("Hiss")] == PRESENT  # the user's edge, not ours
    assert targets[tree.find("Alarm clock")] == ABSENT


def test_a_users_own_concepts_can_be_labels(tmp_path: Path) -> None:
    tree = taxonomy_from_yaml(written(tmp_path, TREE))
    ontology = extend_ontology(ONTOLOGY, tree)
    label_map = label_map_from_names("home", ["dishwasher_is_done", "cat"], ontology=ontology)
    assert label_map.concept_of("dishwasher_is_done") == own_id("Dishwasher is done")
    assert clip_target_node(tree, label_map, ["dishwasher_is_done"]) == tree.find("Dishwasher is done")


def test_our_own_trees_need_no_extension() -> None:
    tree = build_taxonomy(ONTOLOGY, load_label_map("audioset").concept_ids, task="multi", none_of_these=False)
    assert extend_ontology(ONTOLOGY, tree) is ONTOLOGY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: single\ntree: {Dog: , Sirene: }", "did you mean 'Siren'"),
        ("task: single\ntree: {Dog: [Bark], Cat: [Bark]}", "'Bark' stands in the tree twice"),
        ("task: single\ntree: {Dog: 3}", "under 'Dog' expected names"),
        ("task: single\ntrees: {Dog: }", "tree: Field required|trees: Extra inputs"),
        ("task: double\ntree: {Dog: }", "task: Input should be"),
        ("task: multi\nnone_of_these: true\ntree: {Dog: }", "none_of_these"),
        ("- Dog", "the file"),
    ],
)
def test_a_wrong_tree_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OntologyError, match=message) as caught:
        taxonomy_from_yaml(written(tmp_path, text))
    assert "tree.yaml" in str(caught.value)


def test_a_shipped_tree_goes_by_its_name(tmp_path: Path) -> None:
    home = load_tree("home")
    assert home.task == "multi"
    assert home.path_names(home.find("Smoke detector, smoke alarm"))[-3:-1] == ("Alarm", "Safety alarm")
    assert load_tree(written(tmp_path, TREE)).digest == taxonomy_from_yaml(written(tmp_path, TREE)).digest
    with pytest.raises(OntologyError, match=r"no tree is called 'house': expected one of home, or the path"):
        load_tree("house")
