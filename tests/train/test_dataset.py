"""Which clips a fold trains on: only labels of the budget, and nothing that shares content with the held-out clips."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aed.data.label_budget import BudgetRule, read_label_budget, write_label_budget
from aed.data.source import load_source
from aed.data.splits import official_folds
from aed.errors import ConfigError, DataError, OntologyError
from aed.train.dataset import fold_clips, load_clips, recipe_folds
from aed.train.labels import clip_targets, coarse_targets, left_out_labels, recipe_taxonomy
from tests.tiny_corpus import (
    GLASS,
    LABELS,
    MULTI_LABEL,
    SHATTER,
    SIREN,
    tiny_recipe,
    write_audioset,
    write_clip,
    write_corpus,
    write_esc50,
    write_glass_break,
)

ESC10 = ("data.source=esc10", "data.label_map=esc10")


def regrouped(manifest: Path, group_of: Callable[[int], str]) -> None:
    """Add a column `group` to a manifest."""
    with manifest.open() as file:
        rows = list(csv.DictReader(file))
    lines = ["path,labels,fold,group"]
    lines += [f"{row['path']},{row['labels']},{row['fold']},{group_of(number)}" for number, row in enumerate(rows)]
    manifest.write_text("\n".join(lines) + "\n")


def test_a_fold_is_held_out(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    assert recipe_folds(recipe, None) == (1, 2)
    clips = fold_clips(recipe, 1, None)
    assert {clip.fold for clip in clips.test} == {1}
    assert {clip.fold for clip in clips.labelled} == {2}
    assert clips.unlabelled == clips.labelled
    assert clips.left_out == ()


def test_what_shares_content_with_held_out_clips_teaches_nothing(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    regrouped(manifest, lambda number: "clips:shared" if number < 3 else f"clips:{number}")  # of both folds
    clips = fold_clips(tiny_recipe(manifest), 1, None)
    assert [clip.clip_id for clip in clips.left_out] == ["clips/1"]
    held_out = {clip.group for clip in clips.test}
    assert "clips:shared" in held_out
    assert not held_out & {clip.group for clip in (*clips.labelled, *clips.unlabelled)}
    assert len(clips.labelled) == 5


def test_further_sources_teach_without_labels_and_without_held_out_content(tmp_path: Path) -> None:
    manifest, further = write_corpus(tmp_path / "a"), write_corpus(tmp_path / "b")
    regrouped(manifest, lambda number: f"g{number}")
    regrouped(further, lambda number: f"g{number}" if number < 6 else f"h{number}")
    clips = fold_clips(tiny_recipe(manifest, f"data.unlabelled_sources=['csv:{further}']"), 1, None)
    held_out = {clip.group for clip in clips.test}
    assert not held_out & {clip.group for clip in clips.unlabelled}
    assert len(clips.unlabelled) == 6 + 9
    assert {clip.path.parent for clip in clips.further} == {further.parent}
    assert len(clips.further) == 9
    assert set(clips.further) < set(clips.unlabelled)
    assert len(clips.left_out) == 3
    assert len(clips.labelled) == 6
    assert all(clip.path.parent == manifest.parent for clip in clips.labelled)


def test_folds_by_group_keep_groups_together(manifest: Path, tmp_path: Path) -> None:
    copy = write_corpus(tmp_path)
    regrouped(copy, lambda number: f"g{number // 2}")
    recipe = tiny_recipe(copy, "data.folds={groups: 3}")
    for fold in recipe_folds(recipe, None):
        clips = fold_clips(recipe, fold, None)
        assert not {clip.group for clip in clips.test} & {clip.group for clip in clips.labelled}
        assert len(clips.test) + len(clips.labelled) == 12


def test_leaves_are_left_out_of_training_alone(manifest: Path) -> None:
    heard: list[set[str]] = []
    for group in (1, 2):
        clips = fold_clips(tiny_recipe(manifest, f"data.leave_out={{group: {group}, groups: 2}}"), 1, None)
        assert {clip.labels for clip in clips.test} == {(label,) for label in LABELS}
        heard.append({label for clip in (*clips.training, *clips.labelled, *clips.unlabelled) for label in clip.labels})
        assert {label for clip in clips.left_out for label in clip.labels} == set(LABELS) - heard[-1]
        assert len(clips.training) + len(clips.left_out) == 6
    assert not set(LABELS) - (heard[0] | heard[1])
    assert not heard[0] & heard[1]


def test_further_clips_are_labelled_with_their_supercategory(manifest: Path) -> None:
    write_label_budget(
        f"csv:{manifest}",
        load_source(f"csv:{manifest}"),
        BudgetRule(1, "perclass"),
        official_folds(load_source(f"csv:{manifest}").clips),
        draws=1,
    )
    settings = ("data.labels=1perclass", "consistency.pool=unlabelled")
    for percent, coarse in ((100, 3), (50, 0), (60, 3)):  # one clip of each class is outside the budget
        recipe = tiny_recipe(manifest, *settings, f"data.coarse={{percent: {percent}}}")
        clips = fold_clips(recipe, 1, None)
        assert (len(clips.labelled), len(clips.coarse)) == (3, coarse)
        assert not set(clips.labelled) & set(clips.coarse)
        assert set(clips.coarse) <= set(clips.unlabelled)  # what their labels leave open, consistency may teach
    taxonomy = recipe_taxonomy(recipe, None)
    fine, above = (make(recipe, taxonomy, clips.coarse).argmax(axis=1) for make in (clip_targets, coarse_targets))
    assert [taxonomy.at_depth(int(node), 1) for node in fine] == above.tolist()
    assert any(above != fine)


def test_an_inner_part_takes_the_place_of_the_test_fold(manifest: Path, tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    regrouped(manifest, lambda number: f"pair{number // 2}" if number < 4 else f"g{number}")  # pairs lie in both folds
    outer = fold_clips(tiny_recipe(manifest), 1, None)
    parts = [fold_clips(tiny_recipe(manifest, f"data.inner={{part: {part}, parts: 2}}"), 1, None) for part in (1, 2)]
    assert [clip for part in parts for clip in part.test]
    assert sorted(clip.clip_id for part in parts for clip in part.test) == [clip.clip_id for clip in outer.labelled]
    for part in parts:
        held_out = {clip.group for clip in (*part.test, *outer.test)}
        assert not held_out & {clip.group for clip in (*part.training, *part.labelled, *part.unlabelled)}
        everything = {clip.clip_id for clip in (*part.training, *part.test, *part.left_out)}
        assert everything == {clip.clip_id for clip in (*outer.training, *outer.test, *outer.left_out)}


def test_an_inner_part_of_a_recipe_that_holds_nothing_out(manifest: Path) -> None:
    clips = fold_clips(tiny_recipe(manifest, "data.folds=none", "data.inner={part: 3, parts: 4}"), None, None)
    assert (len(clips.test), len(clips.labelled)) == (3, 9)


def test_nothing_held_out(manifest: Path) -> None:
    recipe = tiny_recipe(manifest, "data.folds=none")
    assert recipe_folds(recipe, None) == ()
    clips = fold_clips(recipe, None, None)
    assert (len(clips.labelled), clips.test) == (12, ())


@pytest.mark.parametrize(
    ("overrides", "fold", "message"),
    [
        ((), 9, "recipe tiny has no fold 9: its folds are 1, 2"),
        ((), None, "recipe tiny has no fold None: its folds are 1, 2"),
        (("data.folds=none",), 1, "its folds are none: leave the fold out"),
        (("data.folds=none", "data.labels_percent=10"), None, "label budget 10percent needs folds"),
    ],
)
def test_an_unknown_fold_is_named(overrides: tuple[str, ...], fold: int | None, message: str, manifest: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        fold_clips(tiny_recipe(manifest, *overrides), fold, None)


def test_only_labels_of_the_budget_are_used(manifest: Path, tmp_path: Path) -> None:
    budget = read_label_budget("esc10", "10percent", 2, 1)
    write_esc50(tmp_path, (clip_id.removeprefix("esc50/") for clip_id in budget))
    recipe = tiny_recipe(manifest, *ESC10, "data.labels_percent=10", "data.label_draw=2")
    clips = fold_clips(recipe, 1, tmp_path)
    assert {clip.clip_id for clip in clips.labelled} == budget
    assert len(clips.unlabelled) == len(budget) + 10 * 4  # the other training clips teach without their labels
    assert not {clip.group for clip in clips.test} & {clip.group for clip in clips.unlabelled}


def test_consistency_may_leave_labelled_clips_alone(manifest: Path, tmp_path: Path) -> None:
    budget = read_label_budget("esc10", "10percent", 2, 1)
    write_esc50(tmp_path, (clip_id.removeprefix("esc50/") for clip_id in budget))
    recipe = tiny_recipe(manifest, *ESC10, "data.labels_percent=10", "data.label_draw=2", "consistency.pool=unlabelled")
    clips = fold_clips(recipe, 1, tmp_path)
    assert len(clips.unlabelled) == 10 * 4
    assert {*clips.labelled, *clips.unlabelled} == set(clips.training)
    assert not {*clips.labelled} & {*clips.unlabelled}


def test_without_consistency_no_clip_teaches_by_it(manifest: Path) -> None:
    clips = fold_clips(tiny_recipe(manifest, "consistency=null"), 1, None)
    assert (clips.unlabelled, clips.training) == ((), clips.labelled)


def test_a_budget_that_is_not_all_there_is_named(manifest: Path, tmp_path: Path) -> None:
    write_esc50(tmp_path)
    with pytest.raises(DataError, match=r"30 of the 30 clips of .* 10percent are no training clips of fold 1 in esc10"):
        fold_clips(tiny_recipe(manifest, *ESC10, "data.labels_percent=10"), 1, tmp_path)


def test_a_source_without_a_budget_is_named(manifest: Path) -> None:
    with pytest.raises(DataError, match=r"no label budget '10percent' .*make it with: aed data budget csv:"):
        fold_clips(tiny_recipe(manifest, "data.labels_percent=10"), 1, None)


def test_a_budget_by_number_is_made_beside_the_manifest_and_read_by_name(manifest: Path) -> None:
    source = f"csv:{manifest}"
    dataset = load_source(source)
    write_label_budget(source, dataset, BudgetRule(1, "perclass"), official_folds(dataset.clips), draws=2)
    drawn = [
        fold_clips(tiny_recipe(manifest, "data.labels=1perclass", f"data.label_draw={draw}"), 1, None).labelled
        for draw in (1, 2)
    ]
    assert [Counter(clip.labels[0] for clip in clips) for clips in drawn] == [dict.fromkeys(LABELS, 1)] * 2
    assert drawn[0] != drawn[1]
    with pytest.raises(ConfigError, match=r"data\.labels and data\.labels_percent exclude each other"):
        tiny_recipe(manifest, "data.labels=1perclass", "data.labels_percent=50")


def test_single_label_targets_are_one_leaf(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    taxonomy, clips = recipe_taxonomy(recipe, None), fold_clips(recipe, 1, None).labelled
    targets = clip_targets(recipe, taxonomy, clips)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    names = {clip.labels[0]: taxonomy.nodes[row.argmax()].name for clip, row in zip(clips, targets, strict=True)}
    assert names == {"dog_bark": "Bark", "siren": "Siren", "smoke_alarm": "Smoke detector, smoke alarm"}


def test_multi_label_targets_say_what_is_unknown(multi_label_manifest: Path) -> None:
    recipe = tiny_recipe(multi_label_manifest, *MULTI_LABEL)
    taxonomy, clips = recipe_taxonomy(recipe, None), fold_clips(recipe, 1, None).labelled
    targets = clip_targets(recipe, taxonomy, clips)
    assert set(np.unique(targets)) <= {-1.0, 0.0, 1.0}
    for clip, row in zip(clips, targets, strict=True):
        assert {name for name in (SIREN, GLASS, SHATTER) if row[taxonomy.index(name)] == 1} == set(clip.labels)


def test_every_fold_has_the_same_taxonomy_though_a_label_is_in_one_fold_only(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    write_clip(tmp_path / "bell.wav", "doorbell")
    manifest.write_text(manifest.read_text() + "bell.wav,doorbell,1\n")
    taxonomy = recipe_taxonomy(tiny_recipe(manifest), None)
    assert taxonomy.find("Ding-dong")


TREE = """
task: single
none_of_these: true
own: [Kitchen, Dishwasher is done]
tree:
  Kitchen: [Dishwasher is done, Bark]
  Siren:
"""
MAP = """
dataset: mine
task: single
exhaustive: labels
labels: {dog_bark: Bark, siren: Siren, smoke_alarm: Dishwasher is done}
"""


def test_a_tree_of_ones_own(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "tree.yaml").write_text(TREE)
    (tmp_path / "labels.yaml").write_text(MAP)
    settings = (f"taxonomy.tree={tmp_path / 'tree.yaml'}", f"data.label_map={tmp_path / 'labels.yaml'}")
    recipe = tiny_recipe(manifest, *settings)
    taxonomy = recipe_taxonomy(recipe, None)
    assert {"/".join(taxonomy.path_names(leaf)) for leaf in taxonomy.leaves} == {
        *("Kitchen/Dishwasher is done", "Kitchen/Bark", "Siren", "None of these")
    }
    clips = fold_clips(recipe, 1, None).labelled
    answers = clip_targets(recipe, taxonomy, clips).argmax(axis=1)
    named = {clip.labels[0]: taxonomy.nodes[node].name for clip, node in zip(clips, answers, strict=True)}
    assert named == {"dog_bark": "Bark", "siren": "Siren", "smoke_alarm": "Dishwasher is done"}
    with pytest.raises(ConfigError, match=r"is a tree for the task 'single', but taxonomy\.task is 'multi'"):
        recipe_taxonomy(tiny_recipe(manifest, *MULTI_LABEL[1:], *settings), None)
    with pytest.raises(OntologyError, match="Dishwasher is done"):
        recipe_taxonomy(tiny_recipe(manifest, settings[1]), None)  # its concept without its tree


def test_without_a_label_map_labels_are_names_of_concepts(tmp_path: Path) -> None:
    for number, name in enumerate(["Bark", "Smoke_detector,_smoke_alarm", "siren"] * 2):
        write_clip(tmp_path / name / f"{number}.wav", "siren", number)
    recipe = tiny_recipe(write_corpus(tmp_path / "other"), f"data.source='folder:{tmp_path}'")
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"label_map": None, "folds": "none"})})
    shutil.rmtree(tmp_path / "other")
    taxonomy = recipe_taxonomy(recipe, None)
    assert {taxonomy.nodes[leaf].name for leaf in taxonomy.leaves} == {
        *("Bark", "Smoke detector, smoke alarm", "Siren", "None of these")
    }
    clips = fold_clips(recipe, None, None).labelled
    assert len({int(node) for node in clip_targets(recipe, taxonomy, clips).argmax(axis=1)}) == 3
    write_clip(tmp_path / "Dog_barck" / "1.wav")
    with pytest.raises(OntologyError, match="Dog_barck"):
        recipe_taxonomy(recipe, None)


def test_a_known_data_set_has_its_own_label_map(manifest: Path, tmp_path: Path) -> None:
    write_esc50(tmp_path)
    recipe = tiny_recipe(manifest, "data.source=esc10", "data.label_map=null")
    assert len(recipe_taxonomy(recipe, tmp_path).leaves) == 10 + 1


def test_several_sources_teach_what_each_is_sure_of(manifest: Path, tmp_path: Path) -> None:
    write_esc50(tmp_path)
    write_glass_break(tmp_path)
    settings = ("data.source=esc21", "data.label_map=null", "data.labelled_sources=[glass_break]")
    recipe = tiny_recipe(manifest, *settings, "data.folds={groups: 2}", *MULTI_LABEL[1:])
    taxonomy, clips = recipe_taxonomy(recipe, tmp_path), fold_clips(recipe, 1, tmp_path)
    for part in (clips.labelled, clips.test):
        assert {clip.dataset for clip in part} == {"esc50", "glass_break"}
    targets = clip_targets(recipe, taxonomy, clips.labelled)
    of_label = {clip.labels[0]: row for clip, row in zip(clips.labelled, targets, strict=True)}
    shatter, dog = taxonomy.find("Shatter"), taxonomy.find("Dog")
    assert (of_label["glass_break"][shatter], of_label["background"][shatter]) == (1, 0)
    assert (of_label["dog"][dog], of_label["cat"][dog]) == (1, 0)
    assert of_label["glass_break"][dog] == of_label["background"][dog] == -1  # glass_break says nothing of dogs
    animal = taxonomy.find("Animal")
    assert (of_label["dog"][animal], of_label["rain"][animal]) == (1, -1)  # some animal that ESC-50 does not know
    weaker = tiny_recipe(manifest, *settings, "data.folds={groups: 2}", "data.unlisted=absent", *MULTI_LABEL[1:])
    targets = clip_targets(weaker, taxonomy, clips.labelled)
    of_label = {clip.labels[0]: row for clip, row in zip(clips.labelled, targets, strict=True)}
    assert (of_label["dog"][animal], of_label["rain"][animal]) == (1, 0)


def test_other_sources_teach_what_their_labels_say_of_the_tree(manifest: Path, tmp_path: Path) -> None:
    write_audioset(tmp_path)
    beside = ("data.teaching_sources=[audioset]", "data.teaching_share=0.25")
    alone, recipe = tiny_recipe(manifest), tiny_recipe(manifest, *beside)
    taxonomy = recipe_taxonomy(recipe, tmp_path)
    assert taxonomy.digest == recipe_taxonomy(alone, None).digest, "they add nothing to the tree"
    clips, without = fold_clips(recipe, 1, tmp_path), fold_clips(alone, 1, None)
    assert (clips.labelled, clips.test, clips.unlabelled) == (without.labelled, without.test, without.unlabelled)
    targets = clip_targets(recipe, taxonomy, clips.teaching).argmax(axis=1)
    names = {clip.labels: taxonomy.nodes[node].name for clip, node in zip(clips.teaching, targets, strict=True)}
    assert {"+".join(labels): name for labels, name in names.items()} == {
        SIREN: "Siren",
        f"{SIREN}+{GLASS}": "Siren",
        GLASS: "None of these",
        f"{GLASS}+{SHATTER}": "None of these",
    }
    assert fold_clips(recipe, 2, tmp_path).teaching == clips.teaching, "they are never held out"
    without_siren = tiny_recipe(manifest, *beside, "data.leave_out={group: 2, groups: 2}")
    assert "siren" in left_out_labels(without_siren, load_clips(without_siren, tmp_path).own), "the case that is meant"
    heard = fold_clips(without_siren, 1, tmp_path).teaching
    assert heard
    assert not [clip for clip in heard if SIREN in clip.labels]


def test_other_sources_teach_nothing_of_held_out_content(manifest: Path, tmp_path: Path) -> None:
    write_audioset(tmp_path)
    copy = write_corpus(tmp_path / "own")
    regrouped(copy, lambda number: "audioset:video000000" if number == 1 else f"g{number}")
    recipe = tiny_recipe(copy, "data.teaching_sources=[audioset]", "data.teaching_share=0.25")
    groups = [{clip.group for clip in fold_clips(recipe, fold, tmp_path).teaching} for fold in (1, 2)]
    assert [len(of_fold) for of_fold in groups] == [10, 9]
    assert "audioset:video000000" in groups[0] - groups[1]


def test_sounds_made_by_formula_teach_in_every_fold_and_are_never_held_out(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path))
    made = {clip.clip_id for clip in load_source("made").clips}
    settings = ("data.labelled_sources=[made]", "data.folds={groups: 2}", *MULTI_LABEL[1:])
    recipe = tiny_recipe(manifest, *settings)
    assert recipe_folds(recipe, tmp_path) == (1, 2)
    for inner in ((), ("data.inner={part: 1, parts: 2}",)):
        clips = fold_clips(tiny_recipe(manifest, *settings, *inner), 1, tmp_path)
        assert clips.test
        assert made <= {clip.clip_id for clip in clips.labelled}
        assert not made & {clip.clip_id for clip in (*clips.test, *clips.left_out)}


def test_a_data_set_is_named_once(manifest: Path, tmp_path: Path) -> None:
    write_esc50(tmp_path)
    recipe = tiny_recipe(manifest, "data.source=esc10", "data.label_map=null", "data.labelled_sources=[esc21]")
    with pytest.raises(DataError, match="esc21: holds clips of esc50, and so does another labelled source"):
        fold_clips(recipe, 1, tmp_path)


def test_an_unknown_label_is_named_with_its_clip_and_the_nearest(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    manifest.write_text(manifest.read_text().replace("3.wav,dog_bark", "3.wav,dog_brak"))
    with pytest.raises(
        DataError,
        match=r"csv:.*: clip 'clips/3' has the label 'dog_brak', .* 'demo' .*: did you mean 'dog_bark'",
    ):
        recipe_taxonomy(tiny_recipe(manifest), None)


def test_a_clip_without_a_label_teaches_by_consistency_alone_and_is_not_tested_on(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path)
    manifest.write_text(manifest.read_text().replace("3.wav,dog_bark", "3.wav,").replace("2.wav,dog_bark", "2.wav,"))
    for overrides in ((), ("consistency.pool=unlabelled",)):
        clips = fold_clips(tiny_recipe(manifest, *overrides), 1, None)
        names = [{clip.clip_id for clip in part} for part in (clips.labelled, clips.unlabelled, clips.test)]
        assert [len(part) for part in names] == [5, 1 if overrides else 6, 5]
        assert ["clips/3" in part for part in names] == [False, True, False]
        assert [clip.clip_id for clip in clips.left_out] == ["clips/2"]


def test_a_clip_whose_label_means_nothing_here_is_named(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    (clip, *_) = fold_clips(recipe, 1, None).labelled
    taxonomy = recipe_taxonomy(recipe, None)
    with pytest.raises(DataError, match=rf"{clip.clip_id}: its labels .* leave the clip out"):
        clip_targets(recipe, taxonomy, (replace(clip, labels=()),))
