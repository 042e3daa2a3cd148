"""Targets over time of pieces of strongly labelled recordings: what the table says about the piece that was cut.

- An event is *heard* while its row of the table lasts, as far as the piece holds it, and unless the piece is silent
  there (a mask may cover it).
- A node is *present* within each event whose label says so; not at each moment of it, as a row may span a dog's pauses.
  Of an event that the cut divides, `LEAST_OF_CUT_SECONDS` must be left: less may be such a pause.
- A node is *absent* where the labels of all events near say so (see `aed.ontology.labels`); where none is near, what
  the table's labels name and all below it is. An event's edges are known to `NEAR_SECONDS`.
- All else is unknown and teaches nothing.

A miniature: a recording of frames `- - D D D -`, cut at 1 to four frames, `- D D D`, and rotated by 1, is `D - D D`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aed.data.frames import FrameStore
from aed.data.scape_tables import TruthRow
from aed.data.strong_folder import NO_EVENT, load_events, strong_path
from aed.features.logmel import AUDIBLE_LEVEL
from aed.loss.strong import StrongTargets
from aed.model import TreeModel
from aed.ontology.labels import ABSENT, PRESENT, LabelMap, node_targets
from aed.timebase import rows_from_seconds, seconds_from_samples
from aed.train.labels import LabelMaps, recipe_ontology, whole_label_map
from aed.train.recipe import Recipe
from aed.train.scene_targets import NEAR_SECONDS

LEAST_OF_CUT_SECONDS = 0.5
"""What is left of an event must be longer than its pauses: those of half a second are closed by the detector too."""

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
LabelledSpan = tuple[float, float, str]
"""Onset and offset in seconds, and label, of an event."""
NodeTargets = Callable[[tuple[str, ...]], NDArray[np.int8]]
"""What labels that sound together say about every node, (node,): 1 present, 0 absent, -1 unknown; () says no event."""


class _Recording(NamedTuple):
    """What is known about one recording, by its frames.

    Attributes:
        spans: (event, 2) first frame of each event and the one after its last.
        present: (event, node) bool.
        state: (frame,) which row of the absences holds, beyond the end too as long as an event is near.
        silence: The row of the absences that holds everywhere else.
    """

    spans: Indices
    present: Bools
    state: Indices
    silence: int

    def states(self, place: Indices) -> Indices:
        """Which row of the absences holds at frames of the recording, or past its end: (frame,) -> (frame,)."""
        known = place < len(self.state)
        return np.where(known, self.state[np.where(known, place, 0)], self.silence)


class StrongLabels:
    """What is known about strongly labelled recordings, to be cut as their frames are.

    Args:
        num_nodes: Nodes of the tree.
        frame_seconds: Length of a frame.
        stride_frames: Frames of an embedding.
        num_frames: Length of a piece.
    """

    def __init__(self, num_nodes: int, frame_seconds: float, stride_frames: int, num_frames: int) -> None:
        self._num_nodes, self._frame_seconds = num_nodes, frame_seconds
        self._stride, self._num_frames = stride_frames, num_frames
        self._near = rows_from_seconds(NEAR_SECONDS, frame_seconds)
        self._least = rows_from_seconds(LEAST_OF_CUT_SECONDS, frame_seconds)
        self._recordings: dict[int, _Recording] = {}
        self._absences: list[Bools] = []
        self._row_of_absence: dict[bytes, int] = {}

    def add(self, clip: int, length_frames: int, events: Sequence[LabelledSpan], targets: NodeTargets) -> None:
        """Add a recording.

        Args:
            clip: Its index, as pieces name it.
            length_frames: Its length.
            events: All events of it.
            targets: What labels say about the nodes.
        """
        labels = [label for _, _, label in events]
        spans = np.array([self._span(onset, offset) for onset, offset, _ in events], dtype=np.int64).reshape(-1, 2)
        present = np.array([targets((label,)) == PRESENT for label in labels], dtype=np.bool_)
        present = present.reshape(-1, self._num_nodes)
        present[:, 0] = False  # the root is certain: it teaches nothing
        state = self._states(labels, spans, length_frames + self._near, targets)
        self._recordings[clip] = _Recording(
            np.minimum(spans, length_frames), present, state, self._absence(targets(()))
        )

    def cut(self, pieces: Tensor, frames: Tensor) -> StrongTargets:
        """Cut the targets of pieces.

        Args:
            pieces: (row, 3) int64, as `aed.data.batches.Batch.pieces`.
            frames: (row, frames, mel) of these pieces, distorted as they are to be heard; 0 where silent.

        Returns:
            On the device of the frames; with as many sources as the piece with the most events has, one at least.
        """
        clips, starts, rolls = pieces.cpu().numpy().T
        place = starts[:, None] + (np.arange(self._num_frames) - rolls[:, None]) % self._num_frames
        rows = [self._piece(self._recordings[int(clip)], at) for clip, at in zip(clips, place, strict=True)]
        most, time = max([1, *(len(heard) for heard, _, _ in rows)]), self._num_frames // self._stride
        heard = np.zeros((len(rows), most, time), dtype=np.bool_)
        present = np.zeros((len(rows), most, self._num_nodes), dtype=np.bool_)
        absent = np.zeros((len(rows), time, self._num_nodes), dtype=np.bool_)
        for row, (of_events, nodes, absent[row]) in enumerate(rows):
            heard[row, : len(of_events)], present[row, : len(nodes)] = of_events, nodes
        targets = StrongTargets(*(torch.from_numpy(part).to(frames.device) for part in (heard, present, absent)))
        return _where_audible(targets, frames, self._stride)

    def _piece(self, recording: _Recording, place: Indices) -> tuple[Bools, Bools, Bools]:
        """Heard (event, time) and present (event, node) of its events, absent (time, node); `place` is (frame,)."""
        first, last = recording.spans.T[..., None]
        inside = (place >= first) & (place < last)
        here = inside.any(axis=1)
        enough = inside.sum(axis=1) >= np.minimum((last - first)[:, 0], self._least)
        heard: Bools = np.logical_or.reduce(self._per_embedding(inside[here]), axis=-1)
        by_frame = np.stack(self._absences)[recording.states(place)]
        absent: Bools = np.logical_and.reduce(self._per_embedding(by_frame.T), axis=-1).T
        return heard, (recording.present & enough[:, None])[here], absent

    def _per_embedding(self, by_frame: Bools) -> Bools:
        """Group frames by embedding: (row, frame) -> (row, time, stride)."""
        time = by_frame.shape[1] // self._stride
        return by_frame[:, : time * self._stride].reshape(len(by_frame), time, self._stride)

    def _span(self, onset_seconds: float, offset_seconds: float) -> tuple[int, int]:
        first = rows_from_seconds(onset_seconds, self._frame_seconds)
        return first, max(first + 1, rows_from_seconds(offset_seconds, self._frame_seconds))

    def _states(self, labels: Sequence[str], spans: Indices, num_frames: int, targets: NodeTargets) -> Indices:
        """Which row of the absences holds at each frame; between two changes of what is near it is one: (frame,)."""
        near = np.clip(spans + np.array([-self._near, self._near]), 0, num_frames)
        changes = np.unique(np.concatenate([[0, num_frames], near.ravel()]))
        state = np.zeros(num_frames, dtype=np.int64)
        for begin, end in pairwise(changes):
            here = {label for label, (first, last) in zip(labels, near, strict=True) if first <= begin < last}
            state[begin:end] = self._absence(targets(tuple(sorted(here))))
        return state

    def _absence(self, targets: NDArray[np.int8]) -> int:
        """The row of the absences that says this, a new one where none does."""
        absent = targets == ABSENT
        row = self._row_of_absence.setdefault(absent.tobytes(), len(self._absences))
        if row == len(self._absences):
            self._absences.append(absent)
        return row


def _where_audible(targets: StrongTargets, frames: Tensor, stride_frames: int) -> StrongTargets:
    """Take what is silent from what is heard, and nodes that then are heard nowhere from what is present."""
    level = frames.mean(dim=2)
    time = targets.heard.shape[2]
    audible = level[:, : time * stride_frames].reshape(len(level), time, stride_frames).amax(dim=2) > AUDIBLE_LEVEL
    heard = targets.heard & audible[:, None]
    return StrongTargets(heard, targets.present & heard.any(dim=2)[..., None], targets.absent)


def read_strong_labels(recipe: Recipe, model: TreeModel, store: FrameStore, num_frames: int) -> StrongLabels | None:
    """Read what the recipe's strongly labelled sources say; None where there are none.

    Args:
        recipe: Names the sources, and what their labels mean.
        model: Tells tree and geometry.
        store: Holds their frames; recordings that it lacks are left out.
        num_frames: Length of a piece.

    Raises:
        DataError, ManifestError: A source is missing or damaged.
    """
    if not recipe.data.strong_sources:
        return None
    features, ontology = model.config.features, recipe_ontology(recipe)
    frame_seconds = seconds_from_samples(features.hop_samples, features.rate_hz)
    labels = StrongLabels(model.taxonomy.num_nodes, frame_seconds, model.encoder.stride_frames, num_frames)
    events = {
        clip_id: rows
        for source in recipe.data.strong_sources
        for clip_id, rows in load_events(strong_path(source)).items()
    }
    maps: LabelMaps = {}
    for index, clip in enumerate(store.clips):
        if clip.clip_id not in events:
            continue
        if clip.dataset not in maps:
            maps[clip.dataset] = whole_label_map(recipe, clip.dataset)
        label_map = maps[clip.dataset]

        def targets(names: tuple[str, ...], label_map: LabelMap = label_map) -> NDArray[np.int8]:
            return node_targets(model.taxonomy, ontology, label_map, names or (NO_EVENT,))

        labels.add(index, int(store.num_frames[index]), [_labelled_span(row) for row in events[clip.clip_id]], targets)
    return labels


def _labelled_span(row: TruthRow) -> LabelledSpan:
    assert row.onset is not None and row.offset is not None and row.event_label is not None, "it has a label"
    return row.onset, row.offset, row.event_label
