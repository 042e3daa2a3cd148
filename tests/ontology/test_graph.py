from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.errors import OntologyError
from aed.ontology.graph import ROOT_ID, Concept, Ontology, load_ontology
from aed.resources import ontology_folder

ONTOLOGY = load_ontology()
quick = settings(max_examples=60, deadline=None)
concept_ids = st.sampled_from(sorted(ONTOLOGY.concepts))


def id_of(name: str) -> str:
    return ONTOLOGY.resolve(name).id


def names_of(ids: frozenset[str]) -> set[str]:
    return {ONTOLOGY.concept(concept_id).name for concept_id in ids}


def test_audioset_is_complete_and_hangs_under_one_root() -> None:
    audioset = [concept for concept in ONTOLOGY.concepts.values() if not concept.added]
    assert len(audioset) == 632
    assert sum(concept.abstract for concept in audioset) == 23
    assert sum(concept.blacklisted for concept in audioset) == 67
    assert len(ONTOLOGY.children(ROOT_ID)) == 7
    assert ONTOLOGY.descendants(ROOT_ID) == set(ONTOLOGY.concepts) - {ROOT_ID}


def test_every_concept_with_several_parents_has_a_chosen_one() -> None:
    several = {concept.id for concept in ONTOLOGY.concepts.values() if len(concept.parents) > 1}
    assert len(several) == 38
    assert set(ONTOLOGY.primary) == several


def test_safety_alarm_slides_in_below_alarm() -> None:
    for name in ("Smoke detector, smoke alarm", "Fire alarm", "Carbon monoxide alarm"):
        path = [ONTOLOGY.concept(concept_id).name for concept_id in ONTOLOGY.path(id_of(name))]
        assert path == ["Sounds of things", "Alarm", "Safety alarm", name]
        assert ONTOLOGY.concept(id_of(name)).parents == ("aed:safety_alarm",)


def test_hiss_is_certainly_none_of_its_parents() -> None:
    assert names_of(ONTOLOGY.certain(id_of("Hiss"))) == {"Hiss", "Sound"}


def test_a_way_up_that_is_named_is_certain_and_no_other() -> None:
    certain = names_of(ONTOLOGY.certain(id_of("Hiss"), [id_of("Cat")]))
    assert certain == {"Hiss", "Cat", "Domestic animals, pets", "Animal", "Sound"}


def test_a_named_ancestor_chooses_the_parent_below_it() -> None:
    assert names_of(ONTOLOGY.certain(id_of("Hiss"), [id_of("Wild animals")])) >= {"Snake", "Wild animals"}


def test_what_stands_above_all_parents_is_certain() -> None:
    bleat = names_of(ONTOLOGY.certain(id_of("Bleat")))
    assert bleat == {"Bleat", "Livestock, farm animals, working animals", "Animal", "Sound"}


@quick
@given(concept_ids)
def test_certain_lies_between_the_concept_and_its_ancestors(concept_id: str) -> None:
    certain = ONTOLOGY.certain(concept_id)
    assert {concept_id, ROOT_ID} <= certain <= ONTOLOGY.ancestors(concept_id) | {concept_id}


@quick
@given(concept_ids)
def test_certain_is_what_every_way_up_passes(concept_id: str) -> None:
    ways = nx.all_simple_paths(ONTOLOGY.graph, ROOT_ID, concept_id) if concept_id != ROOT_ID else [[ROOT_ID]]
    assert ONTOLOGY.certain(concept_id) == frozenset.intersection(*map(frozenset, ways))


@quick
@given(concept_ids)
def test_a_path_follows_edges_from_a_top_concept(concept_id: str) -> None:
    path = (ROOT_ID, *ONTOLOGY.path(concept_id))
    assert path[-1] == concept_id
    assert all(ONTOLOGY.graph.has_edge(above, below) for above, below in pairwise(path))


def test_siblings_share_a_parent_and_top_concepts_have_none() -> None:
    assert id_of("Fire alarm") in ONTOLOGY.siblings(id_of("Smoke detector, smoke alarm"))
    assert id_of("Shatter") not in ONTOLOGY.siblings(id_of("Glass"))
    assert ONTOLOGY.siblings(id_of("Music")) == frozenset()


def test_names_are_found_in_any_case_and_ids_as_they_are() -> None:
    assert ONTOLOGY.resolve("dog") is ONTOLOGY.resolve("/m/0bt9lr")


def test_a_wrong_name_suggests_the_right_one() -> None:
    with pytest.raises(OntologyError, match="did you mean 'Siren'"):
        ONTOLOGY.resolve("sirene")
    with pytest.raises(OntologyError, match="'Smoke detector, smoke alarm'"):
        ONTOLOGY.resolve("smoke alarm")


def test_search_finds_parts_of_names() -> None:
    assert [concept.name for concept in ONTOLOGY.search("smoke")] == ["Smoke detector, smoke alarm"]


def test_a_cycle_is_named() -> None:
    alarm = ONTOLOGY.resolve("Alarm")
    with pytest.raises(OntologyError, match="cycle"):
        ONTOLOGY.with_concepts([replace(alarm, parents=("aed:safety_alarm",))])


def test_an_unknown_parent_is_named() -> None:
    with pytest.raises(OntologyError, match="unknown parent 'user:nowhere'"):
        ONTOLOGY.with_concepts([Concept("user:a", "A", ("user:nowhere",))])


def test_a_second_root_is_refused() -> None:
    with pytest.raises(OntologyError, match="user:a"):
        ONTOLOGY.with_concepts([Concept("user:a", "A", ())])


def test_a_primary_parent_must_be_a_parent() -> None:
    with pytest.raises(OntologyError, match="none of its parents"):
        Ontology(ONTOLOGY.concepts, {id_of("Hiss"): id_of("Dog")})


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("concepts.csv", "id,name,parents", "id,name,above", r"concepts.csv.*\['parents'\] are missing"),
        ("concepts.csv", "/m/05zppz,", "/m/09x0r,", "occurs twice"),
        ("added.csv", "/m/01y3hg", "/m/nothing", "unknown child '/m/nothing'"),
        ("primary_parents.csv", "/m/0l14jd,", "/m/nothing,", "no concept with the id '/m/nothing'"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = shutil.copytree(ontology_folder(), tmp_path / "ontology")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(OntologyError, match=message):
        load_ontology(folder)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(OntologyError, match=r"concepts\.csv is missing"):
        load_ontology(tmp_path)
