"""Which clips a recipe trains and tests on: those of a fold, labelled, coarsely labelled, unlabelled and held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from aed.data.check import missing_note
from aed.data.label_budget import read_label_budget
from aed.data.made_sounds import MADE_INFO
from aed.data.records import Clip, DatasetInfo
from aed.data.registry import dataset_spec
from aed.data.source import known_info, load_source
from aed.data.splits import Fold, group_folds, official_folds, official_or_group_folds, seeded_order
from aed.errors import ConfigError, DataError
from aed.train.labels import clips_that_say_something, left_out_labels, source_clips
from aed.train.recipe import Recipe


@dataclass(frozen=True)
class FoldClips:
    """Clips of one fold of a recipe.

    Attributes:
        fold: Number of the held-out fold; None where nothing is held out.
        training: All clips that teach in any way: training clips and those of the further sources.
        labelled: Training clips whose labels may be used.
        coarse: Training clips of whose label only the supercategory may be used.
        teaching: Clips of the teaching sources: they teach by their labels, in every fold, and no budget counts them.
        unlabelled: Clips that teach by consistency, where the recipe has it: see `ConsistencyConfig.pool`.
        test: Held-out clips: the test fold, or the inner part that the recipe holds out instead.
        left_out: Clips that neither teach nor are tested on: those that share a content group with the held-out ones,
            held-out ones without a label, and those of leaves that training is not to hear.
        further: Those of `unlabelled` that are of the further sources: most may be none of the classes.
    """

    fold: int | None
    training: tuple[Clip, ...]
    labelled: tuple[Clip, ...]
    coarse: tuple[Clip, ...]
    unlabelled: tuple[Clip, ...]
    test: tuple[Clip, ...]
    left_out: tuple[Clip, ...]
    teaching: tuple[Clip, ...] = ()
    further: tuple[Clip, ...] = ()


def recipe_folds(recipe: Recipe, root: Path | None) -> tuple[int, ...]:
    """Numbers of the recipe's folds, empty where nothing is held out."""
    never, clips = never_teaching(recipe), source_clips(recipe, root)
    recorded = tuple(clip for clip in _others(clips, _made(clips)) if clip.dataset not in never)
    return tuple(fold.number for fold in _folds(recipe, recorded))


@dataclass(frozen=True)
class SourceClips:
    """All clips of a recipe's sources.

    Attributes:
        own: Those of the labelled sources, and of those that are only tested on.
        further: Those of the further, unlabelled sources.
        teaching: Those of the teaching sources.
    """

    own: tuple[Clip, ...]
    further: tuple[Clip, ...]
    teaching: tuple[Clip, ...] = ()


def load_clips(recipe: Recipe, root: Path | None) -> SourceClips:
    """Load the sources, once for many calls of `fold_clips`.

    Raises:
        DataError: A source is missing or empty.
    """
    further, teaching = (
        tuple(clip for source in sources for clip in load_source(source, root).clips)
        for sources in (recipe.data.unlabelled_sources, recipe.data.teaching_sources or ())
    )
    return SourceClips(source_clips(recipe, root), further, teaching)


def source_infos(recipe: Recipe, root: Path | None) -> tuple[DatasetInfo, ...]:
    """Cards of the recipe's sources."""
    return tuple(load_source(source, root).info for source in _every_source(recipe))


def missing_notes(recipe: Recipe, root: Path | None) -> list[str]:
    """Say what of the recipe's sources is not here: training goes on with what is."""
    return [note for source in _every_source(recipe) if (note := missing_note(load_source(source, root)))]


def _every_source(recipe: Recipe) -> tuple[str, ...]:
    data = recipe.data
    return (*data.every_labelled_source, *(data.teaching_sources or ()), *data.unlabelled_sources)


def fold_clips(recipe: Recipe, fold: int | None, root: Path | None, loaded: SourceClips | None = None) -> FoldClips:
    """Choose the clips of a fold.

    Args:
        recipe: Sources, folds, label budget.
        fold: Held-out fold; None only for a recipe that holds nothing out.
        root: Data root; None where the recipe's sources need none.
        loaded: What `load_clips` returned for these sources; loaded here by default.

    Raises:
        ConfigError: The recipe has no such fold.
        DataError: A source or a budget is missing.
    """
    clips = loaded or load_clips(recipe, root)
    train, held_out = _cut(recipe, fold, clips.own)
    test = _with_labels(held_out)
    labelled = _with_labels(train)
    if fold is not None and (name := recipe.data.label_budget):
        budget = read_label_budget(recipe.data.source, name, recipe.data.label_draw, fold, cut=_cut_options(recipe))
        labelled = tuple(clip for clip in labelled if clip.clip_id in budget)
        if missing := len(budget) - len(labelled):
            raise DataError(
                f"{missing} of the {len(budget)} clips of the label budget {name} are no training clips of fold {fold} "
                f"in {recipe.data.source}: complete the data set, or make the budget for these folds"
            )
    unheard = left_out_labels(recipe, clips.own)
    silenced = tuple(clip for clip in train if unheard & set(clip.labels))
    train, labelled = _others(train, silenced), _others(labelled, silenced)
    coarse = _coarse_clips(recipe, fold, _others(_with_labels(train), labelled))
    found = _without_groups_of(test, recipe, fold, (*train, *clips.further), labelled, coarse)
    found = replace(found, left_out=(*found.left_out, *silenced, *_others(held_out, test)))
    found = _with_other_sources(found, recipe, clips)
    if (inner := recipe.data.inner) is None:
        return found
    recorded = _others(found.labelled, _made(found.labelled))
    part = group_folds(recorded, inner.parts, inner.seed)[inner.part - 1].test
    inside = _without_groups_of(part, recipe, fold, found.training, found.labelled, found.coarse)
    inside = replace(inside, left_out=(*found.left_out, *found.test, *inside.left_out))
    return _with_other_sources(inside, recipe, replace(clips, teaching=found.teaching))


def test_clips(recipe: Recipe, fold: int | None, root: Path | None) -> tuple[Clip, ...]:
    """Held-out clips of a fold, never trained on."""
    return fold_clips(recipe, fold, root).test


def _made(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Sounds made by formula and mixed scenes, which are never held out: they say nothing new about the world."""
    return tuple(clip for clip in clips if clip.dataset == MADE_INFO.dataset or clip.mixed_of)


def _with_labels(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Nobody said what the others hold: they may teach by consistency, and cannot be tested on."""
    return tuple(clip for clip in clips if clip.labels)


def _others(clips: tuple[Clip, ...], without: tuple[Clip, ...]) -> tuple[Clip, ...]:
    left = set(without)
    return tuple(clip for clip in clips if clip not in left)


def _coarse_clips(recipe: Recipe, fold: int | None, candidates: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Pick, by class, the clips that get the label of their supercategory; the same ones for every method and seed."""
    if (coarse := recipe.data.coarse) is None:
        return ()
    by_class: dict[tuple[str, ...], list[Clip]] = {}
    for clip in sorted(candidates, key=lambda clip: seeded_order(recipe.data.label_draw, fold, clip.clip_id)):
        by_class.setdefault(clip.labels, []).append(clip)
    picked = {clip for clips in by_class.values() for clip in clips[: round(len(clips) * coarse.percent / 100)]}
    return tuple(clip for clip in candidates if clip in picked)


def _without_groups_of(
    test: tuple[Clip, ...],
    recipe: Recipe,
    fold: int | None,
    training: tuple[Clip, ...],
    labelled: tuple[Clip, ...],
    coarse: tuple[Clip, ...],
) -> FoldClips:
    """Cut these training clips so that none shares a content group with those that are tested on."""
    held_out, tested = {clip.group for clip in test}, set(test)

    def is_apart(clip: Clip) -> bool:
        return held_out.isdisjoint((clip.group, *clip.mixed_of))

    kept, kept_labelled = tuple(filter(is_apart, training)), tuple(filter(is_apart, labelled))
    return FoldClips(
        fold,
        training=kept,
        labelled=kept_labelled,
        coarse=tuple(filter(is_apart, coarse)),
        unlabelled=_consistency_clips(recipe, kept, kept_labelled),
        test=test,
        left_out=tuple(clip for clip in training if not is_apart(clip) and clip not in tested),
    )


def _with_other_sources(found: FoldClips, recipe: Recipe, clips: SourceClips) -> FoldClips:
    """Add the clips of the teaching sources that say something and share no content group with a held-out clip.

    And tell which clips are of the further sources.
    """
    if clips.further:
        further = set(clips.further)
        found = replace(found, further=tuple(clip for clip in found.unlabelled if clip in further))
    if not clips.teaching:
        return found
    held_out = {clip.group for clip in found.test}
    apart = tuple(clip for clip in clips.teaching if clip.group not in held_out)
    return replace(found, teaching=clips_that_say_something(recipe, apart, clips.own))


def _consistency_clips(recipe: Recipe, training: tuple[Clip, ...], labelled: tuple[Clip, ...]) -> tuple[Clip, ...]:
    if recipe.consistency is None:
        return ()
    if recipe.consistency.pool == "all":
        return training
    with_label = {clip.clip_id for clip in labelled}
    return tuple(clip for clip in training if clip.clip_id not in with_label)


def _folds(recipe: Recipe, clips: tuple[Clip, ...]) -> tuple[Fold, ...]:
    if recipe.data.folds == "none":
        return ()
    if not clips:
        raise ConfigError(
            f"recipe {recipe.name}: none of its clips can be held out (mixed scenes and sounds made by formula only "
            "teach): set data.folds to none, or add a source of recordings"
        )
    if recipe.data.folds == "official":
        return official_folds(clips)
    cut = official_or_group_folds if recipe.data.folds.official else group_folds
    return cut(clips, recipe.data.folds.groups, recipe.data.folds.seed)


def _cut(recipe: Recipe, fold: int | None, clips: tuple[Clip, ...]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    never = never_teaching(recipe)
    always_held_out, made = tuple(clip for clip in clips if clip.dataset in never), _made(clips)
    folds = _folds(recipe, _others(clips, (*always_held_out, *made)))
    if fold is None and not folds:
        if recipe.data.label_budget:
            raise ConfigError(
                f"the label budget {recipe.data.label_budget} needs folds (data.folds): budgets are made per fold"
            )
        return _others(clips, always_held_out), always_held_out
    for candidate in folds:
        if candidate.number == fold:
            return (*candidate.train, *made), (*candidate.test, *always_held_out)
    known = ", ".join(str(candidate.number) for candidate in folds) or "none: leave the fold out"
    raise ConfigError(f"recipe {recipe.name} has no fold {fold}: its folds are {known}")


def never_teaching(recipe: Recipe) -> frozenset[str]:
    """Return the names, as clips bear them, of the data sets that are only tested on."""
    return frozenset(dataset_spec(source).info.dataset for source in recipe.data.test_sources or ())


def strongly_labelled(recipe: Recipe, clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Those of the clips whose labels say when."""
    names = {known_info(source).dataset for source in recipe.data.strong_sources}
    return tuple(clip for clip in clips if clip.dataset in names)


def _cut_options(recipe: Recipe) -> str:
    """How `aed data budget` is told of the recipe's folds."""
    folds = recipe.data.folds
    return "" if isinstance(folds, str) else f"--group-folds {folds.groups} --group-seed {folds.seed}"
