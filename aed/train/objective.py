"""What training minimises: a batch in, named losses out. The loop does not know which method runs.

- `label`: the path likelihood of labelled clips.
- `strong`: where some of them were mixed to scenes, or their labels say when, what is known over time; see
  `aed.loss.strong`. Such rows have no part in `label`: what sounds at all follows from what sounds when, and pooled
  over a whole row, a short event would teach the moments beside it too. Nor are strongly labelled rows mixed up or
  mixed to scenes: of a piece that holds background and event, the loudest moment need not be the event.
- `window`: the likelihood in one short window of each clip.
- `consistency`: the decision on distorted unlabelled clips against that on clean ones; `sure`, which counts for
  nothing, is the share of decisions that taught.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from aed.data.batches import Batch
from aed.features.mixup import mix, mixup_weights
from aed.features.spectrogram_augment import augment_frames
from aed.loss.consistency import Consistency
from aed.loss.label_weights import label_weights
from aed.loss.path import multi_label_loss, single_label_loss
from aed.loss.strong import StrongTargets, joined_targets, strong_loss
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.train.recipe import Recipe
from aed.train.scenes import make_scenes
from aed.train.short_window import draw_windows, window_targets
from aed.train.strong_labels import StrongLabels
from aed.tree.head import NodeScores
from aed.tree.time_pooling import TimePoolingConfig, pool_decisions


@dataclass(frozen=True)
class Losses:
    """Result of one step.

    Attributes:
        total: Scalar to minimise.
        named: What it is made of, before weighting, and the share of unlabelled decisions that were sure.
    """

    total: Tensor
    named: dict[str, Tensor]


class _TaughtOverTime(NamedTuple):
    """Rows of a batch that teach over time.

    Attributes:
        scenes: (scene, frames, mel), which take the place of as many first rows.
        rows: (row,) int64: the scenes, and the strongly labelled pieces.
        targets: Of these rows.
        pooling: How the model pools its decisions over time.
    """

    scenes: Tensor
    rows: Tensor
    targets: StrongTargets
    pooling: TimePoolingConfig


class Objective(nn.Module):
    """Path likelihood on labelled clips and scenes, plus weak-to-strong consistency on unlabelled clips.

    Args:
        recipe: Weights, thresholds and distortions.
        taxonomy: The tree.
        seed: Decides mixing and masks, together with the step.
        rank: Process number; processes distort differently.
        strong_labels: What is known about the strongly labelled recordings, where the recipe has some.
    """

    label_weights: Tensor | None

    def __init__(
        self, recipe: Recipe, taxonomy: Taxonomy, seed: int, rank: int = 0, strong_labels: StrongLabels | None = None
    ) -> None:
        super().__init__()
        self._strong_labels = strong_labels
        self._recipe, self._taxonomy, self._seed, self._rank = recipe, taxonomy, seed, rank
        self._consistency = Consistency(recipe.consistency, taxonomy) if recipe.consistency else None
        weights = label_weights(taxonomy, recipe.label_loss) if recipe.label_loss else None
        self.register_buffer("label_weights", weights, persistent=False)

    def forward(self, network: nn.Module, model: TreeModel, teacher: TreeModel, batch: Batch, step: int) -> Losses:
        """Compute the losses of a step.

        Args:
            network: The model in training, perhaps wrapped for several processes; called as `TreeModel.forward`.
            model: The model itself, which tells the geometry of windows.
            teacher: The averaged model, which judges clean unlabelled clips.
            batch: The step's clips.
            step: Number of the step.
        """
        generator = torch.Generator().manual_seed(_step_seed(self._seed, step, self._rank))
        frames = self._distorted(batch, generator)
        labelled, unlabelled_from = len(batch.frames), len(batch.frames) + len(batch.timed)
        mixup = mixup_weights(labelled, self._recipe.augment.mixup_alpha, generator)
        inputs = torch.cat([mix(frames[:labelled], *mixup), frames[labelled:]])
        windows, audible = draw_windows(frames, model, generator)
        named: dict[str, Tensor] = {}
        scenes = 0
        taught = self._taught_over_time(frames[:unlabelled_from], batch, model, generator)
        if taught is None:
            scores: NodeScores = network(inputs, windows)
        else:
            scenes = len(taught.scenes)
            over_time: NodeScores = network(torch.cat([taught.scenes, inputs[scenes:]]), over_time=True)
            named["strong"] = strong_loss(_chosen(over_time, taught.rows), taught.targets, taught.pooling)
            whole = NodeScores(*(score[:, None] for score in over_time))
            scores = pool_decisions(whole, taught.pooling, windows[:, :1])
        clip_scores = NodeScores(*(score[:, 0] for score in scores))
        named["label"] = self._label_loss(_rows(clip_scores, scenes, labelled), batch.targets, mixup, scenes)
        if self._recipe.optim.short_window_weight and self._taxonomy.task == "single":
            short = NodeScores(*(score[:labelled, 1] for score in scores))
            named["window"] = self._window_loss(short, windows[:labelled, 1], audible[:labelled], batch.targets, mixup)
        if self._consistency is not None and len(batch.weak):
            self._consistency.observe_labels(batch.targets)
            with torch.no_grad():
                judged: NodeScores = teacher(batch.weak)
            named["consistency"], named["sure"] = self._consistency(
                judged, _rows(clip_scores, unlabelled_from, None), batch.foreign
            )
        return Losses(self._total(named, step), named)

    def _taught_over_time(
        self, frames: Tensor, batch: Batch, model: TreeModel, generator: torch.Generator
    ) -> _TaughtOverTime | None:
        """What is known over time, of the rows (labelled + timed, frames, mel); None where the recipe has no such."""
        pooling, labelled = model.config.time_pooling, len(batch.frames)
        made = timed = None
        if self._recipe.scenes is not None:
            made = make_scenes(frames[:labelled], batch.targets, model, self._recipe.scenes, generator)
        if self._strong_labels is not None:
            timed = self._strong_labels.cut(batch.pieces, frames[labelled:])
        if made is None and timed is None:
            return None
        assert pooling is not None, "the recipe refuses what teaches over time without time pooling"
        scenes = frames[:0] if made is None else made.frames
        known = [targets for targets in (made and made.targets, timed) if targets is not None]
        rows = torch.cat([torch.arange(len(scenes)), torch.arange(labelled, labelled + len(batch.timed))])
        return _TaughtOverTime(scenes, rows.to(frames.device), reduce(joined_targets, known), pooling)

    def _distorted(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """All clips as the student sees them: (labelled + timed + unlabelled, frames, mel)."""
        config = self._recipe.augment.frames
        parts = [augment_frames(batch.frames, config, generator)]
        if len(batch.timed):  # never stretched nor shifted in time: their events would move
            parts.append(augment_frames(batch.timed, config.model_copy(update={"stretch": 0.0}), generator))
        if self._recipe.consistency is not None and len(batch.strong):
            parts.append(augment_frames(batch.strong, self._recipe.consistency.frames, generator))
        return torch.cat(parts)

    def _total(self, named: dict[str, Tensor], step: int) -> Tensor:
        recipe, total = self._recipe, named["label"]
        if "strong" in named:
            total = total + (recipe.scenes.weight if recipe.scenes else 1.0) * named["strong"]
        if "window" in named:
            total = total + recipe.optim.short_window_weight * named["window"]
        if self._consistency is not None and "consistency" in named:
            total = total + self._consistency.weight(step, recipe.optim.steps) * named["consistency"]
        return total

    def _window_loss(
        self, scores: NodeScores, windows: Tensor, audible: Tensor, targets: Tensor, mixup: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Loss of one short window per clip; of two mixed clips each has its own target there."""
        weight, partner = mixup
        none_node = self._taxonomy.none_index
        own, counts = window_targets(windows, audible, targets, none_node)
        others, other_counts = window_targets(windows, audible[partner], targets[partner], none_node)
        blend = weight.to(own.device, own.dtype)[:, None]
        return single_label_loss(scores, self._weighed(blend * own + (1 - blend) * others), counts * other_counts)

    def _label_loss(self, scores: NodeScores, targets: Tensor, mixup: tuple[Tensor, Tensor], first: int) -> Tensor:
        """Loss of the clips from the row `first` on; (row, node) scores of these, (labelled, node) targets of all."""
        if self._taxonomy.task == "single":
            return single_label_loss(scores, self._weighed(mix(targets, *mixup)))
        present, absent = ((targets == value).float() for value in (1, 0))
        return multi_label_loss(scores, mix(present, *mixup)[first:], mix(absent, *mixup)[first:])

    def _weighed(self, targets: Tensor) -> Tensor:
        """Weights of log P that targets stand for: the targets themselves, or what the label loss makes of them."""
        return targets if self.label_weights is None else targets @ self.label_weights


def _chosen(scores: NodeScores, rows: Tensor) -> NodeScores:
    return NodeScores(scores.log_p[rows], scores.log_not_p[rows])


def _rows(scores: NodeScores, start: int, stop: int | None) -> NodeScores:
    return NodeScores(scores.log_p[start:stop], scores.log_not_p[start:stop])


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
