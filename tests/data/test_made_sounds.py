"""Sounds made by formula as a data set: the same clips each time, of which every label means something."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from aed.audio.read import read_audio
from aed.data.made_sounds import CLIPS_PER_SOUND, MADE_INFO
from aed.data.source import load_source
from aed.ontology.labels import load_label_map
from aed.ontology.structure import Taxonomy
from aed.ontology.user_tree import load_tree


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(cache))


def test_every_sound_has_its_clips_and_a_meaning() -> None:
    loaded = load_source("made")
    counts = Counter(label for clip in loaded.clips for label in clip.labels)
    assert set(counts.values()) == {CLIPS_PER_SOUND}
    assert len(loaded.clips) == MADE_INFO.clips
    assert set(load_label_map("made").labels) == {*counts, "silence"}


def test_the_household_tree_has_a_node_for_what_a_household_is_to_be_told_of() -> None:
    labels, tree = load_label_map("made").labels, load_tree("home")
    assert isinstance(tree, Taxonomy)
    for name in ("smoke_alarm", "temporal_four", "alarm_clock", "door_knock", "glass_breaking", "crying_baby"):
        concept = labels[name].concept
        assert tree.node_for_concept(concept) is not None, name


def test_a_lost_clip_is_made_again_as_it_was() -> None:
    path = load_source("made").clips[7].path
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    assert hashlib.sha256(load_source("made").clips[7].path.read_bytes()).hexdigest() == before
    assert len(read_audio(path, 16_000)) > 16_000
