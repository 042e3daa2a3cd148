"""What people said of events, as a data set that a model can learn from: a manifest and copies of the clips.

    right           the node that was told
    it was X        X, and not what was told, unless X is a kind of it
    wrong           not what was told: a hard negative
    (nothing)       no label: it may teach by consistency

Clips of one source and hour are one content group: what is held back for a test is of another hour.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from aed.data.manifest import write_manifest
from aed.data.records import Clip
from aed.errors import DataError, OntologyError
from aed.monitor.memory.store import DATABASE_NAME, EventQuery, Mark, Store, Verdict
from aed.monitor.messages import HeardEvent
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.label_map import DENIAL
from aed.storage import atomic_path

CLIPS_FOLDER = "clips"
DATASET = "feedback"
_PAGE = 1000


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        right: Clips that are what was told.
        other: Clips that are something else, which somebody named.
        wrong: Clips that are not what was told: hard negatives.
        unlabelled: Clips that nobody marked.
        without_clip: Marked events of which no clip is kept.
        foreign: Marked events whose sound is no concept of the ontology, such as an enrolled one, so that no label can
            name it.
    """

    right: int
    other: int
    wrong: int
    unlabelled: int
    without_clip: int
    foreign: int

    @property
    def labelled(self) -> int:
        """Clips with a label."""
        return self.right + self.other + self.wrong


def export_feedback(data: Path, manifest: Path) -> Exported:
    """Write the manifest, and copies of the clips into a folder beside it: the monitor removes its own in time.

    Args:
        data: Folder of the monitor's memory.
        manifest: The CSV file; its clips lie in `<its name without suffix>_clips`.

    Raises:
        DataError: There is no such memory, or nobody marked anything.
        StorageError: A file cannot be written.
    """
    if not (data / DATABASE_NAME).is_file():
        raise DataError(f"{data}: there is no {DATABASE_NAME} here; name the folder of a monitor with --data")
    store = Store(data)
    try:
        marks = store.marks()
        if not marks:
            raise DataError(
                f"{data}: nobody said of an event whether it is right or wrong; do so on the monitor's page first"
            )
        return _export(list(_events(store)), marks, data / CLIPS_FOLDER, manifest)
    finally:
        store.close()


def _export(events: list[HeardEvent], marks: dict[str, Mark], source: Path, manifest: Path) -> Exported:
    folder, ontology = manifest.parent / f"{manifest.stem}_clips", load_ontology()
    clips: list[Clip] = []
    counts = dict.fromkeys((*Verdict, None), 0)
    without_clip = foreign = 0
    for heard in events:
        mark = marks.get(heard.id)
        if heard.clip is None or not (source / heard.clip).is_file():
            without_clip += mark is not None
            continue
        labels = () if mark is None else event_labels(heard, mark, ontology)
        if labels is None:
            foreign += 1
            continue
        clips.append(_clip(heard, _copied(source / heard.clip, folder), labels))
        counts[None if mark is None else mark.verdict] += 1
    write_manifest(manifest, clips, manifest.parent)
    right, wrong, other = (counts[verdict] for verdict in (Verdict.RIGHT, Verdict.WRONG, Verdict.OTHER))
    return Exported(right, other, wrong, counts[None], without_clip, foreign)


def event_labels(heard: HeardEvent, mark: Mark, ontology: Ontology) -> tuple[str, ...] | None:
    """Labels that a mark gives an event's clip; None where no label can name them.

    An enrolled sound is no concept: where it is right its supercategory is, where it is wrong nothing can be said.
    """
    told = heard.event.node_id if heard.event.node_id in ontology.concepts else None
    if mark.verdict is Verdict.RIGHT:
        above = told or _concept(heard.event.path[-2:-1], ontology)
        return None if above is None else (_label(above, ontology),)
    if mark.verdict is Verdict.WRONG:
        return None if told is None else (f"{DENIAL}{_label(told, ontology)}",)
    was = mark.node_id if mark.node_id in ontology.concepts else None
    if was is None:
        return None
    denied = () if told is None or told == was or told in ontology.ancestors(was) else (told,)
    return (_label(was, ontology), *(f"{DENIAL}{_label(concept, ontology)}" for concept in denied))


def _concept(names: tuple[str, ...], ontology: Ontology) -> str | None:
    try:
        return next((ontology.resolve(name).id for name in names), None)
    except OntologyError:
        return None


def _label(concept: str, ontology: Ontology) -> str:
    """The concept's name, where it names only this one and holds no separator, else its id."""
    name = ontology.concept(concept).name
    try:
        return name if ";" not in name and ontology.resolve(name).id == concept else concept
    except OntologyError:
        return concept


def _clip(heard: HeardEvent, path: Path, labels: tuple[str, ...]) -> Clip:
    hour = f"{heard.source}-{heard.onset.astimezone(UTC):%Y%m%d-%H}"
    return Clip(f"{DATASET}/{heard.id}", path, DATASET, labels, None, None, heard.id, f"{DATASET}:{hour}")


def _copied(clip: Path, folder: Path) -> Path:
    target = folder / clip.name
    if not target.exists():
        with atomic_path(target) as temporary:
            shutil.copyfile(clip, temporary)
    return target


def _events(store: Store) -> Iterator[HeardEvent]:
    """All events, the newest first."""
    query = EventQuery(limit=_PAGE)
    while page := store.events(query):
        yield from page
        query = EventQuery(limit=_PAGE, before_id=page[-1].id)
