"""What training minimises: a batch in, named losses out. The loop does not know which method runs."""

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
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.train.recipe import Recipe
from aed.train.short_window import draw_windows, window_targets
from aed.tree.head import NodeScores


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
    """Path likelihood on labelled clips plus weak-to-strong consistency on unlabelled ones.

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
        frames = augment_frames(batch.frames, self._recipe.augment.frames, generator)
        if self._recipe.consistency is not None and len(batch.strong):
            strong = augment_frames(batch.strong, self._recipe.consistency.frames, generator)
            frames = torch.cat([frames, strong])
        labelled = len(batch.frames)
        weight, partner = mixup_weights(labelled, self._recipe.augment.mixup_alpha, generator)
        mixed = mix(frames[:labelled], weight, partner)
        windows, audible = draw_windows(frames, model, generator)
        scores: NodeScores = network(torch.cat([mixed, frames[labelled:]]), windows)
        clip_scores = NodeScores(*(score[:, 0] for score in scores))
        named = {"label": self._label_loss(_rows(clip_scores, 0, labelled), batch.targets, weight, partner)}
        total = named["label"]
        if self._recipe.optim.short_window_weight and self._taxonomy.task == "single":
            short = NodeScores(*(score[:labelled, 1] for score in scores))
            targets, counts = window_targets(
                windows[:labelled, 1], audible[:labelled], batch.targets, self._taxonomy.none_index
            )
            partner_targets, partner_counts = window_targets(
                windows[:labelled, 1], audible[:labelled][partner], batch.targets[partner], self._taxonomy.none_index
            )
            blend = weight.to(targets.device, targets.dtype)[:, None]
            mixed_targets = self._weighed(blend * targets + (1 - blend) * partner_targets)
            named["window"] = single_label_loss(short, mixed_targets, counts * partner_counts)
            total = total + self._recipe.optim.short_window_weight * named["window"]
        if self._consistency is not None and len(batch.weak):
            self._consistency.observe_labels(batch.targets)
            with torch.no_grad():
                judged: NodeScores = teacher(batch.weak)
            named["consistency"], named["sure"] = self._consistency(judged, _rows(clip_scores, labelled, None))
            total = total + self._consistency.weight(step, self._recipe.optim.steps) * named["consistency"]
        return Losses(total, named)

    def _label_loss(self, scores: NodeScores, targets: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
        if self._taxonomy.task == "single":
            return single_label_loss(scores, self._weighed(mix(targets, weight, partner)))
        present, absent = (targets == 1).float(), (targets == 0).float()
        return multi_label_loss(scores, mix(present, weight, partner), mix(absent, weight, partner))

    def _weighed(self, targets: Tensor) -> Tensor:
        """Weights of log P that targets stand for: the targets themselves, or what the label loss makes of them."""
        return targets if self.label_weights is None else targets @ self.label_weights


def _rows(scores: NodeScores, start: int, stop: int | None) -> NodeScores:
    return NodeScores(scores.log_p[start:stop], scores.log_not_p[start:stop])


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
