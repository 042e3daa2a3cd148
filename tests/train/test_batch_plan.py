"""What the batches of a run hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lightning_fabric import Fabric

from aed.data.frames import FrameStore
from aed.train.batch_plan import plan_batches
from aed.train.dataset import fold_clips
from aed.train.labels import clip_targets, recipe_taxonomy, silence_untold
from tests.tiny_corpus import MULTI_LABEL, tiny_recipe, write_audioset, write_corpus


def test_a_node_that_no_clip_tells_of_is_absent_and_no_other_is(multi_label_manifest: Path) -> None:
    recipe = tiny_recipe(multi_label_manifest, *MULTI_LABEL, "data.label_map=null", "taxonomy.tree=home")
    taxonomy, clips = recipe_taxonomy(recipe, None), fold_clips(recipe, 1, None)
    store = FrameStore.open(clips.labelled, recipe.model.features, recipe.augment.waveform)
    batches = plan_batches(recipe, taxonomy, clips, store, 50, Fabric(accelerator="cpu", devices=1))
    targets = np.concatenate([batches[step].targets.numpy() for step in range(8)])
    said = clip_targets(recipe, taxonomy, clips.labelled)
    untold = (said == -1).all(axis=0)
    assert untold[taxonomy.find("Music")]
    assert not targets[:, untold].any()
    assert {tuple(row) for row in targets[:, ~untold]} == {tuple(row) for row in said[:, ~untold]}
    assert (said[:, ~untold] == -1).any(), "what some clip tells of stays unknown where others do not"


@pytest.mark.parametrize(("share", "others"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_teaching_sources_have_their_share_and_leave_one_row(
    share: float, others: int, manifest: Path, tmp_path: Path
) -> None:
    write_audioset(tmp_path)
    settings = ("data.teaching_sources=[audioset]", f"data.teaching_share={share}", "optim.batch_size=4")
    recipe = tiny_recipe(manifest, *settings, "optim.made_silence_share=0", "augment.mixup_alpha=0")
    taxonomy, clips = recipe_taxonomy(recipe, tmp_path), fold_clips(recipe, 1, tmp_path)
    store = FrameStore.open((*clips.labelled, *clips.teaching), recipe.model.features, recipe.augment.waveform)
    batches = plan_batches(recipe, taxonomy, clips, store, 50, Fabric(accelerator="cpu", devices=1))
    beside = clip_targets(recipe, taxonomy, clips.teaching)
    taught_beside = {tuple(row) for step in range(20) for row in batches[step].targets[4 - others :].numpy()}
    own = {tuple(row) for step in range(20) for row in batches[step].targets[: 4 - others].numpy()}
    assert taught_beside == {tuple(row) for row in beside}
    assert own == {tuple(row) for row in clip_targets(recipe, taxonomy, clips.labelled)}


@pytest.mark.parametrize(("share", "foreign"), [("null", 2), ("0.01", 1), ("0.5", 2), ("0.99", 3)])
def test_further_sources_have_their_share_and_leave_one_row(share: str, foreign: int, manifest: Path) -> None:
    further = write_corpus(manifest.parent / "further")
    settings = (f"data.unlabelled_sources=['csv:{further}']", f"consistency.further_share={share}")
    recipe = tiny_recipe(manifest, *settings, "consistency.batch_size=4")
    taxonomy, clips = recipe_taxonomy(recipe, None), fold_clips(recipe, 1, None)
    assert clips.further
    store = FrameStore.open(clips.training, recipe.model.features, recipe.augment.waveform)
    batch = plan_batches(recipe, taxonomy, clips, store, 50, Fabric(accelerator="cpu", devices=1))[0]
    assert batch.foreign.tolist() == [False] * (4 - foreign) + [True] * foreign
    assert len(batch.weak) == len(batch.strong) == 4


def test_what_another_kind_of_label_tells_of_is_not_silenced() -> None:
    unknown_to_clips = np.array([[1, 1, -1, -1]], dtype=np.float32)
    told = np.array([[1, 1, -1, -1], [1, -1, 1, -1]], dtype=np.float32)
    np.testing.assert_array_equal(silence_untold(unknown_to_clips, told), [[1, 1, -1, 0]])
