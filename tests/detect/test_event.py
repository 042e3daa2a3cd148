from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.event import Event, EventTracker, RowEvent
from aed.ontology.taxonomy import Taxonomy
from tests.fake_scorer import small_taxonomy
from tests.random_taxonomy import random_taxonomy

ANIMAL, GLASS, DOG, CAT = 1, 2, 4, 5
SETTINGS = {"least_rows": 2, "gap_rows": 1, "absorb_rows": 3}


def rows_of(*answers: int | None, num_nodes: int = 6) -> np.ndarray:
    mask = np.zeros((len(answers), num_nodes), dtype=bool)
    for row, answer in enumerate(answers):
        if answer is not None:
            mask[row, answer] = True
    return mask


def track(taxonomy: Taxonomy, answers: np.ndarray, **settings: int) -> list[tuple[int, int, int]]:
    tracker = EventTracker(taxonomy, **settings)
    p = np.where(answers @ taxonomy.ancestor_matrix, 0.8, 0.1)
    return [(e.node, e.first_row, e.last_row) for e in tracker.push(p, answers) + tracker.flush()]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([None, DOG, DOG, DOG, None], [(DOG, 1, 3)]),
        ([None, DOG, None, None], []),  # shorter than least_rows
        ([DOG, DOG, None, DOG, DOG], [(DOG, 0, 4)]),  # gap closed
        ([DOG, DOG, None, None, DOG, DOG], [(DOG, 0, 1), (DOG, 4, 5)]),
        ([ANIMAL, DOG, DOG, ANIMAL, ANIMAL], [(DOG, 1, 2)]),  # one sound, one event, the deeper answer
        ([ANIMAL, DOG, ANIMAL], [(ANIMAL, 0, 2)]),  # the deeper answer was too short
        ([DOG, DOG, ANIMAL, ANIMAL, ANIMAL, ANIMAL], [(DOG, 0, 1), (ANIMAL, 2, 5)]),  # a long rest is news
        ([DOG, DOG, CAT, CAT], [(DOG, 0, 1), (CAT, 2, 3)]),
        ([DOG, DOG, GLASS, GLASS, DOG, DOG], [(DOG, 0, 1), (GLASS, 2, 3), (DOG, 4, 5)]),
    ],
)
def test_events_of_small_stories(answers: list[int | None], expected: list[tuple[int, int, int]]) -> None:
    assert track(small_taxonomy(), rows_of(*answers), **SETTINGS) == expected


def test_branches_sound_at_once_in_a_multi_label_tree() -> None:
    taxonomy = small_taxonomy("multi")
    answers = np.zeros((8, 5), dtype=bool)
    answers[0:6, taxonomy.index("d")] = True
    answers[2:8, taxonomy.index("g")] = True
    assert track(taxonomy, answers, **SETTINGS) == [(taxonomy.index("d"), 0, 5), (taxonomy.index("g"), 2, 7)]


def test_an_event_is_told_as_soon_as_its_gap_is_over() -> None:
    taxonomy = small_taxonomy()
    tracker = EventTracker(taxonomy, **SETTINGS)
    p = np.full((1, 6), 0.7)
    told = [bool(tracker.push(p, rows_of(answer))) for answer in (DOG, DOG, None, None, None)]
    assert told == [False, False, False, True, False]
    long = [bool(tracker.push(p, rows_of(answer))) for answer in (ANIMAL, DOG, DOG, ANIMAL, ANIMAL, ANIMAL)]
    assert long == [False, False, False, False, True, False], (
        "an open supercategory must not hold its child's event back"
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([DOG, None, None, None], []),  # too short to count
        ([None, DOG, DOG, DOG], [(DOG, 2)]),
        ([ANIMAL, ANIMAL, DOG, DOG], [(ANIMAL, 1), (DOG, 3)]),  # first less is known, then more
        ([ANIMAL, DOG, DOG, ANIMAL, ANIMAL], [(DOG, 2)]),  # the dog speaks for the animal
        ([ANIMAL, DOG, ANIMAL, ANIMAL, ANIMAL], [(ANIMAL, 3)]),  # it was too short after all
        ([DOG, DOG, None, None, None, DOG, DOG], [(DOG, 1), (DOG, 6)]),
    ],
)
def test_that_an_event_has_begun_is_told_once_it_counts(
    answers: list[int | None], expected: list[tuple[int, int]]
) -> None:
    tracker, told = EventTracker(small_taxonomy(), **SETTINGS), []
    for row, answer in enumerate(answers):
        tracker.push(np.full((1, 6), 0.7), rows_of(answer))
        told += [(event.node, row) for event in tracker.take_begun()]
    assert told == expected


def test_what_never_ends_is_told_in_parts() -> None:
    parts = [(DOG, 0, 3), (DOG, 4, 7), (DOG, 8, 10)]
    assert track(small_taxonomy(), rows_of(*[DOG] * 11), **SETTINGS, most_rows=4) == parts
    late_dog = rows_of(ANIMAL, *[DOG] * 6)
    assert track(small_taxonomy(), late_dog, **SETTINGS, most_rows=5) == [(DOG, 1, 5)]  # the rest of it is too short
    assert track(small_taxonomy(), rows_of(*[ANIMAL] * 7), **SETTINGS, most_rows=5) == [(ANIMAL, 0, 4), (ANIMAL, 5, 6)]


def test_the_score_is_the_highest_probability_of_the_node() -> None:
    tracker = EventTracker(small_taxonomy(), **SETTINGS)
    p = np.full((4, 6), 0.9)
    p[:, DOG] = [0.5, 0.75, 0.6, 0.99]
    events = tracker.push(p, rows_of(DOG, DOG, DOG, None)) + tracker.flush()
    assert events == [RowEvent(0, 2, DOG, 0.75)]


def events_by_definition(
    taxonomy: Taxonomy, answers: np.ndarray, least: int, gap: int, absorb: int
) -> set[tuple[int, int, int]]:
    """The slow twin: whole masks, node by node."""
    active = answers @ taxonomy.ancestor_matrix
    stretches = {node: stretches_of(active[:, node], least, gap) for node in range(taxonomy.num_nodes)}
    events = set()
    for node in taxonomy.answer_nodes:
        for first, last in stretches[node]:
            inside = [
                s for child in taxonomy.children(node) for s in stretches[child] if first <= s[0] and s[1] <= last
            ]
            rest = np.ones(last - first + 1, dtype=bool)
            for start, end in inside:
                rest[start - first : end - first + 1] = False
            pieces = [(first + a, first + b) for a, b in stretches_of(rest, absorb + 1 if inside else 1, 0)]
            events |= {(node, a, b) for a, b in pieces}
    return events


def stretches_of(mask: np.ndarray, least: int, gap: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for row in np.flatnonzero(mask).tolist():
        if found and row - found[-1][1] - 1 <= gap:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return [(first, last) for first, last in found if last - first + 1 >= least]


@given(
    seed=st.integers(0, 10_000),
    task=st.sampled_from(["single", "multi"]),
    least=st.integers(1, 4),
    gap=st.integers(0, 3),
    absorb=st.integers(0, 5),
)
def test_equals_the_definition_on_random_trees(seed: int, task: str, least: int, gap: int, absorb: int) -> None:
    generator = np.random.default_rng(seed)
    taxonomy = random_taxonomy(generator, task)
    answers = np.zeros((60, taxonomy.num_nodes), dtype=bool)
    for _ in range(1 if task == "single" else 2):
        node, row = 0, 0
        while row < len(answers):
            length = int(generator.integers(1, 8))
            node = int(generator.choice([0, *taxonomy.path(node), *taxonomy.answer_nodes]))
            answers[row : row + length, node] = node != 0
            row += length
    strictly_above = taxonomy.ancestor_matrix & ~np.eye(taxonomy.num_nodes, dtype=bool)
    answers &= ~(answers @ strictly_above)
    got = track(taxonomy, answers, least_rows=least, gap_rows=gap, absorb_rows=absorb)
    assert len(set(got)) == len(got)
    assert set(got) == events_by_definition(taxonomy, answers, least, gap, absorb)


def test_to_dict_is_json() -> None:
    event = Event(1.23456, 2.0, 4, "d", "Dog", ("Animal", "Dog"), 0.987654)
    assert json.loads(json.dumps(event.to_dict())) == {
        "onset_seconds": 1.235,
        "offset_seconds": 2.0,
        "node_id": "d",
        "name": "Dog",
        "path": ["Animal", "Dog"],
        "score": 0.9877,
    }
