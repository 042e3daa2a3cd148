"""Targets of pieces of strongly labelled recordings against a slow twin, and their rules one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.data.frames import FrameStore
from aed.data.source import load_source
from aed.loss.strong import StrongTargets
from aed.model import TreeModel
from aed.train.labels import recipe_taxonomy
from aed.train.recipe import Recipe
from aed.train.strong_labels import LabelledSpan, StrongLabels, read_strong_labels
from tests.tiny_corpus import write_clip

FRAME_SECONDS, STRIDE, NUM_FRAMES = 0.05, 4, 26
NEAR, LEAST = 5, 10
"""Frames of `NEAR_SECONDS` and of `LEAST_OF_CUT_SECONDS`."""
NODES = SOUND, ANIMAL, GLASS, DOG, CAT = range(5)
LOUD = torch.ones(1, NUM_FRAMES, 2)


def targets_of(labels: tuple[str, ...]) -> np.ndarray:
    """A table that names dogs and glass; an animal may be a dog."""
    row = np.array([1, -1, 0, 0, -1], dtype=np.int8)
    if "animal" in labels:
        row[[ANIMAL, DOG]] = 1, -1
    if "dog" in labels:
        row[[ANIMAL, DOG]] = 1, 1
    if "glass" in labels:
        row[GLASS] = 1
    return row


def cut(
    length: int, events: list[LabelledSpan], start: int = 0, roll: int = 0, frames: torch.Tensor = LOUD
) -> StrongTargets:
    labels = StrongLabels(len(NODES), FRAME_SECONDS, STRIDE, NUM_FRAMES)
    labels.add(7, length, events, targets_of)
    return labels.cut(torch.tensor([[7, start, roll]]), frames)


def at(first: int, last: int, label: str = "dog") -> LabelledSpan:
    """An event of the frames [first, last)."""
    return first * FRAME_SECONDS, last * FRAME_SECONDS, label


def twin(length: int, events: list[tuple[int, int, str]], start: int, roll: int) -> list[np.ndarray]:
    """Heard (event, time), present (event, node), absent (time, node), frame by frame."""
    piece: list[int] = [0] * NUM_FRAMES
    for place in range(NUM_FRAMES):
        piece[(place + roll) % NUM_FRAMES] = start + place
    time = NUM_FRAMES // STRIDE
    heard = np.zeros((max(1, len(events)), time), dtype=bool)
    present = np.zeros((max(1, len(events)), len(NODES)), dtype=bool)
    absent = np.ones((time, len(NODES)), dtype=bool)
    for number, (first, last, label) in enumerate(events):
        whole = [frame for frame in range(first, last) if frame < length]
        left = [place for place, frame in enumerate(piece) if frame in whole]
        for place in left:
            if place // STRIDE < time:
                heard[number, place // STRIDE] = True
        enough = len(left) == len(whole) or len(left) >= LEAST
        for node in NODES[1:]:
            present[number, node] = heard[number].any() and enough and targets_of((label,))[node] == 1
    here = [
        number for number, (first, last, _) in enumerate(events) if set(range(first, min(last, length))) & set(piece)
    ]
    heard, present = heard[here or [0]], present[here or [0]]
    for place, frame in enumerate(piece[: time * STRIDE]):
        near = [label for first, last, label in events if first - NEAR <= frame < last + NEAR and frame < length + NEAR]
        absent[place // STRIDE] &= targets_of(tuple(near)) == 0
    return [heard, present, absent]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, str]], int, int]:
    length = draw(st.integers(5, 90))
    events = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, length - 1))
        events.append((first, first + draw(st.integers(1, 40)), draw(st.sampled_from(["dog", "animal", "glass"]))))
    return length, events, draw(st.integers(0, max(0, length - NUM_FRAMES))), draw(st.integers(0, NUM_FRAMES - 1))


@settings(max_examples=150, deadline=None)
@given(recordings())
def test_the_targets_of_a_piece_are_the_twins(case: tuple[int, list[tuple[int, int, str]], int, int]) -> None:
    length, events, start, roll = case
    found = cut(length, [at(*event) for event in events], start, roll)
    for part, expected in zip(found, twin(length, events, start, roll), strict=True):
        assert np.array_equal(part[0].numpy(), expected)


def test_an_event_is_where_its_frames_are() -> None:
    """Frames 8 to 15 are the embeddings 2 and 3; cut at 4, 1 and 2; rotated by 8 frames, two more."""
    for start, roll, expected in ((0, 0, [2, 3]), (4, 0, [1, 2]), (4, 8, [3, 4])):
        heard = cut(60, [at(8, 16)], start, roll).heard
        assert heard[0, 0].nonzero()[:, 0].tolist() == expected


def test_what_the_table_names_is_absent_elsewhere_and_the_rest_unknown() -> None:
    targets = cut(60, [at(4, 12)])
    assert targets.present[0, 0].nonzero()[:, 0].tolist() == [ANIMAL, DOG]
    assert targets.absent[0, :, GLASS].all()
    assert targets.absent[0, :, DOG].nonzero()[:, 0].tolist() == [5], "frames 0 to 16 are the event or near it"
    assert not targets.absent[0, :, [SOUND, ANIMAL, CAT]].any(), "the table does not name all animals"


def test_a_remnant_of_an_event_is_neither_present_nor_absent() -> None:
    """Of twelve frames the cut leaves nine, which is less than half a second, or ten."""
    for start, is_present in ((3, False), (2, True)):
        targets = cut(60, [at(0, 12)], start)
        assert bool(targets.present.any()) == is_present
        assert targets.heard.any()
        assert not targets.absent[0, :2, DOG].any()
    assert cut(60, [at(8, 9)]).present.any(), "one that is short by itself counts"


def test_a_masked_event_is_not_heard() -> None:
    masked = LOUD.clone()
    masked[:, 8:12] = 0
    targets = cut(60, [at(8, 16)], frames=masked)
    assert targets.heard[0, 0].nonzero()[:, 0].tolist() == [3]
    assert targets.present.any()
    masked[:, 8:16] = 0
    assert not cut(60, [at(8, 16)], frames=masked).present.any()


def test_pieces_of_several_recordings_stand_in_one_batch() -> None:
    labels = StrongLabels(len(NODES), FRAME_SECONDS, STRIDE, NUM_FRAMES)
    labels.add(0, 60, [], targets_of)
    labels.add(1, 60, [at(8, 16), at(0, 4, "glass")], targets_of)
    targets = labels.cut(torch.tensor([[0, 0, 0], [1, 0, 0]]), LOUD.repeat(2, 1, 1))
    assert [tuple(part.shape) for part in targets] == [(2, 2, 6), (2, 2, 5), (2, 6, 5)]
    assert not targets.heard[0].any()
    assert targets.absent[0, :, [GLASS, DOG]].all(), "somebody listened, and heard neither"
    nothing = labels.cut(torch.zeros(0, 3, dtype=torch.int64), LOUD[:0])
    assert [tuple(part.shape) for part in nothing] == [(0, 1, 6), (0, 1, 5), (0, 6, 5)]


def test_labels_mean_what_the_recipe_says(tmp_path: Path) -> None:
    """A folder with a label map of its own, in a tree that knows more than the table."""
    folder = tmp_path / "rooms"
    write_clip(folder / "a.wav")
    (folder / "truth.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\t0.2\t0.6\twuff\n")
    (folder / "labels.yaml").write_text(
        "dataset: rooms\ntask: multi\nexhaustive: []\nlabels: {wuff: Dog, tatue: Siren}\n"
    )
    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "title": "",
            "data": {"source": f"strong:{folder}", "folds": "none", "clip_seconds": 1.2},
            "taxonomy": {"task": "multi", "none_of_these": False, "tree": "home"},
            "model": {"time_pooling": {}},
            "augment": {"waveform": {"views": 0}},
        }
    )
    taxonomy = recipe_taxonomy(recipe, None)
    model = TreeModel(recipe.model, taxonomy)
    clips = load_source(recipe.data.source).clips
    store = FrameStore.open(clips, recipe.model.features, recipe.augment.waveform)
    num_frames = int(store.num_frames[0])
    labels = read_strong_labels(recipe, model, store, num_frames)
    assert labels is not None
    targets = labels.cut(torch.tensor([[0, 0, 0]]), torch.ones(1, num_frames, 2))
    dog, siren, cry = (taxonomy.find(name) for name in ("Dog", "Siren", "Baby cry, infant cry"))
    assert targets.present[0, 0, dog]
    assert not targets.present[0, 0, 0]
    assert targets.absent[0, -1, dog]
    assert not targets.absent[0, 0, dog], "so near to its onset nobody knows"
    assert not targets.absent[..., [siren, cry]].any(), "the table names neither"
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": "made"})})
    assert read_strong_labels(recipe, model, store, num_frames) is None
