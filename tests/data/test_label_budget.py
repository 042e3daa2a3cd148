from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from aed.cli.main import app
from aed.data.esc50 import ESC10_CLASSES, ESC21_CLASSES
from aed.data.label_budget import (
    BUDGET_DATASETS,
    BUDGET_DRAWS,
    BUDGET_PERCENTS,
    BudgetRule,
    Measure,
    Unit,
    budget_command,
    budget_path,
    make_label_budget,
    read_label_budget,
    write_label_budget,
)
from aed.data.records import Clip
from aed.data.registry import load_dataset
from aed.data.splits import official_folds
from aed.errors import ConfigError, DataError, ManifestError
from tests.data.layouts import touch_audio

FOLDS = range(1, 6)
DRAWS = range(1, BUDGET_DRAWS + 1)


def clips_of(label: str, recordings: dict[str, int]) -> list[Clip]:
    return [
        Clip(f"set/{label}{name}{take}", Path("x"), "set", (label,), 1, None, label + name, label + name)
        for name, takes in recordings.items()
        for take in range(takes)
    ]


@pytest.mark.parametrize(("percent", "expected"), [(10, 1), (25, 3), (50, 5), (1, 1), (100, 10)])
def test_share_of_each_class_is_rounded_half_up_and_never_nothing(percent: int, expected: int) -> None:
    train = clips_of("a", dict.fromkeys("pqrstuvwxy", 1)) + clips_of("b", dict.fromkeys("pqrstuvwxy", 1))
    chosen = make_label_budget(train, BudgetRule(percent), 1, 1)
    assert Counter(clip_id[4] for clip_id in chosen) == {"a": expected, "b": expected}


def test_recordings_come_before_their_second_takes() -> None:
    train = clips_of("a", {"many": 12, "p": 1, "q": 1, "r": 1, "s": 1})
    for draw in range(1, 20):
        chosen = make_label_budget(train, BudgetRule(31), draw, 1)
        assert len(chosen) == 5
        assert len({clip.recording for clip in train if clip.clip_id in chosen}) == 5


def test_draws_differ_and_order_of_clips_does_not_matter() -> None:
    train = clips_of("a", {str(i): 1 for i in range(40)})
    assert make_label_budget(train, BudgetRule(10), 1, 1) == make_label_budget(train[::-1], BudgetRule(10), 1, 1)
    assert len({make_label_budget(train, BudgetRule(10), draw, 1) for draw in DRAWS}) == BUDGET_DRAWS


@pytest.mark.parametrize("name", BUDGET_DATASETS)
@pytest.mark.parametrize(("percent", "per_class"), [(10, 3), (25, 8), (50, 16)])
def test_shipped_budgets(name: str, percent: int, per_class: int) -> None:
    num_classes = {"esc10": len(ESC10_CLASSES), "esc21": len(ESC21_CLASSES)}[name]
    for draw in DRAWS:
        for test_fold in FOLDS:
            chosen = read_label_budget(name, f"{percent}percent", draw, test_fold)
            names = [clip_id.removeprefix("esc50/").split("-") for clip_id in chosen]
            assert Counter(target for _, _, _, target in names).most_common()[-1][1] == per_class
            assert len(chosen) == per_class * num_classes
            assert str(test_fold) not in {fold for fold, _, _, _ in names}
            if percent > BUDGET_PERCENTS[0]:
                smaller = BUDGET_PERCENTS[BUDGET_PERCENTS.index(percent) - 1]
                assert read_label_budget(name, f"{smaller}percent", draw, test_fold) < chosen


@pytest.mark.audio
@pytest.mark.parametrize("name", BUDGET_DATASETS)
@pytest.mark.parametrize("percent", BUDGET_PERCENTS)
def test_shipped_budgets_are_what_the_command_makes(data_root: Path, tmp_path: Path, name: str, percent: int) -> None:
    dataset = load_dataset(name, data_root)
    made = write_label_budget(name, dataset, BudgetRule(percent), official_folds(dataset.clips), folder=tmp_path)
    assert made.read_bytes() == budget_path(name, f"{percent}percent").read_bytes()
    assert made.name == budget_path(name, f"{percent}percent").name


@given(
    takes=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    small=st.integers(1, 100),
    larger=st.integers(0, 100),
    measure=st.sampled_from(["percent", "perclass"]),
    by=st.sampled_from(["clip", "recording"]),
    seed=st.integers(0, 3),
)
def test_a_smaller_budget_is_a_part_of_a_larger_one(
    takes: list[int], small: int, larger: int, measure: Measure, by: Unit, seed: int
) -> None:
    train = clips_of("a", {f"r{number}-": count for number, count in enumerate(takes)})
    most = 100 if measure == "percent" else len(train) if by == "clip" else len(takes)
    amounts = min(small, most), min(small + larger, most)
    parts = [set(make_label_budget(train, BudgetRule(amount, measure, by, seed), 1, 1)) for amount in amounts]
    assert parts[0] <= parts[1]
    if measure == "perclass" and by == "clip":
        assert [len(part) for part in parts] == list(amounts)


def test_whole_recordings_are_picked_with_all_their_clips() -> None:
    train = clips_of("a", {"p": 3, "q": 2, "r": 1}) + clips_of("b", {"x": 2, "y": 5, "z": 1})
    chosen = make_label_budget(train, BudgetRule(2, "perclass", "recording"), 1, 1)
    taken = {clip.recording for clip in train if clip.clip_id in chosen}
    assert Counter(recording[0] for recording in taken) == {"a": 2, "b": 2}
    assert set(chosen) == {clip.clip_id for clip in train if clip.recording in taken}


def test_another_seed_picks_others_and_bears_another_name() -> None:
    train = clips_of("a", {str(i): 1 for i in range(40)})
    rules = [BudgetRule(4, "perclass", seed=seed) for seed in range(5)]
    assert len({make_label_budget(train, rule, 1, 1) for rule in rules}) == 5
    assert len({rule.name for rule in rules}) == 5


@pytest.mark.parametrize("name", ["10percent", "4perclass", "2perclass_recordings", "30percent_recordings_seed7"])
def test_a_name_says_the_rule_and_the_command(name: str) -> None:
    rule = BudgetRule.parse(name)
    assert rule is not None
    assert rule.name == name
    assert BudgetRule.parse("the_ones_we_had_time_for") is None


def test_the_command_that_is_named_makes_the_budget(tmp_path: Path) -> None:
    for label in ("dog", "cat"):
        for number in range(6):
            touch_audio(tmp_path / f"my sounds/{label}/{number}.wav")
    source, name = f"folder:{tmp_path / 'my sounds'}", "2perclass_recordings_seed7"
    with pytest.raises(DataError, match="make it with: aed data budget") as raised:
        read_label_budget(source, name, 6, 1, cut="--group-folds 2 --group-seed 3")
    words = shlex.split(str(raised.value).partition("make it with: aed ")[2])
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert len(read_label_budget(source, name, 6, 1)) == 4


def test_larger_than_the_data_or_empty() -> None:
    train = clips_of("a", {"p": 3, "q": 2})
    with pytest.raises(DataError, match=r"6 clips per class: larger than the data: 'a' has 5 in .* fold 2"):
        make_label_budget(train, BudgetRule(6, "perclass"), 1, 2)
    with pytest.raises(DataError, match="3 recordings per class: larger than the data: 'a' has 2"):
        make_label_budget(train, BudgetRule(3, "perclass", "recording"), 1, 2)
    with pytest.raises(ConfigError, match="101 %: larger than the data"):
        BudgetRule.parse("101percent")
    with pytest.raises(ConfigError, match="budget of 0: it is empty"):
        BudgetRule.parse("0perclass")


def test_several_labels_have_no_class() -> None:
    (clip,) = clips_of("a", {"p": 1})
    with pytest.raises(DataError, match="has 2 labels; budgets are made by class"):
        make_label_budget([replace(clip, labels=("a", "b"))], BudgetRule(10), 1, 1)
    assert make_label_budget([replace(clip, labels=())], BudgetRule(10), 1, 1) == ()


def test_unknown_budget_says_how_to_make_it() -> None:
    with pytest.raises(DataError, match=r"no label budget '11percent'.*esc10_11percent\.csv; make it with: aed data"):
        read_label_budget("esc10", "11percent", 1, 1)
    with pytest.raises(DataError, match=r"the file /my/label_budgets/clips_mine\.csv; write it with the columns draw"):
        read_label_budget("csv:/my/clips.csv", "mine", 1, 1)
    with pytest.raises(DataError, match=r"draw 9, test fold 1: it has the draws 1, 2, 3, 4, 5 .* --draws 9"):
        read_label_budget("esc10", "10percent", 9, 1)
    assert budget_command("esc10", "mine") is None


def test_clip_that_is_there_twice(tmp_path: Path) -> None:
    budget_path("x", "10percent", tmp_path).write_text("draw,test_fold,clip_id\n1,1,x/a\n1,1,x/a\n")
    with pytest.raises(ManifestError, match="x/a"):
        read_label_budget("x", "10percent", 1, 1, tmp_path)
