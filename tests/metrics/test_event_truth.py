from __future__ import annotations

import numpy as np
import pytest

from aed.errors import DataError
from aed.metrics.event_truth import LabelledEvent, LabelReader, scene_detections, scene_truth
from aed.ontology.graph import load_ontology
from aed.ontology.label_map import load_label_map
from aed.ontology.taxonomy import Taxonomy, build_taxonomy

ONTOLOGY = load_ontology()
PETS = "Domestic animals, pets"
NAMES = ("Dog", "Meow", "Siren", "Smoke detector, smoke alarm", "Engine", "Chainsaw")


@pytest.fixture(scope="module")
def tree() -> Taxonomy:
    """Household sounds; 'Engine' stands above 'Chainsaw' and has a leaf for its other kinds."""
    concepts = [ONTOLOGY.resolve(name).id for name in NAMES]
    return build_taxonomy(ONTOLOGY, concepts, task="single", none_of_these=True)


def names(tree: Taxonomy, nodes: np.ndarray) -> set[str]:
    return {tree.nodes[node].name for node in np.flatnonzero(nodes)}


def test_a_label_is_true_of_everything_above_it(tree: Taxonomy) -> None:
    meaning = LabelReader(tree, ONTOLOGY).meaning("smoke detector, smoke alarm")
    assert names(tree, meaning.present) == set(tree.path_names(tree.find("Smoke detector, smoke alarm")))
    assert "Alarm" in names(tree, meaning.present)
    assert meaning.node == tree.find("Smoke detector, smoke alarm")
    assert not meaning.unknown[tree.find("Siren")]


def test_what_stands_below_a_label_is_unknown(tree: Taxonomy) -> None:
    meaning = LabelReader(tree, ONTOLOGY).meaning("Engine")
    assert {"Chainsaw", "Engine, other"} <= names(tree, meaning.unknown)
    assert not (meaning.present & meaning.unknown).any()
    assert not meaning.unknown[tree.find("Dog")]
    assert names(tree, LabelReader(tree, ONTOLOGY).meaning("Chainsaw").unknown) == set()


def test_a_label_without_a_node_counts_for_the_one_above_it() -> None:
    tree = build_taxonomy(ONTOLOGY, [ONTOLOGY.resolve(n).id for n in NAMES[:2]], task="multi", none_of_these=False)
    reader, (dog, meow) = LabelReader(tree, ONTOLOGY), (tree.find("Dog"), tree.find("Meow"))
    growl = reader.meaning("Bow-wow")
    assert (growl.node, growl.unknown.any()) == (dog, False)
    cat = reader.meaning("Cat")
    assert tree.nodes[cat.node or 0].name != "Cat"
    assert (cat.present[meow], cat.unknown[meow], cat.present[dog] or cat.unknown[dog]) == (False, True, False)
    music = reader.meaning("Music")
    assert (music.node, music.present.any(), music.unknown.any()) == (None, False, False)


def test_several_parents_mean_or() -> None:
    concepts = [ONTOLOGY.resolve(name).id for name in ("Cat", "Snake", "Dog")]
    tree = build_taxonomy(ONTOLOGY, concepts, task="multi", none_of_these=False)
    hiss = LabelReader(tree, ONTOLOGY).meaning("Hiss")
    assert {"Cat", "Snake"} <= names(tree, hiss.present | hiss.unknown)
    assert not (hiss.present[tree.find("Dog")] or hiss.unknown[tree.find("Dog")])


def test_a_label_map_says_what_other_words_mean(tree: Taxonomy) -> None:
    reader = LabelReader(tree, ONTOLOGY, load_label_map("esc50"))
    assert reader.meaning("dog").node == tree.find("Dog")
    assert reader.meaning("rain").node is None
    with pytest.raises(DataError, match="--label-map"):
        reader.meaning("Alarm_bell_ringing")


def test_an_unknown_label_is_named_with_what_is_near(tree: Taxonomy) -> None:
    with pytest.raises(DataError, match=r"event label 'Dgo': .*did you mean"):
        LabelReader(tree, ONTOLOGY).meaning("Dgo")


def test_events_of_one_node_that_touch_are_one(tree: Taxonomy) -> None:
    events = [LabelledEvent(0, 2, "Dog"), LabelledEvent(1, 3, "Meow"), LabelledEvent(5, 6, "Dog")]
    truth, unknown = scene_truth(LabelReader(tree, ONTOLOGY), events)
    assert truth[tree.find("Dog")].tolist() == [[0, 2], [5, 6]]
    assert truth[tree.find(PETS)].tolist() == [[0, 3], [5, 6]]
    assert all(len(spans) == 0 for spans in unknown)


def test_an_event_beats_the_unknown_and_a_background_is_unknown(tree: Taxonomy) -> None:
    events = [LabelledEvent(0, 4, "Engine"), LabelledEvent(1, 2, "Chainsaw")]
    truth, unknown = scene_truth(LabelReader(tree, ONTOLOGY), events, [LabelledEvent(3, 9, "Siren")])
    chainsaw, siren = tree.find("Chainsaw"), tree.find("Siren")
    assert truth[chainsaw].tolist() == [[1, 2]]
    assert unknown[chainsaw].tolist() == [[0, 1], [2, 4]]
    assert len(truth[siren]) == 0
    assert unknown[siren].tolist() == [[3, 9]]


def test_a_detection_is_one_of_every_node_above(tree: Taxonomy) -> None:
    dog, animal = tree.find("Dog"), tree.find(PETS)
    found = scene_detections(tree, [(2.0, 6.0, dog), (6.0, 14.0, animal)])
    assert found[dog].tolist() == [[2, 6]]
    assert found[animal].tolist() == [[2, 14]]
    assert len(found[tree.find("Meow")]) == 0
