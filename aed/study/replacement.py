"""Whether a model that was trained on is better than the one that it is to replace, on clips that it never heard.

Both hear the held-out clips as a monitor does, at the thresholds of the former: what is told that is not there, and
what is there and not told, are mistakes. The new model got worse where it makes more of them on what the household
marked (its own source), or clearly more (`SLACK`) on a known data set; where it makes as many, its log loss decides.

    log loss = mean over present of -log P  +  mean over absent of -log(1 - P)                                      (1)

over all (clip, node) of which the labels say whether the node is there; P of the whole clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.audio.read import read_audio
from aed.data.records import Clip
from aed.data.registry import DATASETS
from aed.detect.detector import DetectorConfig, detect_file
from aed.detect.thresholds import as_counted, read_thresholds
from aed.errors import DataError
from aed.ontology.labels import ABSENT, PRESENT
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.protocol import Scorer
from aed.scorer.pytorch import load_scorer
from aed.train.dataset import fold_clips
from aed.train.labels import clip_targets
from aed.train.recipe import Recipe

BoolArray = npt.NDArray[np.bool_]
Targets = npt.NDArray[np.int8]
Progress = Callable[[int, int], None]
"""Told of (clips done, clips in all)."""

SLACK = 0.05
"""Share of more mistakes that a known data set may show: it stands for what nobody marked, and is no household."""
_EVEN_LOSS = 1e-3
"""Relative: losses nearer to each other than that are even."""
_LEAST_P = 1e-6
"""Keeps one clip from deciding the log loss alone."""


@dataclass(frozen=True)
class Mistakes:
    """What a model makes of some clips.

    Attributes:
        missed: (clip, node) that are there and were not told.
        false: That are not there and were told.
        log_loss: By (1); nan where nothing is known.
    """

    missed: int
    false: int
    log_loss: float

    @property
    def total(self) -> int:
        """All mistakes."""
        return self.missed + self.false


@dataclass(frozen=True)
class Comparison:
    """Both models on the held-out clips of one data set.

    Attributes:
        dataset: Its name, as clips bear it.
        clips: Number of clips.
        present: (clip, node) of which the labels say that the node is there.
        absent: That it is not there.
        before: Of the former model.
        after: Of the new one.
    """

    dataset: str
    clips: int
    present: int
    absent: int
    before: Mistakes
    after: Mistakes

    @property
    def is_worse(self) -> bool:
        """Whether the new model got worse."""
        allowed = self.before.total * (1 + (SLACK if self.dataset in _known_datasets() else 0))
        if self.after.total != self.before.total:
            return self.after.total > allowed
        return self.after.log_loss > self.before.log_loss * (1 + _EVEN_LOSS)


def compare_models(
    recipe: Recipe, fold: int | None, former: Path, new: Path, progress: Progress = lambda done, total: None
) -> tuple[Comparison, ...]:
    """Let two models hear the clips that a training held out, one comparison for each data set.

    Args:
        recipe: Of the training.
        fold: The held-out fold.
        former: Folder of the model that is to be replaced.
        new: Folder of the trained one, of the same tree.
        progress: Told of each clip.

    Raises:
        AudioError: A clip cannot be read.
        DataError: No labelled clip was held out.
        ModelError: A folder is no model.
    """
    clips = fold_clips(recipe, fold, None).test
    if not clips:
        raise DataError(
            f"recipe {recipe.name} holds back no marked clip to compare the models on: mark events of more hours, or "
            "cut fewer parts with --set 'data.folds={groups: 2}'"
        )
    scorers = load_scorer(former), load_scorer(new)
    known = known_nodes(recipe, scorers[0].taxonomy, clips)
    config = as_counted(DetectorConfig(), read_thresholds(former), scorers[0].layout.window_seconds)
    answers = []
    for done, clip in enumerate(clips):
        progress(done, len(clips))
        answers.append([_told(scorer, config, clip) for scorer in scorers])
    names = dict.fromkeys(clip.dataset for clip in clips)
    return tuple(_compared(name, clips, known, answers) for name in names)


def known_nodes(recipe: Recipe, taxonomy: Taxonomy, clips: tuple[Clip, ...]) -> Targets:
    """Return which nodes are there (1), not there (0), or not known of (-1), below the root: (clip, node)."""
    targets = clip_targets(recipe, taxonomy, clips)
    if taxonomy.task == "single":
        above = taxonomy.ancestor_matrix  # of the one node: it and those above it are there, those below may be
        nodes = targets.argmax(axis=1)
        targets = np.where(above[nodes], PRESENT, np.where(above[:, nodes].T, -1, ABSENT))
    known = targets.astype(np.int8)
    known[:, 0] = -1
    return known


def _told(scorer: Scorer, config: DetectorConfig, clip: Clip) -> tuple[BoolArray, npt.NDArray[np.float64]]:
    """Which nodes are told of in a clip, and P of each in the whole clip: (node,) both."""
    taxonomy = scorer.taxonomy
    told = np.zeros(taxonomy.num_nodes, dtype=bool)
    for event in detect_file(scorer, clip.path, config):
        told |= taxonomy.ancestor_matrix[taxonomy.index(event.node_id)]
    log_p = scorer.score_clip(read_audio(clip.path, scorer.layout.rate_hz))
    return told, np.exp(log_p.astype(np.float64))


def _compared(
    name: str,
    clips: Sequence[Clip],
    known: Targets,
    answers: Sequence[Sequence[tuple[BoolArray, npt.NDArray[np.float64]]]],
) -> Comparison:
    places = [place for place, clip in enumerate(clips) if clip.dataset == name]
    of_set = known[places]
    before, after = (
        _mistakes(
            of_set, np.stack([answers[p][model][0] for p in places]), np.stack([answers[p][model][1] for p in places])
        )
        for model in (0, 1)
    )
    present, absent = int((of_set == PRESENT).sum()), int((of_set == ABSENT).sum())
    return Comparison(name, len(places), present, absent, before, after)


def _mistakes(known: Targets, told: BoolArray, p: npt.NDArray[np.float64]) -> Mistakes:
    present, absent = known == PRESENT, known == ABSENT
    sure = np.clip(p, _LEAST_P, 1 - _LEAST_P)
    losses = [-np.log(sure[present]), -np.log1p(-sure[absent])]
    loss = sum(float(part.mean()) for part in losses if part.size) if present.any() or absent.any() else float("nan")
    return Mistakes(int((present & ~told).sum()), int((absent & told).sum()), loss)


def _known_datasets() -> frozenset[str]:
    return frozenset(spec.info.dataset for spec in DATASETS.values())
