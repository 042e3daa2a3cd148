"""What the labels of a recipe's clips mean: the label map of each source, the tree, and a target for each clip."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aed.data.leave_out import leave_out_groups
from aed.data.made_sounds import MADE_INFO
from aed.data.records import Clip
from aed.data.registry import DATASETS
from aed.data.source import known_info, load_source
from aed.data.strong_folder import NO_EVENT, is_strong, label_map_file, strong_path
from aed.errors import ConfigError, DataError
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.labels import (
    ABSENT,
    UNKNOWN,
    LabelMap,
    LabelTarget,
    clip_target_node,
    label_map_from_names,
    load_label_map,
    node_targets,
)
from aed.ontology.taxonomy import Taxonomy, build_taxonomy, extend_ontology
from aed.ontology.user_tree import load_tree
from aed.train.recipe import Recipe

LabelMaps = dict[str, LabelMap]
"""Name of a data set, as its clips bear it -> what its labels mean."""


def source_clips(recipe: Recipe, root: Path | None) -> tuple[Clip, ...]:
    """Load the clips of all sources whose labels are read: those that teach by them and those that are tested on.

    Raises:
        DataError: A source is missing or empty, or two of them have clips of one data set.
    """
    found: list[Clip] = []
    for source in recipe.data.every_judged_source:
        clips = load_source(source, root).clips
        if not clips:
            raise DataError(f"{source}: holds no clip; add clips to it, or name another source as data.source")
        if shared := {clip.dataset for clip in found} & {clip.dataset for clip in clips}:
            raise DataError(
                f"{source}: holds clips of {', '.join(sorted(shared))}, and so does another labelled source: name each "
                "data set once"
            )
        found += clips
    return tuple(found)


def recipe_label_maps(recipe: Recipe, clips: tuple[Clip, ...]) -> LabelMaps:
    """The recipe's label maps, restricted to labels that occur, in the order of the sources.

    Raises:
        DataError: A clip has a label that its map does not hold.
    """
    used: dict[str, set[str]] = {}
    maps: LabelMaps = {}
    for clip in clips:
        if clip.dataset not in maps:
            maps[clip.dataset] = whole_label_map(recipe, clip.dataset)
        label_map = maps[clip.dataset]
        used.setdefault(clip.dataset, set()).update(clip.labels)
        for label in clip.labels:
            if label not in label_map.labels:
                near = get_close_matches(label, label_map.labels, n=1)
                hint = f": did you mean {near[0]!r}?" if near else ""
                raise DataError(
                    f"{', '.join(recipe.data.every_judged_source)}: clip '{clip.clip_id}' has the label '{label}', "
                    f"which the label map '{label_map.dataset}' does not hold{hint}; correct the label, or name "
                    "another map as data.label_map"
                )
    return {dataset: label_map.restricted(used[dataset]) for dataset, label_map in maps.items()}


def whole_label_map(recipe: Recipe, dataset: str) -> LabelMap:
    """What the labels of a data set's clips mean, those that do not occur too."""
    label_map = _stated_label_map(recipe, dataset)
    return replace(label_map, unlisted=recipe.data.unlisted) if recipe.data.unlisted else label_map


def _stated_label_map(recipe: Recipe, dataset: str) -> LabelMap:
    data, ontology = recipe.data, recipe_ontology(recipe)
    for source in filter(is_strong, data.every_labelled_source):
        if known_info(source).dataset == dataset:
            return _strong_label_map(recipe, source, ontology)
    for source in (*(data.labelled_sources or ()), *(data.test_sources or ()), *(data.teaching_sources or ())):
        info = known_info(source)
        if info.dataset == dataset:
            assert info.label_map is not None, "every known data set has a label map"
            return load_label_map(info.label_map, ontology)
    is_known = data.source in DATASETS or data.source == MADE_INFO.name
    name = data.label_map or (known_info(data.source).label_map if is_known else None)
    if name is not None:
        return load_label_map(name, ontology)
    # a source that is no known data set lies outside the data root
    names = sorted({label for clip in load_source(data.source, None).clips for label in clip.labels})
    return label_map_from_names(data.source, names, task=recipe.taxonomy.task, ontology=ontology)


def _strong_label_map(recipe: Recipe, source: str, ontology: Ontology) -> LabelMap:
    """What the labels of strongly labelled recordings mean.

    Whoever wrote down onsets and offsets wrote down all of them: a label that occurs in the table is absent elsewhere.
    """
    file = label_map_file(strong_path(source))
    name = recipe.data.label_map if source == recipe.data.source and recipe.data.label_map else file
    used = [label for label in load_source(source).labels if label != NO_EVENT]
    if name is not None:
        found = load_label_map(name, ontology)
    else:
        found = label_map_from_names(source, used, task="multi", ontology=ontology)
    labels = {**found.labels, NO_EVENT: LabelTarget(None, none=True)}
    written = (labels[label].concept for label in used if label in labels)
    exhaustive = found.exhaustive | {concept for concept in written if concept is not None}
    return replace(found, labels=labels, exhaustive=exhaustive)


def recipe_ontology(recipe: Recipe) -> Ontology:
    """The ontology, with the concepts and edges of the recipe's own tree if it has one."""
    tree = _own_tree(recipe)
    return extend_ontology(load_ontology(), tree) if tree else load_ontology()


def _own_tree(recipe: Recipe) -> Taxonomy | None:
    if recipe.taxonomy.tree is None:
        return None
    tree = load_tree(recipe.taxonomy.tree)
    if tree.task != recipe.taxonomy.task:
        raise ConfigError(
            f"{recipe.taxonomy.tree} is a tree for the task '{tree.task}', but taxonomy.task is "
            f"'{recipe.taxonomy.task}': change one of them"
        )
    return tree


def recipe_taxonomy(recipe: Recipe, root: Path | None) -> Taxonomy:
    """The recipe's own tree, or that over the labels that occur in its sources; the same for all its folds.

    Raises:
        ConfigError: The recipe's own tree is for the other task.
        DataError: A label is unknown.
        OntologyError: The tree's file is wrong.
    """
    return _taxonomy(recipe, recipe_label_maps(recipe, source_clips(recipe, root)))


def _taxonomy(recipe: Recipe, label_maps: LabelMaps) -> Taxonomy:
    concepts = [concept for label_map in label_maps.values() for concept in label_map.concept_ids]
    return _own_tree(recipe) or build_taxonomy(
        load_ontology(), concepts, task=recipe.taxonomy.task, none_of_these=recipe.taxonomy.none_of_these
    )


def clip_targets(recipe: Recipe, taxonomy: Taxonomy, clips: tuple[Clip, ...]) -> NDArray[np.float32]:
    """Targets of labelled clips.

    Args:
        recipe: Says what labels mean.
        taxonomy: Its tree.
        clips: With labels.

    Returns:
        (clip, node) float32: one-hot at the label's node (single), or 1 present, 0 absent, -1 unknown (multi label).

    Raises:
        DataError: A clip's labels are unmapped, so that nothing can be learned from it.
    """
    ontology = recipe_ontology(recipe)
    maps = {dataset: whole_label_map(recipe, dataset) for dataset in {clip.dataset for clip in clips}}
    if recipe.taxonomy.task == "multi":
        rows = [node_targets(taxonomy, ontology, maps[clip.dataset], clip.labels) for clip in clips]
        return np.stack(rows).astype(np.float32)
    targets = np.zeros((len(clips), taxonomy.num_nodes), dtype=np.float32)
    for row, clip in enumerate(clips):
        node = clip_target_node(taxonomy, maps[clip.dataset], clip.labels, ontology)
        if node is None:
            raise DataError(f"{clip.clip_id}: its labels {clip.labels} are no node of the taxonomy; leave the clip out")
        targets[row, node] = 1
    return targets


def silence_untold(targets: NDArray[np.float32], told: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make a node that nothing in training tells of absent everywhere: else it would be answered at random.

    A miniature: of the nodes root, dog, music, where a clip is a dog and says nothing of music, (1, 1, -1) becomes
    (1, 1, 0).

    Args:
        targets: (clip, node), 1 present, 0 absent, -1 unknown.
        told: (other clip, node), of everything that teaches.

    Returns:
        (clip, node).
    """
    untold = (told == UNKNOWN).all(axis=0)
    return np.where(untold, np.float32(ABSENT), targets)


def coarse_targets(recipe: Recipe, taxonomy: Taxonomy, clips: tuple[Clip, ...]) -> NDArray[np.float32]:
    """Targets of clips that are labelled with their supercategory only: (clip, node) float32, one-hot."""
    assert recipe.data.coarse is not None, "only a recipe with coarse labels has such clips"
    nodes = clip_targets(recipe, taxonomy, clips).argmax(axis=1)
    above = [taxonomy.at_depth(int(node), recipe.data.coarse.depth) for node in nodes]
    return np.eye(taxonomy.num_nodes, dtype=np.float32)[above]


def left_out_leaves(recipe: Recipe, clips: tuple[Clip, ...]) -> frozenset[int]:
    """Leaves of the recipe's tree that training is not to hear.

    Args:
        recipe: Says which.
        clips: Of its sources that make the tree.
    """
    if (leave_out := recipe.data.leave_out) is None:
        return frozenset()
    groups = leave_out_groups(_taxonomy(recipe, recipe_label_maps(recipe, clips)), leave_out.groups)
    return frozenset(np.flatnonzero(groups == leave_out.group).tolist())


def left_out_labels(recipe: Recipe, clips: tuple[Clip, ...]) -> frozenset[str]:
    """Labels of the leaves that training is not to hear."""
    if not (leaves := left_out_leaves(recipe, clips)):
        return frozenset()
    label_maps, ontology = recipe_label_maps(recipe, clips), recipe_ontology(recipe)
    taxonomy = _taxonomy(recipe, label_maps)
    return frozenset(
        label
        for label_map in label_maps.values()
        for label in label_map.labels
        if clip_target_node(taxonomy, label_map, (label,), ontology) in leaves
    )


def clips_that_say_something(recipe: Recipe, clips: tuple[Clip, ...], tree_clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Those of the clips whose labels name a node of the recipe's tree, one that training may hear.

    Args:
        recipe: Says what labels mean.
        clips: Of its teaching sources.
        tree_clips: Of its sources that make the tree.
    """
    taxonomy, ontology = _taxonomy(recipe, recipe_label_maps(recipe, tree_clips)), recipe_ontology(recipe)
    maps = {dataset: whole_label_map(recipe, dataset) for dataset in {clip.dataset for clip in clips}}
    silenced = left_out_leaves(recipe, tree_clips)
    nodes = [clip_target_node(taxonomy, maps[clip.dataset], clip.labels, ontology) for clip in clips]
    return tuple(clip for clip, node in zip(clips, nodes, strict=True) if node is not None and node not in silenced)
