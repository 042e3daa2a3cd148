"""Marks become a manifest that training reads: right, other, and wrong as a hard negative."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed.data.manifest import read_manifest
from aed.detect.event import Event
from aed.errors import DataError
from aed.monitor.feedback import export_feedback
from aed.monitor.memory.store import Mark, Store, Verdict
from aed.monitor.messages import HeardEvent, Outcome
from aed.ontology.graph import load_ontology
from aed.ontology.labels import ABSENT, PRESENT, UNKNOWN, label_map_from_names, node_targets
from aed.ontology.user_tree import load_tree

DOG, CAT, PETS = "/m/0bt9lr", "/m/01yrx", "/m/068hy"
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def heard(number: int, node_id: str, name: str, path: tuple[str, ...], clip: bool = True) -> HeardEvent:
    event_id = f"event-{number}"
    onset = BEGAN + timedelta(minutes=40 * number)
    return HeardEvent(
        id=event_id,
        source="kitchen",
        event=Event(1.0, 2.0, 1, node_id, name, path, 0.9),
        onset=onset,
        offset=onset + timedelta(seconds=1),
        level_dbfs=-20.0,
        outcome=Outcome.REPORTED,
        rule=None,
        reason="",
        clip=f"{event_id}.flac" if clip else None,
    )


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    (folder / "clips").mkdir(parents=True)
    store = Store(folder)
    dog = ("Animal", "Domestic animals, pets", "Dog")
    events = [
        heard(0, DOG, "Dog", dog),
        heard(1, DOG, "Dog", dog),
        heard(2, DOG, "Dog", dog),
        heard(3, DOG, "Dog", dog),
        heard(4, DOG, "Dog", dog, clip=False),
        heard(5, "enrolled:our-dog", "our dog", (*dog, "our dog")),
        heard(6, "enrolled:our-dog", "our dog", (*dog, "our dog")),
        heard(7, PETS, "Domestic animals, pets", dog[:2]),
    ]
    for event in events:
        store.save(event)
        if event.clip:
            soundfile.write(folder / "clips" / event.clip, np.zeros(1600, dtype=np.float32), 16000)
    said = {0: (Verdict.RIGHT, None), 1: (Verdict.WRONG, None), 2: (Verdict.OTHER, CAT), 4: (Verdict.RIGHT, None)}
    said |= {5: (Verdict.RIGHT, None), 6: (Verdict.WRONG, None), 7: (Verdict.OTHER, DOG)}
    for number, (verdict, node) in said.items():
        store.mark(Mark(f"event-{number}", verdict, node, BEGAN))
    store.close()
    return folder


def test_marks_become_labels(memory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "feedback.csv"
    found = export_feedback(memory, out)
    assert (found.right, found.other, found.wrong, found.unlabelled) == (2, 2, 1, 1)
    assert (found.without_clip, found.foreign) == (1, 1)
    clips = {clip.recording: clip for clip in read_manifest(out, out.parent)}
    assert {name: clip.labels for name, clip in clips.items()} == {
        "event-0": ("Dog",),
        "event-1": ("not: Dog",),
        "event-2": ("Cat", "not: Dog"),
        "event-3": (),
        "event-5": ("Dog",),
        "event-7": ("Dog",),  # pets was not wrong, only less exact
    }
    assert clips["event-0"].group == clips["event-1"].group != clips["event-2"].group


def test_the_labels_teach_what_was_said(memory: Path, tmp_path: Path) -> None:
    tree, ontology = load_tree("home"), load_ontology()
    labels = label_map_from_names("feedback", ["Dog", "Cat", "not: Dog"], task="multi")
    dog, cat, pets = (tree.index(concept) for concept in (DOG, CAT, PETS))
    wrong = node_targets(tree, ontology, labels, ("not: Dog",))
    assert (wrong[dog], wrong[cat], wrong[pets]) == (ABSENT, UNKNOWN, UNKNOWN)
    other = node_targets(tree, ontology, labels, ("Cat", "not: Dog"))
    assert (other[dog], other[cat], other[pets]) == (ABSENT, PRESENT, PRESENT)


def test_without_marks_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no events\.sqlite"):
        export_feedback(tmp_path, tmp_path / "x.csv")
    Store(tmp_path).close()
    with pytest.raises(DataError, match="nobody said"):
        export_feedback(tmp_path, tmp_path / "x.csv")
