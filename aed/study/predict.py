"""Run a trained model over the test fold that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from aed.audio.read import read_audio
from aed.data.records import Clip
from aed.errors import AudioError, DataError, MissingExtraError, ModelError
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.study.predictions import Predictions
from aed.study.runs import Run
from aed.timebase import samples_from_seconds
from aed.train.dataset import recipe_folds, test_clips
from aed.train.labels import clip_targets, recipe_label_maps, recipe_taxonomy, source_clips
from aed.train.recipe import Recipe, load_recipe
from aed.train.run import RECIPE_FILE

_BATCH_CLIPS = 16
"""Clips scored at once: 5 s each, that is about 100 MB of activations in the largest encoder."""

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Told of (clips done, clips in all)."""


@dataclass(frozen=True)
class TestFold:
    """What a model said about its test fold.

    Attributes:
        predictions: About the clips that could be read.
        skipped: Clip id -> why it could not be read.
        recipe_folds: Numbers of all folds that the recipe makes of the data, this one included.
    """

    __test__ = False  # its name begins with Test, yet it is not for pytest to collect

    predictions: Predictions
    skipped: dict[str, str]
    recipe_folds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LoadedTestFold:
    """The clips of a test fold, read once for any number of models of one recipe.

    Attributes:
        recipe: The models' recipe.
        taxonomy: The tree that the recipe makes of the data.
        fold: Number of the fold.
        clips: Those that could be read.
        waveforms: One per clip, (samples,) float32, at least as long as a training clip.
        skipped: Clip id -> why it could not be read.
        label_clips: Multi label: clips of the recipe's sources that name each node as a label, (node,); else None.
    """

    recipe: Recipe
    taxonomy: Taxonomy
    fold: int
    clips: tuple[Clip, ...]
    waveforms: list[FloatArray]
    skipped: dict[str, str]
    label_clips: npt.NDArray[np.int64] | None

    def predict(self, model: TreeModel, progress: Progress = lambda done, total: None) -> Predictions:
        """Score every clip as a whole, on the device where the model is.

        Raises:
            ModelError: The model gives no number for a clip.
        """
        targets = clip_targets(self.recipe, self.taxonomy, self.clips)
        is_multi_label = self.recipe.taxonomy.task == "multi"
        return Predictions(
            clip_ids=np.array([clip.clip_id for clip in self.clips]),
            groups=np.array([clip.group for clip in self.clips]),
            folds=np.full(len(self.clips), self.fold, dtype=np.int64),
            log_p=_score(model, self.waveforms, progress),
            taxonomy_digest=self.taxonomy.digest,
            target_nodes=None if is_multi_label else targets.argmax(axis=1),
            node_targets=targets.astype(np.int8) if is_multi_label else None,
            label_clips=self.label_clips,
        )


def load_test_fold(recipe: Recipe, fold: int, root: Path | None) -> LoadedTestFold:
    """Read the clips of a test fold; one shorter than the training clips is padded with silence, as in training.

    Args:
        recipe: Says what is held out.
        fold: Number of the fold.
        root: Data root; from the environment by default.

    Raises:
        ConfigError: The recipe has no such fold.
        DataError: The data are missing, or no clip of the fold can be read.
    """
    taxonomy = recipe_taxonomy(recipe, root)
    clips, waveforms, skipped = _read(test_clips(recipe, fold, root), recipe)
    label_clips = _label_clips(recipe, taxonomy, root) if recipe.taxonomy.task == "multi" else None
    return LoadedTestFold(recipe, taxonomy, fold, clips, waveforms, skipped, label_clips)


def predict_test_fold(run: Run, root: Path | None, progress: Progress) -> TestFold:
    """Score the clips of the run's own test fold, each as a whole.

    Args:
        run: A trained fold.
        root: Data root; from the environment by default.
        progress: Told of each batch.

    Raises:
        ModelError: The model folder is damaged, or its taxonomy is not the one that the recipe makes of the data.
        DataError: Nothing was held out, the data are missing, or no clip of the fold can be read.
    """
    if run.fold is None:
        raise DataError(f"{run.folder}: trained on all clips, nothing was held out to evaluate on; train it with folds")
    model, recipe = TreeModel.load(run.folder), load_recipe(run.folder / RECIPE_FILE)
    _check_taxonomy(model.taxonomy, recipe_taxonomy(recipe, root), run)
    loaded = load_test_fold(recipe, run.fold, root)
    return TestFold(loaded.predict(model, progress), loaded.skipped, recipe_folds(recipe, root))


def _check_taxonomy(of_model: Taxonomy, of_recipe: Taxonomy, run: Run) -> None:
    if of_model.digest != of_recipe.digest:
        raise ModelError(
            f"{run.folder}: the model's taxonomy is {of_model.digest} ({len(of_model.leaves)} leaves), expected "
            f"{of_recipe.digest} ({len(of_recipe.leaves)} leaves), which its recipe makes of the data here: the model "
            "comes from another recipe or other classes were present; train it again"
        )


def _read(clips: tuple[Clip, ...], recipe: Recipe) -> tuple[tuple[Clip, ...], list[FloatArray], dict[str, str]]:
    rate_hz = recipe.model.features.rate_hz
    least_samples = samples_from_seconds(recipe.data.clip_seconds, rate_hz)
    kept, waveforms, skipped = [], [], {}
    for clip in clips:
        try:
            samples = read_audio(clip.path, rate_hz)
        except (AudioError, MissingExtraError) as error:
            skipped[clip.clip_id] = str(error)
            continue
        kept.append(clip)
        waveforms.append(np.pad(samples, (0, max(0, least_samples - len(samples)))))
    if not kept:
        reason = f"; the first: {next(iter(skipped.values()))}" if skipped else ""
        raise DataError(f"recipe {recipe.name}: none of the {len(clips)} clips of the test fold can be read{reason}")
    return tuple(kept), waveforms, skipped


@torch.inference_mode()
def _score(model: TreeModel, waveforms: list[FloatArray], progress: Progress) -> FloatArray:
    """Score clips of equal length together; log P, shape (clip, node)."""
    log_p = np.empty((len(waveforms), model.taxonomy.num_nodes), dtype=np.float32)
    device = next(model.parameters()).device
    by_length = sorted(range(len(waveforms)), key=lambda clip: len(waveforms[clip]))
    done = 0
    for _, group in groupby(by_length, key=lambda clip: len(waveforms[clip])):
        same_length = list(group)
        for start in range(0, len(same_length), _BATCH_CLIPS):
            batch = same_length[start : start + _BATCH_CLIPS]
            samples = torch.from_numpy(np.stack([waveforms[clip] for clip in batch])).to(device)
            log_p[batch] = model.score_clips(samples).log_p.cpu().numpy()
            done += len(batch)
            progress(done, len(waveforms))
    return log_p


def _label_clips(recipe: Recipe, taxonomy: Taxonomy, root: Path | None) -> npt.NDArray[np.int64]:
    """Count, for each node, the clips of the recipe's sources that name it as a label, shape (node,)."""
    clips = source_clips(recipe, root)
    label_maps = recipe_label_maps(recipe, clips)
    counts = np.zeros(taxonomy.num_nodes, dtype=np.int64)
    for clip in clips:
        concepts = {label_maps[clip.dataset].concept_of(label) for label in clip.labels} - {None}
        nodes = {taxonomy.node_for_concept(concept) for concept in concepts if concept is not None} - {None}
        counts[[node for node in nodes if node is not None]] += 1
    return counts
