from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aed.data.esc50 import ESC10_CLASSES, ESC21_CLASSES
from aed.data.label_budget import (
    BUDGET_DATASETS,
    BUDGET_DRAWS,
    BUDGET_PERCENTS,
    budget_path,
    make_label_budget,
    read_label_budget,
    write_label_budget,
)
from aed.data.records import Clip
from aed.data.registry import load_dataset
from aed.errors import DataError, ManifestError
from aed.resources import manifests_folder

FOLDS = range(1, 6)


def clips_of(label: str, recordings: dict[str, int]) -> list[Clip]:
    return [
        Clip(f"set/{label}{name}{take}", Path("x"), "set", (label,), 1, None, label + name, label + name)
        for name, takes in recordings.items()
        for take in range(takes)
    ]


@pytest.mark.parametrize(("percent", "expected"), [(10, 1), (25, 3), (50, 5), (1, 1), (100, 10)])
def test_share_of_each_class_is_rounded_half_up_and_never_nothing(percent: int, expected: int) -> None:
    train = clips_of("a", dict.fromkeys("pqrstuvwxy", 1)) + clips_of("b", dict.fromkeys("pqrstuvwxy", 1))
    chosen = make_label_budget(train, percent, 1, 1)
    assert Counter(clip_id[4] for clip_id in chosen) == {"a": expected, "b": expected}


def test_recordings_come_before_their_second_takes() -> None:
    train = clips_of("a", {"many": 12, "p": 1, "q": 1, "r": 1, "s": 1})
    for draw in range(1, 20):
        chosen = make_label_budget(train, 31, draw, 1)
        assert len(chosen) == 5
        assert len({clip.recording for clip in train if clip.clip_id in chosen}) == 5


def test_draws_differ_and_order_of_clips_does_not_matter() -> None:
    train = clips_of("a", {str(i): 1 for i in range(40)})
    assert make_label_budget(train, 10, 1, 1) == make_label_budget(train[::-1], 10, 1, 1)
    assert len({make_label_budget(train, 10, draw, 1) for draw in BUDGET_DRAWS}) == len(BUDGET_DRAWS)


@pytest.mark.parametrize("name", BUDGET_DATASETS)
@pytest.mark.parametrize(("percent", "per_class"), [(10, 3), (25, 8), (50, 16)])
def test_shipped_budgets(name: str, percent: int, per_class: int) -> None:
    num_classes = {"esc10": len(ESC10_CLASSES), "esc21": len(ESC21_CLASSES)}[name]
    for draw in BUDGET_DRAWS:
        for test_fold in FOLDS:
            chosen = read_label_budget(name, percent, draw, test_fold)
            names = [clip_id.removeprefix("esc50/").split("-") for clip_id in chosen]
            assert Counter(target for _, _, _, target in names).most_common()[-1][1] == per_class
            assert len(chosen) == per_class * num_classes
            assert str(test_fold) not in {fold for fold, _, _, _ in names}
            if percent > BUDGET_PERCENTS[0]:
                smaller = BUDGET_PERCENTS[BUDGET_PERCENTS.index(percent) - 1]
                assert read_label_budget(name, smaller, draw, test_fold) < chosen


@pytest.mark.audio
@pytest.mark.parametrize("name", BUDGET_DATASETS)
@pytest.mark.parametrize("percent", BUDGET_PERCENTS)
def test_shipped_budgets_are_what_the_command_makes(data_root: Path, tmp_path: Path, name: str, percent: int) -> None:
    made = write_label_budget(load_dataset(name, data_root), percent, tmp_path)
    assert made.read_bytes() == budget_path(name, percent, manifests_folder() / "label_budgets").read_bytes()


def test_unknown_budget_says_which_there_are() -> None:
    with pytest.raises(DataError, match="10, 25, 50"):
        read_label_budget("esc10", 11, 1, 1)
    with pytest.raises(DataError, match=r"for 'csv:/my/clips\.csv': budgets exist for esc10 and esc21") as raised:
        read_label_budget("csv:/my/clips.csv", 10, 1, 1)
    assert "percent.csv" not in str(raised.value)  # no file of that name was ever meant to be
    with pytest.raises(DataError, match="draw 9"):
        read_label_budget("esc10", 10, 9, 1)


def test_clip_that_is_there_twice(tmp_path: Path) -> None:
    budget_path("x", 10, tmp_path).write_text("draw,test_fold,clip_id\n1,1,x/a\n1,1,x/a\n")
    with pytest.raises(ManifestError, match="x/a"):
        read_label_budget("x", 10, 1, 1, tmp_path)
