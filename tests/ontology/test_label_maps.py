from __future__ import annotations

import csv
from pathlib import Path

import pytest

from aed.errors import OntologyError
from aed.ontology.graph import load_ontology
from aed.ontology.labels import label_map_from_names, label_map_names, load_label_map

ONTOLOGY = load_ontology()


@pytest.mark.parametrize("name", label_map_names())
def test_every_shipped_map_is_whole(name: str) -> None:
    label_map = load_label_map(name)
    assert label_map.labels
    assert set(label_map.concept_ids) <= set(ONTOLOGY.concepts)
    for label, target in label_map.labels.items():
        assert (target.concept is not None) + target.none + bool(target.reason and target.concept is None) >= 1, label
        assert target.concept is None or ONTOLOGY.ancestors(target.concept).issuperset(target.via)


def test_the_sizes_of_the_public_label_sets() -> None:
    sizes = {name: len(load_label_map(name).labels) for name in label_map_names()}
    assert sizes["esc50"] == 50
    assert (sizes["esc10"], sizes["esc21"], sizes["esc11dev"]) == (10, 21, 11)
    assert (sizes["audioset"], sizes["sesa"], sizes["dcase2016_task2"], sizes["glass_break"]) == (527, 4, 11, 2)


def test_development_classes_are_esc21_without_esc10() -> None:
    esc10, esc21, development = (set(load_label_map(name).labels) for name in ("esc10", "esc21", "esc11dev"))
    assert development == esc21 - esc10
    assert esc10 < esc21


def test_the_traps_of_esc50_are_seen() -> None:
    esc50 = load_label_map("esc50")
    concept = {label: esc50.concept_of(label) or "" for label in esc50.labels}
    for above, below in (("engine", "chainsaw"), ("hen", "rooster"), ("insects", "crickets"), ("breathing", "snoring")):
        assert concept[above] in ONTOLOGY.ancestors(concept[below])
    assert len(set(concept.values())) == 50
    assert ONTOLOGY.concept(concept["mouse_click"]).added


def test_audioset_labels_are_their_own_concepts() -> None:
    assert all(label == target.concept for label, target in load_label_map("audioset").labels.items())


@pytest.mark.audio
def test_audioset_and_esc50_have_the_published_labels(data_root: Path) -> None:
    with (data_root / "audioset" / "class_labels_indices.csv").open(encoding="utf-8", newline="") as file:
        published = {row["mid"]: row["display_name"] for row in csv.DictReader(file)}
    audioset = load_label_map("audioset")
    assert {label: ONTOLOGY.concept(label).name for label in audioset.labels} == published
    with (data_root / "esc50" / "meta" / "esc50.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["category"] for row in rows} == set(load_label_map("esc50").labels)
    assert {row["category"] for row in rows if row["esc10"] == "True"} == set(load_label_map("esc10").labels)


def test_restricting_keeps_the_order_and_what_is_exhaustive() -> None:
    esc50 = load_label_map("esc50")
    few = esc50.restricted(["rain", "dog"], "pair")
    assert list(few.labels) == ["dog", "rain"]
    assert few.exhaustive == esc50.exhaustive
    with pytest.raises(OntologyError, match="no label 'rian'"):
        esc50.restricted(["rian"])
    with pytest.raises(OntologyError, match="no labels"):
        esc50.restricted([])


def test_folder_names_become_a_map() -> None:
    label_map = label_map_from_names("mine", ["dog", "Baby cry, infant cry", "toilet_flush"])
    assert [ONTOLOGY.concept(concept).name for concept in label_map.concept_ids] == [
        "Dog",
        "Baby cry, infant cry",
        "Toilet flush",
    ]
    with pytest.raises(OntologyError, match=r"'smoke_alarm' means|what 'smoke_alarm' means"):
        label_map_from_names("mine", ["smoke_alarm"])


def test_an_unknown_map_lists_the_known_ones() -> None:
    with pytest.raises(OntologyError, match=r"'esc51'.*esc10.*sesa"):
        load_label_map("esc51")


def written(folder: Path, text: str) -> Path:
    path = folder / "map.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_own_map(tmp_path: Path) -> None:
    text = """
dataset: kitchen
task: multi
exhaustive: [Alarm]
labels:
  beeper: Smoke detector, smoke alarm
  knock: {concept: Knock, via: [Door]}
  odd: {unmapped: true, reason: nobody knows}
subsets: {small: [beeper]}
"""
    label_map = load_label_map(written(tmp_path, text))
    assert label_map.concept_of("beeper") == "/m/01y3hg"
    assert label_map.concept_of("odd") is None
    assert label_map.exhaustive == {ONTOLOGY.resolve("Alarm").id}
    assert label_map.unlisted == "unknown"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  a: {concept: Dog, weight: 2}", "labels.a.weight: Extra inputs"),
        ("  a: {}", "exactly one of"),
        ("  a: {concept: Dog, none: true}", "exactly one of"),
        ("  a: {unmapped: true}", "needs a reason"),
        ("  a: Dogg", "did you mean 'Dog'"),
        ("  a: {concept: Dog, via: [Cat]}", "concepts above it"),
        ("  a: [", "is not YAML"),
    ],
)
def test_a_wrong_map_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, f"dataset: x\ntask: single\nexhaustive: labels\nlabels:\n{line}\n")
    with pytest.raises(OntologyError, match=message) as caught:
        load_label_map(path)
    assert "map.yaml" in str(caught.value)


def test_a_missing_map_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OntologyError, match=r"gone\.yaml cannot be read: no such file.*; check the path"):
        load_label_map(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("dataset: Geräusche".encode("latin-1"))
    with pytest.raises(OntologyError, match=r"latin\.yaml cannot be read: it is not utf-8 text; .*save it as UTF-8"):
        load_label_map(tmp_path / "latin.yaml")
