"""What is minimised: its parts by name, what they cost, and how they are weighed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aed.data.batches import Batch
from aed.model import TreeModel
from aed.train.labels import recipe_taxonomy
from aed.train.objective import Losses, Objective
from aed.train.recipe import Recipe
from aed.train.start import fresh_model
from tests.tiny_corpus import MULTI_LABEL, RATE_HZ, tiny_recipe

WITH_SCENES = (
    *MULTI_LABEL,
    "consistency=null",
    "model.time_pooling={exponent: 4.0}",
    "scenes={share: 0.5, weight: 3.0}",
)


class Teacher(TreeModel):
    """Counts how often it is asked."""

    asked = 0

    def forward(self, *arguments: torch.Tensor):  # type: ignore[no-untyped-def]
        type(self).asked += 1
        return super().forward(*arguments)


def losses_of(recipe: Recipe, step: int = 0, unlabelled: int = 2, seed: int = 1) -> Losses:
    taxonomy = recipe_taxonomy(recipe, None)
    model = fresh_model(recipe, taxonomy)
    teacher = Teacher(recipe.model, taxonomy).eval()
    teacher.load_state_dict(model.state_dict())
    Teacher.asked = 0
    noise = model.frames(0.1 * torch.randn(4, RATE_HZ, generator=torch.Generator().manual_seed(0)))
    targets = torch.zeros(4, taxonomy.num_nodes)
    targets[:, taxonomy.leaves[0]] = 1
    unlabelled_rows, no_pieces = noise[:unlabelled], torch.zeros(0, 3, dtype=torch.int64)
    foreign = torch.zeros(unlabelled, dtype=torch.bool)
    batch = Batch(noise, targets, unlabelled_rows, unlabelled_rows, foreign, noise[:0], no_pieces)
    return Objective(recipe, taxonomy, seed)(model, model, teacher, batch, step)


def test_the_total_is_the_weighed_sum_of_its_parts(manifest: Path) -> None:
    recipe = tiny_recipe(
        manifest, "consistency.weight=2.0", "consistency.ramp_fraction=0", "consistency.threshold=0.51"
    )
    losses = losses_of(recipe)
    named = losses.named
    assert set(named) == {"label", "window", "consistency", "sure"}
    expected = named["label"] + 0.3 * named["window"] + 2.0 * named["consistency"]
    torch.testing.assert_close(losses.total, expected)
    assert 0 <= named["sure"] <= 1


def test_consistency_grows_over_the_ramp(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disagreement = torch.tensor(8.0), torch.tensor(0.5)
    monkeypatch.setattr("aed.loss.consistency.single_label_consistency", lambda *arguments: disagreement)
    recipe = tiny_recipe(manifest, "optim.steps=10", "consistency.ramp_fraction=0.5", "optim.short_window_weight=0")
    for step, share in ((0, 0.2), (1, 0.4), (4, 1.0), (9, 1.0)):
        losses = losses_of(recipe, step)
        torch.testing.assert_close(losses.total, losses.named["label"] + share * disagreement[0])


def test_unlabelled_clips_are_distorted_as_consistency_says(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aed.loss.consistency.pseudo_labels", lambda log_p, *others: torch.ones(len(log_p)).long())
    settings = ["augment.mixup_alpha=0", "augment.frames.probability=0"]
    weak = losses_of(tiny_recipe(manifest, *settings, "consistency.frames.probability=0")).named
    strong = losses_of(tiny_recipe(manifest, *settings, "consistency.frames.probability=1")).named
    assert not torch.equal(weak["consistency"], strong["consistency"])


def test_without_consistency_the_teacher_is_never_asked(manifest: Path) -> None:
    losses_of(tiny_recipe(manifest))
    assert Teacher.asked == 1
    losses = losses_of(tiny_recipe(manifest, "consistency=null"), unlabelled=0)
    assert Teacher.asked == 0
    assert set(losses.named) == {"label", "window"}


def test_distortions_follow_seed_and_step_alone(manifest: Path) -> None:
    recipe = tiny_recipe(manifest)
    torch.manual_seed(0)
    one = losses_of(recipe, step=3).total
    torch.manual_seed(1)
    assert torch.equal(one, losses_of(recipe, step=3).total)
    assert not torch.equal(one, losses_of(recipe, step=2).total)
    assert not torch.equal(one, losses_of(recipe, step=3, seed=2).total)


def test_scenes_cost_what_they_weigh(multi_label_manifest: Path) -> None:
    losses = losses_of(tiny_recipe(multi_label_manifest, *WITH_SCENES), unlabelled=0)
    assert set(losses.named) == {"label", "strong"}
    assert losses.named["strong"] > 0
    torch.testing.assert_close(losses.total, losses.named["label"] + 3.0 * losses.named["strong"])
    assert Teacher.asked == 0


def test_scenes_follow_seed_and_step_alone(multi_label_manifest: Path) -> None:
    recipe = tiny_recipe(multi_label_manifest, *WITH_SCENES)
    one = losses_of(recipe, step=3).named["strong"]
    assert torch.equal(one, losses_of(recipe, step=3).named["strong"])
    assert not torch.equal(one, losses_of(recipe, step=2).named["strong"])


def test_rows_that_are_no_scene_cost_what_they_would_without(
    multi_label_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of a table with scenes and one without see the same clips, distorted and mixed up the same way."""
    seen: list[torch.Tensor] = []
    forward = TreeModel.forward

    def spy(model: TreeModel, frames: torch.Tensor, *others: object, **named: object) -> object:
        seen.append(frames)
        return forward(model, frames, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(TreeModel, "forward", spy)
    losses_of(tiny_recipe(multi_label_manifest, *WITH_SCENES), unlabelled=0)
    losses_of(tiny_recipe(multi_label_manifest, *WITH_SCENES, "scenes=null"), unlabelled=0)
    with_scenes, without = seen
    assert torch.equal(with_scenes[2:], without[2:])
    assert not torch.equal(with_scenes[:2], without[:2])
