"""What training minimises: a batch in, named losses out. The loop does not know which method runs.

- `label`: the path likelihood of labelled clips.
- `strong`: where some of them were mixed to scenes, what is known there over time; see `aed.loss.strong`.
- `window`: the likelihood in one short window of each clip.
- `consistency`: the decision on distorted unlabelled clips against that on clean ones; `sure`, which counts for
  nothing, is the share of decisions that taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from aed.data.batches import Batch
from aed.features.mixup import mix, mixup_weights
from aed.features.spectrogram_augment import augment_frames
from aed.loss.consistency import Consistency
from aed.loss.label_weights import label_weights
from aed.loss.path import multi_label_loss, single_label_loss
from aed.loss.strong import strong_loss
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.train.recipe import Recipe
from aed.train.scenes import Scenes, make_scenes
from aed.train.short_window import draw_windows, window_targets
from aed.tree.head import NodeScores
from aed.tree.time_pooling import pool_decisions


@dataclass(frozen=True)
class Losses:
    """Result of one step.

    Attributes:
        total: Scalar to minimise.
        named: What it is made of, before weighting, and the share of unlabelled decisions that were sure.
    """

    total: Tensor
    named: dict[str, Tensor]


class Objective(nn.Module):
    """Path likelihood on labelled clips and scenes, plus weak-to-strong consistency on unlabelled clips.

    Args:
        recipe: Weights, thresholds and distortions.
        taxonomy: The tree.
        seed: Decides mixing and masks, together with the step.
        rank: Process number; processes distort differently.
    """

    label_weights: Tensor | None

    def __init__(self, recipe: Recipe, taxonomy: Taxonomy, seed: int, rank: int = 0) -> None:
        super().__init__()
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
        labelled = len(batch.frames)
        mixup = mixup_weights(labelled, self._recipe.augment.mixup_alpha, generator)
        inputs = torch.cat([mix(frames[:labelled], *mixup), frames[labelled:]])
        windows, audible = draw_windows(frames, model, generator)
        named: dict[str, Tensor] = {}
        scenes = 0
        if self._recipe.scenes is None:
            scores: NodeScores = network(inputs, windows)
        else:
            made = make_scenes(frames[:labelled], batch.targets, model, self._recipe.scenes, generator)
            scenes = len(made.frames)
            scores, named["strong"] = _scores_with_scenes(network, made, inputs[scenes:], windows)
        clip_scores = NodeScores(*(score[:, 0] for score in scores))
        named["label"] = self._label_loss(_rows(clip_scores, scenes, labelled), batch.targets, mixup, scenes)
        if self._recipe.optim.short_window_weight and self._taxonomy.task == "single":
            short = NodeScores(*(score[:labelled, 1] for score in scores))
            named["window"] = self._window_loss(short, windows[:labelled, 1], audible[:labelled], batch.targets, mixup)
        if self._consistency is not None and len(batch.weak):
            self._consistency.observe_labels(batch.targets)
            with torch.no_grad():
                judged: NodeScores = teacher(batch.weak)
            named["consistency"], named["sure"] = self._consistency(judged, _rows(clip_scores, labelled, None))
        return Losses(self._total(named, step), named)

    def _distorted(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Labelled and unlabelled clips as the student sees them: (labelled + unlabelled, frames, mel)."""
        frames = augment_frames(batch.frames, self._recipe.augment.frames, generator)
        if self._recipe.consistency is None or not len(batch.strong):
            return frames
        return torch.cat([frames, augment_frames(batch.strong, self._recipe.consistency.frames, generator)])

    def _total(self, named: dict[str, Tensor], step: int) -> Tensor:
        recipe, total = self._recipe, named["label"]
        if recipe.scenes is not None:
            total = total + recipe.scenes.weight * named["strong"]
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


def _scores_with_scenes(network: nn.Module, made: Scenes, others: Tensor, windows: Tensor) -> tuple[NodeScores, Tensor]:
    """Scores of the scenes and all other rows over the whole of each, (row, 1, node), and what the scenes cost."""
    over_time: NodeScores = network(torch.cat([made.frames, others]), over_time=True)
    strong = strong_loss(_rows(over_time, 0, len(made.frames)), made.targets, made.pooling)
    whole = NodeScores(*(score[:, None] for score in over_time))
    return pool_decisions(whole, made.pooling, windows[:, :1]), strong


def _rows(scores: NodeScores, start: int, stop: int | None) -> NodeScores:
    return NodeScores(scores.log_p[start:stop], scores.log_not_p[start:stop])


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
