"""Compare two recipes on the clips that both were tested on, from their predictions alone: no new look at a fold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aed.errors import DataError
from aed.ontology.taxonomy import Taxonomy
from aed.study.bootstrap import PairedDifference, paired_difference
from aed.study.predictions import FILE_NAME, Predictions, load_predictions, pool
from aed.study.runs import find_runs, read_taxonomy
from aed.study.score import class_clips_only, right_at_label_depth

_SEED = 0  # of the drawings: the same files give the same interval


@dataclass(frozen=True)
class _Tested:
    folder: Path
    taxonomy: Taxonomy
    predictions: Predictions


def compare_runs(first: Path, second: Path) -> PairedDifference:
    """Compare accuracy at the depth of each clip's label, paired over clips, resampled by content group.

    Args:
        first: A run folder, or a folder of folds, that was evaluated.
        second: The one to compare it with.

    Raises:
        DataError: Predictions are missing, belong to different clips or labels, or carry several labels per clip.
        ModelError: A folder holds no run, or predictions of another taxonomy.
    """
    one, two = _load(first), _load(second)
    _check_same_clips(one, two)
    return paired_difference(
        right_at_label_depth(one.predictions, one.taxonomy),
        right_at_label_depth(two.predictions, two.taxonomy),
        one.predictions.groups.tolist(),
        np.random.default_rng(_SEED),
    )


def _load(folder: Path) -> _Tested:
    """Read and pool the folds, class clips only, in the order of their names."""
    runs = find_runs(folder)
    taxonomy, parts = read_taxonomy(runs[0].folder), []
    for run in runs:
        part = load_predictions(run.folder / FILE_NAME)
        part.check_taxonomy(read_taxonomy(run.folder), run.folder)
        parts.append(part)
    pooled = pool(parts)
    if pooled.is_multi_label:
        raise DataError(
            f"{folder}: its clips carry several labels; expected single-label runs, whose accuracy is compared"
        )
    of_classes = class_clips_only(pooled, taxonomy)
    return _Tested(folder, taxonomy, of_classes.take(np.argsort(of_classes.clip_ids)))


def _check_same_clips(one: _Tested, two: _Tested) -> None:
    only_one = set(one.predictions.clip_ids.tolist()) ^ set(two.predictions.clip_ids.tolist())
    if only_one:
        raise DataError(
            f"{one.folder} and {two.folder} were tested on different clips: {len(only_one)} are in one of them only, "
            f"such as {min(only_one)}; train and evaluate the same folds of both"
        )
    for clip, truth, other in zip(one.predictions.clip_ids, _truth(one), _truth(two), strict=True):
        if truth != other:
            raise DataError(
                f"{one.folder} and {two.folder} disagree about the label of {clip}: '{truth}' and '{other}'; "
                "compare recipes that share their label map"
            )


def _truth(tested: _Tested) -> list[str]:
    targets = tested.predictions.target_nodes
    assert targets is not None, "several labels were refused on loading"
    return [tested.taxonomy.nodes[target].id for target in targets]
