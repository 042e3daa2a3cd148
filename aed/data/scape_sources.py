"""The clips that scenes are made of: what each is in the ontology, which fold it belongs to, what it must not hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from aed.data.records import Clip, LoadedDataset
from aed.data.registry import DATASETS
from aed.data.scape_config import INNER_PARTS, Part, ScapeConfig
from aed.data.source import load_source
from aed.data.splits import group_folds
from aed.errors import DataError, OntologyError
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.label_map import LabelMap, LabelTarget, label_map_from_names, load_label_map

LABELS_SIGN = "@"
"""Between a source and the labels that are wanted of it: `esc50@dog,cat`."""


@dataclass(frozen=True)
class ScapeClip:
    """A clip and what it is.

    Attributes:
        clip: The clip.
        concept: Id of its concept; None for a background that is only known for what it is not.
        name: Name of the concept: the event's label in the truth.
    """

    clip: Clip
    concept: str | None
    name: str | None


@dataclass(frozen=True)
class ScapeClips:
    """The clips of all parts.

    Attributes:
        events: Clips of events.
        backgrounds: Clips of backgrounds; none where they are made by formula.
        fold_of_group: Fold of each content group, from 1.
        left_out: Clips of several labels or without a concept, which cannot be an event; by source.
        unchecked: Background clip id -> names of the event concepts that it is not known to be free of.
    """

    events: tuple[ScapeClip, ...]
    backgrounds: tuple[ScapeClip, ...]
    fold_of_group: dict[str, int]
    left_out: dict[str, int]
    unchecked: dict[str, tuple[str, ...]]

    def unchecked_in(self, source: ScapeClip | None) -> tuple[str, ...]:
        """Names of the event concepts that a background is not known to be free of; none for noise by formula."""
        return () if source is None else self.unchecked.get(source.clip.clip_id, ())

    def of_part(self, part: Part, fold: int) -> ScapeClips:
        """Return the clips of one side of a fold; a test part holds one recording of each content group."""
        kept = {group for group, number in self.fold_of_group.items() if (number == fold) == (part == "test")}
        events = tuple(each for each in self.events if each.clip.group in kept)
        backgrounds = tuple(each for each in self.backgrounds if each.clip.group in kept)
        if part == "test":
            chosen = _one_recording_a_group((*events, *backgrounds))
            events = tuple(each for each in events if _recording(each.clip) in chosen)
            backgrounds = tuple(each for each in backgrounds if _recording(each.clip) in chosen)
        return replace(self, events=events, backgrounds=backgrounds)


def load_scape_clips(config: ScapeConfig, root: Path | None = None, folds: dict[str, int] | None = None) -> ScapeClips:
    """Load the clips of all sources and deal their content groups to folds.

    Args:
        config: Settings.
        root: The data root; from the environment by default.
        folds: Fold of each content group, where that is decided already; those that it lacks are in no part.

    Raises:
        DataError: A source or one of its labels is unknown, a background holds or may hold what is an event, a content
            group stands in two official folds, or there are fewer groups than folds.
        OntologyError: A label means nothing that is known.
    """
    ontology, all_clips, left_out = load_ontology(), {}, {}
    events, backgrounds, unchecked = [], [], {}
    for spec in config.sources:
        loaded, wanted, label_map = _load(spec, config, ontology, root)
        all_clips.update({clip.clip_id: clip for clip in loaded.clips})
        found = [_event(clip, wanted, label_map, ontology) for clip in loaded.clips if set(clip.labels) & wanted]
        events += [each for each in found if each is not None]
        left_out[spec] = found.count(None)
    concepts = {each.concept for each in events if each.concept is not None}
    for spec in config.backgrounds:
        loaded, wanted, label_map = _load(spec, config, ontology, root)
        all_clips.update({clip.clip_id: clip for clip in loaded.clips})
        for clip in (clip for clip in loaded.clips if set(clip.labels) & wanted):
            _refuse_event(clip, concepts, label_map, ontology)
            backgrounds.append(_background(clip, label_map, ontology))
            unchecked[clip.clip_id] = _unchecked(backgrounds[-1], concepts, label_map, ontology)
    _check_roles(events, backgrounds)
    if folds is None:
        folds = fold_of_groups(all_clips.values(), config)
        folds = _inner_folds(all_clips.values(), folds, config) if config.inner is not None else folds
    return ScapeClips(_unique(events), _unique(backgrounds), folds, left_out, unchecked)


def fold_of_groups(clips: Iterable[Clip], config: ScapeConfig) -> dict[str, int]:
    """Deal content groups to folds: all clips of the sources take part, whichever labels are wanted of them.

    Of one source, the folds are those of a recipe with `data.folds: {groups: FOLDS, seed: SEED}`.

    Raises:
        DataError: A group stands in two official folds, or there are fewer groups than folds.
    """
    clips = tuple(clips)
    official: dict[str, int] = {}
    for clip in clips if config.official_folds else ():
        if clip.fold is not None and official.setdefault(clip.group, clip.fold) != clip.fold:
            raise DataError(
                f"content group '{clip.group}' stands in the official folds {official[clip.group]} and {clip.fold}: "
                "leave --official-folds out, so that folds are dealt by content group"
            )
    if wrong := {fold for fold in official.values() if fold > config.folds}:
        raise DataError(f"official fold {min(wrong)}: expected 1 to {config.folds}; set --folds to the number of folds")
    rest = [clip for clip in clips if clip.group not in official]
    if not rest:
        return official
    dealt = {clip.group: fold.number for fold in group_folds(rest, config.folds, config.seed) for clip in fold.test}
    return {**dealt, **official}


def _inner_folds(clips: Iterable[Clip], fold_of_group: dict[str, int], config: ScapeConfig) -> dict[str, int]:
    """Fold of each content group of the training side: the tested fold's number for the inner part, 0 for the rest."""
    assert config.inner is not None
    training = [clip for clip in clips if clip.labels and fold_of_group[clip.group] != config.fold]
    inner = {clip.group for clip in group_folds(training, INNER_PARTS, seed=0)[config.inner - 1].test}
    return {clip.group: config.fold if clip.group in inner else 0 for clip in training}


def _load(
    spec: str, config: ScapeConfig, ontology: Ontology, root: Path | None
) -> tuple[LoadedDataset, frozenset[str], LabelMap]:
    """Load a source: its clips, the labels that are wanted, and what its labels mean."""
    source, _, names = spec.rpartition(LABELS_SIGN) if LABELS_SIGN in spec else (spec, "", "")
    loaded = load_source(source, root)
    wanted = frozenset(filter(None, (name.strip() for name in names.split(",")))) or frozenset(loaded.labels)
    for name in sorted(wanted - set(loaded.labels)):
        near = get_close_matches(name, loaded.labels, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise DataError(f"{source} has no clip with the label '{name}': {hint}Its labels: {', '.join(loaded.labels)}")
    return loaded, wanted, _label_map(source, loaded, config, ontology)


def _label_map(source: str, loaded: LoadedDataset, config: ScapeConfig, ontology: Ontology) -> LabelMap:
    known = DATASETS[source].info.label_map if source in DATASETS else config.label_map
    if known is not None:
        return load_label_map(known, ontology)
    try:
        return label_map_from_names(source, loaded.labels, ontology=ontology)
    except OntologyError as error:
        raise DataError(f"{error} Name the map with --label-map") from error


def _event(clip: Clip, wanted: frozenset[str], label_map: LabelMap, ontology: Ontology) -> ScapeClip | None:
    """Return what a clip is; None where it holds several sounds, or none with a concept."""
    if len(clip.labels) != 1 or clip.labels[0] not in wanted:
        return None
    concept = label_map.concept_of(clip.labels[0])
    return None if concept is None else ScapeClip(clip, concept, ontology.concept(concept).name)


def _background(clip: Clip, label_map: LabelMap, ontology: Ontology) -> ScapeClip:
    concepts = [concept for concept in map(label_map.concept_of, clip.labels) if concept is not None]
    if len(concepts) != 1:
        return ScapeClip(clip, None, None)
    return ScapeClip(clip, concepts[0], ontology.concept(concepts[0]).name)


def _refuse_event(clip: Clip, events: set[str], label_map: LabelMap, ontology: Ontology) -> None:
    """Refuse a background that holds an event's concept, or may."""
    for label in clip.labels:
        target = label_map.target(label)
        if target.concept is None and not target.none:
            raise DataError(
                f"background '{clip.clip_id}': nobody knows what its label '{label}' means in the ontology, it may be "
                f"one of the events. Leave the label out: {clip.dataset}{LABELS_SIGN}OTHER,LABELS"
            )
        held = _may_be(target, ontology) & events
        if held:
            names = ", ".join(sorted(ontology.concept(concept).name for concept in held))
            raise DataError(
                f"background '{clip.clip_id}' with the label '{label}' is or may hold what is an event: {names}. "
                f"Leave the label out of the backgrounds or of the events: {clip.dataset}{LABELS_SIGN}OTHER,LABELS"
            )


def _may_be(target: LabelTarget, ontology: Ontology) -> set[str]:
    """Concepts that a clip with this label may hold."""
    named = ({target.concept} if target.concept is not None else set()) | set(target.may_hold)
    return {
        each for concept in named for each in ({concept} | ontology.descendants(concept) | ontology.ancestors(concept))
    }


def _unchecked(background: ScapeClip, events: set[str], label_map: LabelMap, ontology: Ontology) -> tuple[str, ...]:
    """Names of the events' concepts that nobody has checked a background for.

    A clip that one label names, of a data set with one label a clip, holds that sound and no other. One that is only
    known for what it is not may hold all that its data set is not exhaustive about.
    """
    if background.concept is not None and label_map.task == "single":
        return ()
    sure = {each for concept in label_map.exhaustive for each in ({concept} | ontology.descendants(concept))}
    return tuple(sorted(ontology.concept(concept).name for concept in events - sure))


def _check_roles(events: Sequence[ScapeClip], backgrounds: Sequence[ScapeClip]) -> None:
    if not events:
        raise DataError(
            "the sources hold no clip with one label that has a concept: nothing to place in a scene. Name others"
        )
    both = {each.clip.clip_id for each in events} & {each.clip.clip_id for each in backgrounds}
    if both:
        raise DataError(f"'{min(both)}' is both an event and a background: leave its label out of one of them")


def _unique(clips: Iterable[ScapeClip]) -> tuple[ScapeClip, ...]:
    by_id = {each.clip.clip_id: each for each in clips}
    return tuple(by_id[clip_id] for clip_id in sorted(by_id))


def _recording(clip: Clip) -> tuple[str, str]:
    return clip.dataset, clip.recording


def _one_recording_a_group(clips: Iterable[ScapeClip]) -> set[tuple[str, str]]:
    """Of each content group the recording with the most clips: the others repeat a part of it under another name."""
    count: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for each in clips:
        count[each.clip.group][_recording(each.clip)] += 1
    return {min(of_group, key=lambda name: (-of_group[name], name)) for of_group in count.values()}
