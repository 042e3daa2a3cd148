from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.data.records import Clip
from aed.data.splits import group_folds, official_folds, official_or_group_folds
from aed.errors import DataError


def clip(name: str, labels: tuple[str, ...] = ("dog",), *, fold: int | None = None, group: str | None = None) -> Clip:
    return Clip(f"set/{name}", Path(name), "set", labels, fold, None, name, group or f"set:{name}")


clip_lists = st.lists(
    st.tuples(st.lists(st.sampled_from("abcde"), unique=True, max_size=3), st.integers(0, 30)), min_size=8, max_size=80
).map(lambda rows: [clip(f"c{i}", tuple(labels), group=f"g{group}") for i, (labels, group) in enumerate(rows)])


def test_official_folds_take_each_clip_once_to_test() -> None:
    clips = [clip(f"c{i}", fold=i % 5 + 1) for i in range(20)]
    folds = official_folds(reversed(clips))
    assert [fold.number for fold in folds] == [1, 2, 3, 4, 5]
    for fold in folds:
        assert {member.fold for member in fold.test} == {fold.number}
        assert sorted(member.clip_id for member in (*fold.train, *fold.test)) == sorted(c.clip_id for c in clips)


def test_official_folds_name_a_clip_without_one() -> None:
    with pytest.raises(DataError, match=r"set/b.*data\.folds=\{groups: 5\}"):
        official_folds([clip("a", fold=1), clip("b")])
    with pytest.raises(DataError, match="at least 2"):
        official_folds([clip("a", fold=1), clip("b", fold=1)])


@settings(max_examples=60, deadline=None)
@given(clips=clip_lists, num_folds=st.integers(2, 5), seed=st.integers(0, 3))
def test_groups_are_never_torn_and_nothing_is_lost(clips: list[Clip], num_folds: int, seed: int) -> None:
    if len({c.group for c in clips}) < num_folds:
        with pytest.raises(DataError, match="content groups"):
            group_folds(clips, num_folds, seed)
        return
    folds = group_folds(clips, num_folds, seed)
    for fold in folds:
        assert not {c.group for c in fold.train} & {c.group for c in fold.test}
        assert len(fold.train) + len(fold.test) == len(clips)
    assert sorted(c.clip_id for fold in folds for c in fold.test) == sorted(c.clip_id for c in clips)
    assert folds == group_folds(reversed(clips), num_folds, seed)


def test_group_folds_spread_every_label_evenly() -> None:
    clips = [
        clip(f"{label}{i}", (label, "common"), group=f"{label}{i // 2}")
        for label, count in (("rare", 10), ("some", 40), ("often", 100))
        for i in range(count)
    ]
    for fold in group_folds(clips, 5, 0):
        counts = Counter(label for member in fold.test for label in member.labels)
        assert counts == {"rare": 2, "some": 8, "often": 20, "common": 30}


def test_group_folds_balance_clips_without_labels() -> None:
    folds = group_folds([clip(f"c{i}", ()) for i in range(20)], 4, 0)
    assert [len(fold.test) for fold in folds] == [5, 5, 5, 5]


def test_seed_changes_the_cut() -> None:
    clips = [clip(f"c{i}") for i in range(40)]
    assert group_folds(clips, 4, 0) != group_folds(clips, 4, 1)


def test_several_sets_keep_their_own_folds_and_parts() -> None:
    with_folds = [clip(f"f{i}", fold=i % 5 + 1) for i in range(10)]
    with_parts = [replace(clip(f"p{i}"), dataset="parted", split="test" if i < 3 else "train") for i in range(9)]
    with_one_part = [replace(clip(f"o{i}"), dataset="slice", split="train") for i in range(20)]
    clips = [*with_folds, *with_parts, *with_one_part]
    folds = official_or_group_folds(clips, 5, 0)
    assert [fold.number for fold in folds] == [1, 2, 3, 4, 5]
    held_out: Counter[str] = Counter()
    for fold in folds:
        assert {member.fold for member in fold.test if member.fold} == {fold.number}
        assert {member.clip_id for member in fold.test if member.dataset == "parted"} == {"set/p0", "set/p1", "set/p2"}
        assert sorted(member.clip_id for member in (*fold.train, *fold.test)) == sorted(c.clip_id for c in clips)
        held_out.update(member.clip_id for member in fold.test if member.dataset == "slice")
    assert held_out == Counter(c.clip_id for c in with_one_part)
    no_rest = official_or_group_folds([*with_folds, *with_parts], 5, 0)
    assert [len(fold.test) for fold in no_rest] == [5] * 5
    with pytest.raises(DataError, match=r"official folds \[1, 2, 3, 4, 5\] do not fit 4 folds"):
        official_or_group_folds(clips, 4, 0)
