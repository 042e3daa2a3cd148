"""What models say of sounds whose leaf training never heard (`data.leave_out`): a right supercategory, or what else?

Each leaf is left out by the models of one group, and its clips are tested by them alone; pooled over the groups, every
clip is judged once as a sound that nobody taught. Two questions are asked:

- *forced*: which first-level supercategory is the likeliest? Right if it stands above the truth. Averaged over the
  first-level nodes (macro), so that a constant answer gets 1 / their number.
- *hedged*: the deepest node that is sure enough. Right if it stands above the truth; no answer is neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.data.leave_out import leave_out_groups
from aed.errors import DataError
from aed.ontology.taxonomy import Taxonomy
from aed.study.bootstrap import PairedDifference, paired_difference
from aed.study.hedge_calibration import NO_ANSWER, hedged_answers, wrong_answers
from aed.study.predictions import Predictions, pool
from aed.study.results import CellResult
from aed.study.study_cells import recipe_settings

HEDGE = 0.8
"""How sure a hedged answer must be."""
_SEED = 0  # of the drawings: the same results give the same intervals

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UnseenScores:
    """What one method says of clips whose leaf its training never heard.

    Attributes:
        method: Its name.
        clips: Number of clips.
        leaves: Number of different leaves.
        forced: Share of right first-level answers, mean over the first-level nodes.
        forced_of_clips: The same over the clips.
        answered: Share of clips with a hedged answer.
        right_of_answered: Share of right ones among these; nan without any.
        wrong: Share of clips with a wrong hedged answer.
        depth_of_right: Mean depth of the right hedged answers; nan without any.
    """

    method: str
    clips: int
    leaves: int
    forced: float
    forced_of_clips: float
    answered: float
    right_of_answered: float
    wrong: float
    depth_of_right: float


@dataclass(frozen=True)
class Unseen:
    """All methods, and how much better each is than the reference when forced.

    Attributes:
        scores: Of each method, in the order of the results.
        constant: What the best constant answer gets, mean over the first-level nodes.
        constant_of_clips: The same over the clips.
        differences: Method -> its forced answers minus those of the reference, mean over the first-level nodes, paired
            by content group.
        reference: The method that the others are compared with.
    """

    scores: tuple[UnseenScores, ...]
    constant: float
    constant_of_clips: float
    differences: dict[str, PairedDifference]
    reference: str


def unseen(cells: Sequence[CellResult], taxonomy: Taxonomy, reference: str, hedge: float = HEDGE) -> Unseen:
    """Judge the answers of studies that left leaves out.

    Args:
        cells: Results of any number of studies on one tree, one label draw and seed.
        taxonomy: Their tree.
        reference: Method that the others are compared with.
        hedge: How sure a hedged answer must be.

    Raises:
        DataError: No cell left leaves out, methods were tested on different clips, or one has no result.
    """
    of_method: dict[str, list[Predictions]] = {}
    for cell in cells:
        heard = _unheard_clips(cell, taxonomy)
        if heard is not None:
            of_method.setdefault(cell.method, []).append(heard)
    if reference not in of_method:
        known = ", ".join(of_method) or "none: train with data.leave_out"
        raise DataError(f"no method '{reference}' among the results that left leaves out: expected one of {known}")
    pooled = {method: _ordered(pool(parts)) for method, parts in of_method.items()}
    for method, predictions in pooled.items():
        if not np.array_equal(predictions.clip_ids, pooled[reference].clip_ids):
            raise DataError(
                f"methods '{method}' and '{reference}' were tested on different clips: run both on all groups"
            )
    targets = _targets(pooled[reference])
    first_level = np.array([taxonomy.at_depth(int(node), 1) for node in targets])
    weights = _balanced(first_level)
    right = {method: _forced(predictions, taxonomy) == first_level for method, predictions in pooled.items()}
    generator = np.random.default_rng(_SEED)
    groups = pooled[reference].groups.tolist()
    return Unseen(
        scores=tuple(_scores(method, pooled[method], right[method], weights, taxonomy, hedge) for method in pooled),
        constant=float(1 / len(np.unique(first_level))),
        constant_of_clips=float(np.bincount(first_level).max() / len(first_level)),
        differences={
            method: paired_difference(right[method], right[reference], groups, generator, weights=weights)
            for method in pooled
            if method != reference
        },
        reference=reference,
    )


def _unheard_clips(cell: CellResult, taxonomy: Taxonomy) -> Predictions | None:
    """The clips of a cell's test fold whose leaf its training left out; None where it left none out."""
    leave_out = recipe_settings(cell.recipe).get("data", {}).get("leave_out")
    if not leave_out:
        return None
    cell.predictions.check_taxonomy(taxonomy, Path(cell.study))
    group_of = leave_out_groups(taxonomy, leave_out["groups"])
    return cell.predictions.take(np.flatnonzero(group_of[_targets(cell.predictions)] == leave_out["group"]))


def _targets(predictions: Predictions) -> IntArray:
    assert predictions.target_nodes is not None, "leaves are left out of single-label trees only"
    return predictions.target_nodes


def _ordered(predictions: Predictions) -> Predictions:
    return predictions.take(np.argsort(predictions.clip_ids))


def _forced(predictions: Predictions, taxonomy: Taxonomy) -> IntArray:
    """The likeliest first-level node of each clip, *none of these* not being offered."""
    offered = np.array([node for node in taxonomy.children(0) if node != taxonomy.none_index])
    answers: IntArray = offered[predictions.log_p[:, offered].argmax(axis=1)]
    return answers


def _balanced(first_level: IntArray) -> npt.NDArray[np.float64]:
    """Weights of the clips with which a mean over clips is the mean over first-level nodes: (clip,)."""
    counts = np.bincount(first_level)
    return np.asarray(1 / counts[first_level] / np.count_nonzero(counts))


def _scores(
    method: str,
    predictions: Predictions,
    right: BoolArray,
    weights: npt.NDArray[np.float64],
    taxonomy: Taxonomy,
    hedge: float,
) -> UnseenScores:
    targets = _targets(predictions)
    answers = hedged_answers(predictions.log_p, taxonomy, hedge)
    answered, wrong = answers != NO_ANSWER, wrong_answers(answers, targets, taxonomy)
    is_right = answered & ~wrong
    return UnseenScores(
        method=method,
        clips=len(targets),
        leaves=len(np.unique(targets)),
        forced=float(np.average(right, weights=weights)),
        forced_of_clips=float(right.mean()),
        answered=float(answered.mean()),
        right_of_answered=float(is_right.sum() / answered.sum()) if answered.any() else nan,
        wrong=float(wrong.mean()),
        depth_of_right=float(taxonomy.depths[answers[is_right]].mean()) if is_right.any() else nan,
    )
