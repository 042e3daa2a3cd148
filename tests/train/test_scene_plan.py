from __future__ import annotations

import pydantic
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.train.scene_plan import ScenePlan, ScenesConfig, draw_plan

FRAME_SECONDS = 0.02
NUM_FRAMES = 100


def plan_of(config: ScenesConfig, can_be_event: list[bool], seed: int = 0) -> ScenePlan:
    generator = torch.Generator().manual_seed(seed)
    return draw_plan(torch.tensor(can_be_event), NUM_FRAMES, FRAME_SECONDS, config, generator)


@settings(max_examples=60)
@given(
    st.lists(st.booleans(), min_size=2, max_size=9),
    st.floats(0.05, 0.95),
    st.tuples(st.integers(1, 3), st.integers(0, 3)),
    st.integers(0, 2**31),
)
def test_events_are_pieces_of_other_rows_within_the_scene(
    can_be_event: list[bool], share: float, events: tuple[int, int], seed: int
) -> None:
    config = ScenesConfig(share=share, events=(events[0], sum(events)), event_seconds=(0.1, 9.0), snr_db=(-3.0, 8.0))
    plan = plan_of(config, can_be_event, seed)
    scenes, allowed = config.scenes_of(len(can_be_event)), sum(can_be_event)
    assert 1 <= scenes < len(can_be_event)
    assert plan.rows[:, 0].tolist() == list(range(scenes))
    for scene in range(scenes):
        rows = plan.rows[scene, 1:][plan.used[scene]].tolist()
        assert len(set(rows)) == len(rows), "no row twice"
        assert scene not in rows
        assert all(can_be_event[row] for row in rows)
        others = allowed - can_be_event[scene]
        assert min(config.events[0], others) <= len(rows) <= min(config.events[1], others)
    assert (plan.length >= 1).all()
    assert (plan.place >= 0).all()
    assert (plan.place + plan.length <= NUM_FRAMES).all()
    assert ((plan.snr_db >= -3) & (plan.snr_db <= 8)).all()
    assert ((plan.loudest_at >= 0) & (plan.loudest_at < 1)).all()


def test_everything_in_the_ranges_is_drawn() -> None:
    config = ScenesConfig(share=0.5, events=(1, 3), event_seconds=(0.1, 0.2))
    plans = [plan_of(config, [True] * 6, seed) for seed in range(60)]
    assert {int(count) for plan in plans for count in plan.used.sum(dim=1)} == {1, 2, 3}
    assert {int(length) for plan in plans for length in plan.length.flatten()} == set(range(5, 11))
    rows = {(scene, row) for plan in plans for scene in range(3) for row in plan.rows[scene, 1:].tolist()}
    assert rows == {(scene, row) for scene in range(3) for row in range(6) if row != scene}


def test_a_piece_lies_anywhere_in_the_scene_its_ends_too() -> None:
    almost_all = ScenesConfig(event_seconds=(1.96, 1.96))
    places = torch.cat([plan_of(almost_all, [True] * 6, seed).place.flatten() for seed in range(5)])
    assert set(places.tolist()) == {0, 1, 2}


def test_a_batch_of_one_clip_holds_no_scene() -> None:
    plan = plan_of(ScenesConfig(), [True])
    assert plan.rows.shape == (0, 1)
    assert plan.used.shape == plan.snr_db.shape == (0, 0)


def test_a_plan_depends_on_the_generator_alone() -> None:
    torch.manual_seed(0)
    one = plan_of(ScenesConfig(), [True] * 6, 3)
    torch.manual_seed(1)
    again, other = plan_of(ScenesConfig(), [True] * 6, 3), plan_of(ScenesConfig(), [True] * 6, 4)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one.snr_db, other.snr_db)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"events": (0, 2)}, {"events": (3, 2)}, {"snr_db": (5.0, -5.0)}, {"event_seconds": (0.0, 1.0)}),
        *({"share": 0.0}, {"share": 1.0}, {"weight": 0.0}, {"loud": 1}),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        ScenesConfig.model_validate(wrong)
