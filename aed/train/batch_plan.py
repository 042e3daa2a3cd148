"""Which clips make the batches of a run, and how many of each kind a step gets."""

from __future__ import annotations

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from aed.data.batches import Labelled, NoEvents, StepBatches
from aed.data.frames import FrameStore
from aed.data.made_noise import MadeNoise
from aed.data.records import Clip
from aed.errors import ConfigError, DataError
from aed.ontology.taxonomy import Taxonomy
from aed.train.dataset import FoldClips, strongly_labelled
from aed.train.labels import clip_targets, coarse_targets, silence_untold
from aed.train.recipe import Recipe


def plan_batches(
    recipe: Recipe, taxonomy: Taxonomy, clips: FoldClips, store: FrameStore, num_frames: int, fabric: Fabric
) -> StepBatches:
    """Lay out the batches of a run.

    Args:
        recipe: Batch sizes, shares, distortions and the seed.
        taxonomy: The tree.
        clips: Of the fold.
        store: Their frames.
        num_frames: Length of every piece in a batch.
        fabric: The processes that share each batch.

    Raises:
        ConfigError: The processes cannot share the batches.
        DataError: No labelled training clip is left.
    """
    place = {clip.clip_id: index for index, clip in enumerate(store.clips)}
    readable = tuple(clip for clip in clips.labelled if clip.clip_id in place)
    timed = strongly_labelled(recipe, readable)
    labelled = _labelled(recipe, taxonomy, clips, place)
    teaching = tuple(clip for clip in clips.teaching if clip.clip_id in place)
    further = tuple(clip for clip in clips.further if clip.clip_id in place)
    others = set(further)
    own = tuple(clip for clip in clips.unlabelled if clip.clip_id in place and clip not in others)
    if not len(labelled.indices) and not timed:
        raise DataError(f"recipe {recipe.name}: no labelled training clip is left")
    timed_size = _timed_batch_size(recipe, len(timed), len(labelled.indices))
    sizes = recipe.optim.batch_size - timed_size, unlabelled_batch_size(recipe, len(own) + len(further)), timed_size
    _check_shares(sizes, fabric.world_size)
    return StepBatches(
        store,
        labelled,
        _indices(place, own),
        _indices(place, timed),
        num_frames=num_frames,
        batch_size=sizes[0],
        teaching=Labelled(_indices(place, teaching), _targets(recipe, taxonomy, teaching)),
        teaching_batch_size=_teaching_batch_size(recipe, len(teaching)),
        unlabelled_batch_size=sizes[1],
        further=_indices(place, further),
        further_batch_size=_further_batch_size(recipe, len(own), len(further)),
        timed_batch_size=sizes[2],
        no_events=_no_events(recipe, taxonomy, num_frames),
        weak=recipe.augment.weak,
        strong=recipe.augment.strong,
        seed=recipe.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )


def _labelled(recipe: Recipe, taxonomy: Taxonomy, clips: FoldClips, place: dict[str, int]) -> Labelled:
    """Clips that teach by labels of their own, or by those of their supercategory; not those whose labels say when."""
    readable, coarse = (
        tuple(clip for clip in each if clip.clip_id in place) for each in (clips.labelled, clips.coarse)
    )
    with_time = set(strongly_labelled(recipe, readable))
    labelled = tuple(clip for clip in readable if clip not in with_time)
    targets = _targets(recipe, taxonomy, labelled)
    if taxonomy.task == "multi":
        targets = silence_untold(targets, told=_targets(recipe, taxonomy, readable))
    if coarse:
        targets = np.concatenate([targets, coarse_targets(recipe, taxonomy, coarse)])
    return Labelled(_indices(place, (*labelled, *coarse)), targets)


def _targets(recipe: Recipe, taxonomy: Taxonomy, clips: tuple[Clip, ...]) -> NDArray[np.float32]:
    if not clips:
        return np.zeros((0, taxonomy.num_nodes), np.float32)
    return clip_targets(recipe, taxonomy, clips)


def _indices(place: dict[str, int], clips: tuple[Clip, ...]) -> NDArray[np.int64]:
    return np.asarray([place[clip.clip_id] for clip in clips], dtype=np.int64)


def _timed_batch_size(recipe: Recipe, timed: int, others: int) -> int:
    """Strongly labelled clips in a step: their share, but at least one, and one at least of the others if there are."""
    batch = recipe.optim.batch_size
    if not timed or not others:
        return batch if timed else 0
    share = recipe.data.strong_share or timed / (timed + others)
    return min(max(1, round(share * batch)), batch - 1)


def _teaching_batch_size(recipe: Recipe, teaching: int) -> int:
    """Clips of the teaching sources among the labelled ones of a step: their share, but one at least of either."""
    if not teaching or recipe.data.teaching_share is None:
        return 0
    batch = recipe.optim.batch_size
    return min(max(1, round(recipe.data.teaching_share * batch)), batch - 1)


def _further_batch_size(recipe: Recipe, own: int, further: int) -> int:
    """Clips of the further sources among the unlabelled ones of a step: their share, but one at least of either."""
    batch = unlabelled_batch_size(recipe, own + further)
    if recipe.consistency is None or not own or not further:
        return batch if further else 0
    share = recipe.consistency.further_share or further / (own + further)
    return min(max(1, round(share * batch)), batch - 1)


def _check_shares(sizes: tuple[int, int, int], processes: int) -> None:
    if any(size % processes for size in sizes):
        shown = "{} (labelled), {} (unlabelled) and {} (strongly labelled)".format(*sizes)
        raise ConfigError(f"batch sizes {shown} cannot be shared by {processes} processes")


def _no_events(recipe: Recipe, taxonomy: Taxonomy, num_frames: int) -> NoEvents | None:
    """Rows that are *none of these*, where the recipe asks for them and the tree has that node."""
    rows = round(recipe.optim.made_silence_share * recipe.optim.batch_size)
    if taxonomy.none_index is None or not rows:
        return None
    target = np.eye(taxonomy.num_nodes, dtype=np.float32)[taxonomy.none_index]
    return NoEvents(rows, target, MadeNoise(recipe.model.features, num_frames, recipe.seed))


def unlabelled_batch_size(recipe: Recipe, unlabelled_clips: int) -> int:
    """Unlabelled clips in a step; none where none teaches."""
    return recipe.consistency.batch_size if recipe.consistency and unlabelled_clips else 0
