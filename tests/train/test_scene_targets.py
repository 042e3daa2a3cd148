"""The rules of what is present, absent and unknown in a scene, each by itself and against a slow twin."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.loss.strong import StrongTargets
from aed.train.scene_targets import can_be_event, scene_targets
from tests.fake_scorer import small_taxonomy

TAXONOMY = small_taxonomy("multi")
SOUND, ANIMAL, GLASS, DOG, CAT = range(5)
STRIDE, TIME, MEL, NEAR = 4, 24, 6, 2
LOUD = 1e4
"""Power in units of the floor: 40 dB above it."""


def target(**nodes: int) -> torch.Tensor:
    """Absent but for what is named; the root is present."""
    row = torch.zeros(5)
    row[SOUND] = 1
    for name, value in nodes.items():
        row[{"animal": ANIMAL, "glass": GLASS, "dog": DOG, "cat": CAT}[name]] = value
    return row


DOG_CLIP, GLASS_CLIP = target(animal=1, dog=1), target(glass=1)
UNSURE_CLIP = target(animal=1, dog=-1, cat=-1, glass=-1)


def source(begin: int, end: int, power: float = LOUD, bands: slice = slice(None)) -> torch.Tensor:
    """(frames, mel): power in the embeddings [begin, end), nothing elsewhere."""
    frames = torch.zeros(TIME * STRIDE, MEL)
    frames[begin * STRIDE : end * STRIDE, bands] = power
    return frames


def judged(sources: list[torch.Tensor], targets: list[torch.Tensor]) -> StrongTargets:
    return scene_targets(torch.stack(sources)[None], torch.stack(targets)[None], STRIDE, NEAR)


def absent_times(found: StrongTargets, node: int) -> list[int]:
    return found.absent[0, :, node].nonzero()[:, 0].tolist()


def test_present_within_the_event_absent_outside_unknown_near_it() -> None:
    found = judged([source(0, TIME, 1e3), source(10, 14)], [GLASS_CLIP, DOG_CLIP])
    assert found.heard[0, 1].nonzero()[:, 0].tolist() == [10, 11, 12, 13]
    assert found.present[0].nonzero().tolist() == [[0, GLASS], [1, ANIMAL], [1, DOG]]
    outside = [time for time in range(TIME) if not 10 - NEAR <= time < 14 + NEAR]
    assert absent_times(found, DOG) == absent_times(found, ANIMAL) == outside
    assert absent_times(found, CAT) == list(range(TIME))
    assert absent_times(found, GLASS) == []


def test_a_short_pause_is_unknown_and_a_long_one_absent() -> None:
    barks = source(2, 4) + source(4 + 2 * NEAR, 9) + source(20, 22)
    found = judged([barks], [DOG_CLIP])
    assert absent_times(found, DOG) == [*range(9 + NEAR, 20 - NEAR)]


def test_silence_holds_nothing_whatever_the_label() -> None:
    found = judged([source(0, 0)], [DOG_CLIP])
    assert not found.present.any()
    assert absent_times(found, DOG) == list(range(TIME))


def test_what_lies_far_under_its_own_loudest_moment_is_not_active() -> None:
    fading = source(0, 6) + source(6, TIME, LOUD / 2_000)
    assert judged([fading], [DOG_CLIP]).heard[0, 0].nonzero()[:, 0].tolist() == [*range(6)]


def test_what_nobody_could_hear_is_not_active() -> None:
    assert not judged([source(0, TIME, 0.3)], [DOG_CLIP]).heard.any()


def test_a_drowned_event_is_neither_present_nor_absent() -> None:
    found = judged([source(0, TIME), source(10, 14, LOUD / 10)], [GLASS_CLIP, DOG_CLIP])
    assert not found.heard[0, 1].any()
    assert not found.present[0, 1].any()
    assert absent_times(found, DOG) == [time for time in range(TIME) if not 10 - NEAR <= time < 14 + NEAR]


def test_a_quiet_event_that_stands_out_in_some_bands_is_heard() -> None:
    high, low = slice(3, 5), slice(0, 3)
    found = judged([source(0, TIME, bands=low), source(10, 14, LOUD / 10, high)], [GLASS_CLIP, DOG_CLIP])
    assert found.heard[0, 1].nonzero()[:, 0].tolist() == [10, 11, 12, 13]


def test_what_a_source_may_hold_is_nowhere_absent_while_it_sounds() -> None:
    found = judged([source(0, 12), source(16, 20)], [UNSURE_CLIP, DOG_CLIP])
    assert absent_times(found, CAT) == list(range(12 + NEAR, TIME))
    assert not found.present[0, 0, [DOG, CAT, GLASS]].any()


def test_the_root_teaches_nothing() -> None:
    found = judged([source(4, 8)], [DOG_CLIP])
    assert not found.present[..., SOUND].any()
    assert not found.absent[..., SOUND].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 4))
def test_no_rule_is_broken_in_any_scene(seed: int, count: int, near: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.rand(1, count, TIME, 1, MEL, generator=generator) * 10 ** (
        5 * torch.rand(1, count, TIME, 1, 1, generator=generator)
    )
    blocks *= torch.rand(1, count, TIME, 1, 1, generator=generator) < 0.5
    sources = blocks.expand(-1, -1, -1, STRIDE, -1).reshape(1, count, TIME * STRIDE, MEL)
    targets = torch.randint(-1, 2, (1, count, 5), generator=generator).float()
    found = scene_targets(sources, targets, STRIDE, near)
    power = blocks[0, :, :, 0].tolist()
    active = [
        [sum(frame) >= max(map(sum, power[s])) / 1000 and audible(frame) for frame in power[s]] for s in range(count)
    ]
    for s in range(count):
        for time in range(TIME):
            rest = [sum(power[o][time][mel] for o in range(count) if o != s) for mel in range(MEL)]
            bands = sum(own >= other and own > 0 for own, other in zip(power[s][time], rest, strict=True))
            assert bool(found.heard[0, s, time]) == (active[s][time] and bands >= 2)
        for node in range(1, 5):
            expected = targets[0, s, node] == 1 and bool(found.heard[0, s].any())
            assert bool(found.present[0, s, node]) == expected
    for time in range(TIME):
        for node in range(1, 5):
            possible = any(
                active[s][t] and targets[0, s, node] != 0
                for s in range(count)
                for t in range(max(0, time - near), min(TIME, time + near + 1))
            )
            assert bool(found.absent[0, time, node]) != possible


def audible(frame: list[float]) -> bool:
    features = 0.125 * torch.log1p(torch.tensor(frame))
    return float(features.mean()) > 0.05


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (DOG_CLIP, True),
        (UNSURE_CLIP, True),  # an animal, and nobody knows which
        (target(animal=1, dog=1, cat=1), False),
        (target(animal=1, dog=1, glass=1), False),
        (target(), False),
    ],
)
def test_only_a_clip_of_one_thing_can_be_cut(clip: torch.Tensor, expected: bool) -> None:
    assert can_be_event(clip[None], TAXONOMY).tolist() == [expected]
