"""What a label that names only a supercategory is worth, in labels that name the leaf.

A method that was taught n leaf labels a class and m coarse ones is as accurate as the same method with some larger
number n' of leaf labels alone, read off that method's own curve of accuracy against labels:

    worth = (n' - n) / m                                                                                          (1)

The curve is made never to fall (isotonic regression) and is a straight line between two budgets over the logarithm of
the labels; it is of the same label draws and seeds. Where even the smallest budget is better, n' is that budget; beyond
the largest one nothing is known, n' is that and the worth a lower bound. The interval is that of (1) over drawings of
whole content groups with replacement, the same for all methods and budgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from aed.errors import DataError
from aed.study.predictions import pool
from aed.study.results import CellResult
from aed.study.score import right_at_label_depth
from aed.study.study_cells import Budget, StudyCells, recipe_settings

Float64Array = npt.NDArray[np.float64]
_RESAMPLES = 2000
_SEED = 0  # of the drawings: the same results give the same intervals
_ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Point:
    """A method with coarse labels at one budget of leaf labels.

    Attributes:
        method: Name of the method.
        title: What it is called.
        labels: Leaf labels per class.
        coarse: Coarse labels per class.
        accuracy: Share of right leaves.
        alone: Accuracy with the leaf labels alone.
        same_as: Leaf labels per class that give the same accuracy alone.
        worth: Of one coarse label in leaf labels, (1).
        low: Lower end of its 95 % interval.
        high: Its upper end.
        beyond: Whether the accuracy is above that of the largest budget, so that all these are lower bounds.
    """

    method: str
    title: str
    labels: float
    coarse: float
    accuracy: float
    alone: float
    same_as: float
    worth: float
    low: float
    high: float
    beyond: bool


@dataclass(frozen=True, eq=False)
class LabelWorth:
    """What coarse labels are worth.

    Attributes:
        study: Name of the study.
        reference: What the method without coarse labels is called.
        labels: Leaf labels per class of its budgets, ascending, (budget,).
        accuracy: Its accuracy, (budget,).
        points: The methods with coarse labels.
    """

    study: str
    reference: str
    labels: Float64Array
    accuracy: Float64Array
    points: tuple[Point, ...]


def label_worth(study: StudyCells, reference: str) -> LabelWorth:
    """Compare methods with coarse labels with the curve of a method without.

    Args:
        study: Cells of a single-label study.
        reference: The method without coarse labels, at two budgets at least.

    Raises:
        DataError: Clips have several labels, or differ between methods; there is no such method, it has one budget
            only, or no method has coarse labels.
    """
    if study.is_multi_label:
        raise DataError(f"the clips of {study.study} have several labels: coarse labels are for clips with one")
    taught = [
        (method, budget, cells, percent)
        for method in study.methods
        for budget in study.budgets
        if (cells := study.of(method, budget)) and (percent := _coarse_percent(cells[0]))
    ]
    if not taught:
        raise DataError("no method in the results has coarse labels: run one with data.coarse")
    runs = {_run(cell) for _, _, cells, _ in taught for cell in cells}
    curve = [(budget, cells) for budget in study.budgets if (cells := _of_runs(study.of(reference, budget), runs))]
    if len(curve) < 2:
        raise DataError(
            f"method '{reference}' has results at {len(curve)} label budgets: a curve takes two at least; the methods "
            f"are {', '.join(study.methods)}"
        )
    groups, of_curve = _right(curve[0][1], study), [_right(cells, study) for _, cells in curve]
    of_taught = [_right(cells, study) for _, _, cells, _ in taught]
    if any(set(right) != set(groups) for right in (*of_curve, *of_taught)):
        raise DataError("the methods were tested on different clips: run all of them on the same folds")
    order = sorted(groups)
    labels = np.array([budget.labels_per_class for budget, _ in curve])
    shares = np.array([[right[clip][1] for clip in order] for right in (*of_curve, *of_taught)])
    weights = _drawn_weights(np.array([groups[clip][0] for clip in order]))
    accuracies = weights @ shares.T  # (1 + drawing, curve and taught), the first row of all clips once
    points = [
        _point(study, taught[place], labels, accuracies[:, : len(curve)], accuracies[:, len(curve) + place])
        for place in range(len(taught))
    ]
    return LabelWorth(study.study, study.methods[reference], labels, accuracies[0, : len(curve)], tuple(points))


def same_accuracy_labels(labels: Float64Array, accuracy: Float64Array, wanted: float) -> float:
    """Read off a curve how many labels give an accuracy.

    Args:
        labels: Labels per class, ascending, (budget,).
        accuracy: At each of them, (budget,).
        wanted: The accuracy that is looked for.

    Returns:
        Labels per class, within the curve's ends.
    """
    rising = IsotonicRegression().fit_transform(np.log(labels), accuracy)
    # of a flat piece the first point: fewer labels are enough
    steps, first = np.unique(rising, return_index=True)
    return float(np.exp(np.interp(wanted, steps, np.log(labels)[first])))


def _point(
    study: StudyCells,
    taught: tuple[str, Budget, Sequence[CellResult], int],
    labels: Float64Array,
    curves: Float64Array,
    accuracies: Float64Array,
) -> Point:
    method, budget, _, percent = taught
    own, all_labels = budget.labels_per_class, 100 * budget.labels_per_class / budget.percent
    coarse = percent / 100 * (all_labels - own)
    same = np.array([same_accuracy_labels(labels, *of) for of in zip(curves, accuracies, strict=True)])
    worth = (same - own) / coarse
    low, high = np.quantile(worth[1:], _ENDS)
    alone = float(np.interp(np.log(own), np.log(labels), curves[0]))
    return Point(
        method=method,
        title=study.methods[method],
        labels=own,
        coarse=coarse,
        accuracy=float(accuracies[0]),
        alone=alone,
        same_as=float(same[0]),
        worth=float(worth[0]),
        low=float(low),
        high=float(high),
        beyond=bool(accuracies[0] > curves[0].max()),
    )


def _run(cell: CellResult) -> tuple[int, int]:
    return cell.label_draw, cell.seed


def _of_runs(cells: Sequence[CellResult], runs: set[tuple[int, int]]) -> tuple[CellResult, ...]:
    return tuple(cell for cell in cells if _run(cell) in runs)


def _coarse_percent(cell: CellResult) -> int:
    coarse = recipe_settings(cell.recipe)["data"].get("coarse")
    return int(coarse["percent"]) if coarse else 0


def _right(cells: Sequence[CellResult], study: StudyCells) -> dict[str, tuple[str, float]]:
    """Content group of each clip, and how often it was answered right over label draws and seeds."""
    runs: dict[tuple[int, int], list[CellResult]] = {}
    for cell in cells:
        runs.setdefault(_run(cell), []).append(cell)
    found: dict[str, tuple[str, float]] = {}
    for of_run in runs.values():
        predictions = pool([cell.predictions for cell in of_run])
        right = right_at_label_depth(predictions, study.taxonomy)
        for clip, group, is_right in zip(predictions.clip_ids, predictions.groups, right, strict=True):
            so_far = found.get(str(clip), (str(group), 0.0))[1]
            found[str(clip)] = (str(group), so_far + float(is_right) / len(runs))
    return found


def _drawn_weights(groups: npt.NDArray[np.str_]) -> Float64Array:
    """Weight of each clip, all alike in the first row, and in drawings of whole groups: (1 + drawing, clip)."""
    generator = np.random.default_rng(_SEED)
    names, group = np.unique(groups, return_inverse=True)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    weights = np.concatenate([np.ones((1, len(groups))), drawn[:, group].astype(np.float64)])
    normalised: Float64Array = weights / weights.sum(axis=1, keepdims=True)
    return normalised
