"""What is to be said of a model that others will use, all measured on clips that taught it nothing.

Of each node and data set the average precision over whole clips. Of each node its recall at no more than one false
alarm an hour: the share of the clips with it in which the detector would report it, at the lowest threshold at which
the clips without it give so few (counted on these same clips, so the threshold is not promised to keep that rate on
others), and the same at the threshold that is used where nobody says. Of sounds whose own node training never heard,
how often the answer is a right supercategory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.audio.read import read_audio
from aed.data.records import Clip
from aed.detect.detector import DetectorConfig
from aed.detect.hedge import Hedge
from aed.errors import AudioError, DataError
from aed.metrics.average_precision import NodeAveragePrecision, macro_average_precision, node_average_precisions
from aed.ontology.labels import ABSENT, PRESENT
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.protocol import Scorer
from aed.study.alarm_thresholds import CANDIDATES, count_events, smoothed_rows
from aed.study.ledger import TestLook, append_look, ledger_path
from aed.study.runs import Run, read_run, read_taxonomy
from aed.train.dataset import FoldClips, fold_clips
from aed.train.labels import clip_targets
from aed.train.recipe import Recipe, load_recipe
from aed.train.run import RECIPE_FILE

MOST_PER_HOUR = 1.0
"""False alarms at which recall is told: what the peers' tables use."""
SURE = 0.5
"""From what probability on a node of an unheard sound counts as an answer."""
_SECONDS_AN_HOUR = 3600.0
Progress = Callable[[int, int], None]
"""Told of (clips done, clips in all)."""
Targets = npt.NDArray[np.int8]


@dataclass(frozen=True)
class NodeOnSet:
    """A node on the held-out clips of one data set.

    Attributes:
        dataset: Name of the data set.
        precision: Average precision and the numbers of clips.
    """

    dataset: str
    precision: NodeAveragePrecision


@dataclass(frozen=True)
class OperatingPoint:
    """What a node does at one threshold.

    Attributes:
        threshold: The probability.
        recall: Share of the clips with the sound in which it would be reported.
        false_alarms: Events that the clips without it give.
    """

    threshold: float
    recall: float
    false_alarms: int


@dataclass(frozen=True)
class NodeFigures:
    """A node on all held-out clips.

    Attributes:
        node: Index of the node.
        precision: Average precision over the clips in which it is known.
        sets: The same for each data set in which it is present.
        strict: At the lowest threshold that gives at most `MOST_PER_HOUR` false alarms an hour.
        usual: At the threshold that is used where nobody says.
        hours: Length of the clips without it.
    """

    node: int
    precision: NodeAveragePrecision
    sets: tuple[NodeOnSet, ...]
    strict: OperatingPoint
    usual: OperatingPoint
    hours: float


@dataclass(frozen=True)
class UnheardSound:
    """A label whose own node no training clip taught.

    Attributes:
        dataset: Name of the data set.
        label: The label in its words.
        supercategories: Names of the nodes that are above it in the tree.
        clips: How many clips bear it.
        right: Share in which something is answered, and all of it is above the sound.
        wrong: Share in which something else is answered.
    """

    dataset: str
    label: str
    supercategories: tuple[str, ...]
    clips: int
    right: float
    wrong: float


@dataclass(frozen=True)
class ModelCard:
    """All of it.

    Attributes:
        run: The training.
        taxonomy: The tree.
        clips: Held-out clips by data set.
        hours: Length of them.
        macro: Mean average precision over nodes, and over how many.
        nodes: Figures of the nodes that are present in held-out clips.
        unheard: Sounds that training never heard.
        skipped: Clip id -> why it could not be read.
    """

    run: Run
    taxonomy: Taxonomy
    clips: dict[str, int]
    hours: float
    macro: tuple[float, int]
    nodes: tuple[NodeFigures, ...]
    unheard: tuple[UnheardSound, ...]
    skipped: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the model said: of each clip log P, (clip, node), its length, and what it would report by threshold.

    `events` is (clip, node, threshold) int, counted as `CANDIDATES` is ordered.
    """

    clips: tuple[Clip, ...]
    log_p: npt.NDArray[np.float32]
    seconds: npt.NDArray[np.float64]
    events: npt.NDArray[np.int16]
    skipped: dict[str, str]


def measure_model(
    folder: Path,
    scorer: Scorer,
    config: DetectorConfig,
    root: Path | None,
    progress: Progress = lambda done, total: None,
) -> ModelCard:
    """Measure a model on the clips that its training held out; this look is recorded.

    Args:
        folder: The training's folder.
        scorer: The model as it will be used, perhaps exported.
        config: Settings of the detector where nobody says.
        root: Data root; from the environment by default.
        progress: Told of each clip.

    Raises:
        DataError: Nothing was held out, the model bears one label a clip, or the data are not here.
        ModelError: The folder is no run.
    """
    run, recipe = read_run(folder), load_recipe(folder / RECIPE_FILE)
    if run.fold is None or recipe.taxonomy.task != "multi":
        raise DataError(f"{folder}: expected a multi-label model with held-out clips; 'aed evaluate' judges others")
    clips = fold_clips(recipe, run.fold, root)
    answers = _ask(scorer, clips.test, progress)
    targets = clip_targets(recipe, scorer.taxonomy, answers.clips).astype(np.int8)
    usual = config.probabilities(scorer.taxonomy)
    nodes = tuple(_node_figures(node, answers, targets, float(usual[node])) for node in _present_nodes(targets))
    macro = macro_average_precision(tuple(one.precision for one in nodes))
    card = ModelCard(
        run=run,
        taxonomy=scorer.taxonomy,
        clips=_count(answers.clips),
        hours=float(answers.seconds.sum()) / _SECONDS_AN_HOUR,
        macro=(macro.mean, macro.nodes),
        nodes=nodes,
        unheard=_unheard_sounds(recipe, scorer.taxonomy, clips, answers, targets),
        skipped=answers.skipped,
    )
    if not run.is_inner:
        append_look(_look(card), ledger_path(folder))
    return card


def held_out_clips(folder: Path, root: Path | None) -> tuple[tuple[Clip, ...], Targets]:
    """Return the clips that a training held out, and what is known of every node in them, (clip, node).

    Raises:
        DataError: Nothing was held out, the model bears one label a clip, or the data are not here.
        ModelError: The folder is no run.
    """
    run, recipe = read_run(folder), load_recipe(folder / RECIPE_FILE)
    if run.fold is None or recipe.taxonomy.task != "multi":
        raise DataError(f"{folder}: expected a multi-label model with held-out clips; 'aed evaluate' judges others")
    clips = fold_clips(recipe, run.fold, root).test
    return clips, clip_targets(recipe, read_taxonomy(folder), clips).astype(np.int8)


def _look(card: ModelCard) -> TestLook:
    run = card.run
    assert run.fold is not None
    date = datetime.now(UTC).isoformat(timespec="seconds")
    figures: dict[str, float | None] = {"mean_average_precision": card.macro[0]}
    return TestLook(
        date, run.commit, run.recipe, run.recipe_hash, run.fold, run.seed, sum(card.clips.values()), figures
    )


def _ask(scorer: Scorer, clips: Sequence[Clip], progress: Progress) -> _Answers:
    read, log_p, seconds, events, skipped = [], [], [], [], {}
    for done, clip in enumerate(clips):
        progress(done, len(clips))
        try:
            samples = read_audio(clip.path, scorer.layout.rate_hz)
        except AudioError as error:
            skipped[clip.clip_id] = str(error)
            continue
        rows = smoothed_rows(scorer, clip.path)
        read.append(clip)
        log_p.append(scorer.score_clip(samples))
        seconds.append(len(samples) / scorer.layout.rate_hz)
        events.append([count_events(rows[:, node], scorer.layout) for node in range(scorer.taxonomy.num_nodes)])
    if not read:
        raise DataError("none of the held-out clips can be read")
    return _Answers(tuple(read), np.stack(log_p), np.array(seconds), np.array(events, dtype=np.int16), skipped)


def _present_nodes(targets: Targets) -> list[int]:
    return [node for node in range(1, targets.shape[1]) if (targets[:, node] == PRESENT).any()]


def _node_figures(node: int, answers: _Answers, targets: Targets, threshold: float) -> NodeFigures:
    present, absent = targets[:, node] == PRESENT, targets[:, node] == ABSENT
    hours = float(answers.seconds[absent].sum()) / _SECONDS_AN_HOUR
    false_alarms = answers.events[absent, node].sum(axis=0, dtype=np.int64)
    too_many = np.flatnonzero(false_alarms > MOST_PER_HOUR * hours)
    place = max(0, int(too_many[0]) - 1) if len(too_many) else len(CANDIDATES) - 1
    is_kept = false_alarms[place] <= MOST_PER_HOUR * hours

    def at(place: int, *, is_kept: bool = True) -> OperatingPoint:
        recall = float((answers.events[present, node, place] > 0).mean()) if is_kept else 0.0
        return OperatingPoint(float(CANDIDATES[place]), recall, int(false_alarms[place]))

    return NodeFigures(
        node=node,
        precision=_precision(node, answers, targets, np.ones(len(targets), dtype=bool)),
        sets=tuple(
            NodeOnSet(dataset, _precision(node, answers, targets, of_set))
            for dataset in _count(answers.clips)
            if (of_set := np.array([clip.dataset == dataset for clip in answers.clips]))[present].any()
        ),
        strict=at(place, is_kept=is_kept),
        usual=at(int(np.abs(CANDIDATES - threshold).argmin())),
        hours=hours,
    )


def _precision(node: int, answers: _Answers, targets: Targets, among: npt.NDArray[np.bool_]) -> NodeAveragePrecision:
    (found,) = node_average_precisions(answers.log_p[among], targets[among], np.array([node]), unknown_as_absent=False)
    return found


def _unheard_sounds(
    recipe: Recipe, taxonomy: Taxonomy, clips: FoldClips, answers: _Answers, targets: Targets
) -> tuple[UnheardSound, ...]:
    """Judge the clips of one label whose deepest node is above what the label says, or that training never taught."""
    taught = {(clip.dataset, clip.labels) for clip in clips.labelled}
    by_label: dict[tuple[str, str], list[int]] = {}
    for row, clip in enumerate(answers.clips):
        is_a_sound = (targets[row] == PRESENT).sum() > 1  # beside the root; else its label says what is absent
        if is_a_sound and len(clip.labels) == 1 and (clip.dataset, clip.labels) not in taught:
            by_label.setdefault((clip.dataset, clip.labels[0]), []).append(row)
    heard = _heard_nodes(recipe, taxonomy, clips.labelled)
    hedge = Hedge(taxonomy)
    found = []
    for (dataset, label), rows in sorted(by_label.items()):
        above = targets[rows[0]] == PRESENT
        above[0] = False
        deepest = int(np.flatnonzero(above).max(initial=0))
        if deepest and not taxonomy.children(deepest) and heard[deepest]:
            continue  # its own leaf was taught, by another data set
        p = np.exp(answers.log_p[rows])
        said = hedge.answers(p, p >= SURE)
        wrong = (said & ~above).any(axis=1)
        right = ~wrong & said.any(axis=1)
        names = tuple(taxonomy.nodes[node].name for node in np.flatnonzero(above))
        found.append(UnheardSound(dataset, label, names, len(rows), float(right.mean()), float(wrong.mean())))
    return tuple(found)


def _heard_nodes(recipe: Recipe, taxonomy: Taxonomy, labelled: tuple[Clip, ...]) -> npt.NDArray[np.bool_]:
    heard: npt.NDArray[np.bool_] = (clip_targets(recipe, taxonomy, labelled) == PRESENT).any(axis=0)
    return heard


def _count(clips: Sequence[Clip]) -> dict[str, int]:
    names = [clip.dataset for clip in clips]
    return {name: names.count(name) for name in dict.fromkeys(names)}
