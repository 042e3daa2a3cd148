"""How few labels are enough, and which method gets there: accuracy of every method at every label budget.

Accuracy is judged at the depth of each clip's label ("siren" is right for a clip that says only "alarm"); of clips with
several labels it is the mean average precision. Three kinds of numbers, never to be mixed up:

- **mean and 95 % interval over label draws x folds (x seeds)**: Student's t over the runs, as if they were independent.
  They are not quite (folds share training clips, draws share test clips), so it tells how runs scatter and is no test.
- **paired differences from the reference method** on the pooled out-of-fold predictions, resampled by source recording
  (`aed.study.bootstrap`), corrected for the number of comparisons by Holm. This is the test.
- **figures of one heap**: all folds, label draws and seeds of a method at a budget put together, each clip answered by
  models that never saw it (as often as there are draws).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from scipy import stats

from aed.errors import ConfigError, DataError
from aed.ontology.taxonomy import Taxonomy
from aed.study.bootstrap import DifferenceOverDraws, paired_difference_over_draws
from aed.study.holm import holm
from aed.study.predictions import Predictions, pool
from aed.study.results import CellResult
from aed.study.score import Scores, SingleLabelScores, class_clips_only, right_at_label_depth, score
from aed.study.study_cells import Budget, StudyCells, recipe_settings

_CONFIDENCE = 0.95
_SEED = 0  # of the drawings: the same results give the same intervals
ALL_LABELS_PERCENT = 100

Progress = Callable[[str, int, int], None]
"""Told of (what is done now, steps done, steps in all)."""


@dataclass(frozen=True)
class MeanInterval:
    """A mean over runs.

    Attributes:
        mean: Mean over the runs, 0 to 1.
        low: Lower end of its 95 % interval by Student's t, not below 0; nan with a single run.
        high: Its upper end, not above 1.
        runs: Number of runs.
    """

    mean: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """One method at one budget.

    Attributes:
        method: Name of the method.
        budget: The label budget.
        cells: Its cells.
        accuracy: Mean over label draws x folds x seeds.
        of_draw: Mean over the folds and seeds of each label draw.
        scores: All figures of the heap of all its predictions.
    """

    method: str
    budget: Budget
    cells: tuple[CellResult, ...]
    accuracy: MeanInterval
    of_draw: dict[int, float]
    scores: Scores


@dataclass(frozen=True)
class Comparison:
    """One method against the reference at one budget.

    Attributes:
        method: Name of the method.
        budget: The label budget.
        difference: Method minus reference, over the cells that both have.
        corrected_p_value: Of the widest interval, corrected for all comparisons of the study.
    """

    method: str
    budget: Budget
    difference: DifferenceOverDraws
    corrected_p_value: float


@dataclass(frozen=True, eq=False)
class LabelEfficiency:
    """What a study found under one selection rule.

    Attributes:
        study: Its cells.
        reference: The method that all others are compared with.
        outcomes: Every method at every budget of which there is a cell: by budget, then by method.
        comparisons: Every other method against the reference, in the same order; none of clips with several labels.
        upper_bound: A supervised method with all labels; None where the study has none.
    """

    study: StudyCells
    reference: str
    outcomes: tuple[Outcome, ...]
    comparisons: tuple[Comparison, ...]
    upper_bound: Outcome | None

    def at(self, budget: Budget) -> tuple[Outcome, ...]:
        """Return the outcomes at a budget, in the order of the methods."""
        return tuple(outcome for outcome in self.outcomes if outcome.budget == budget)


def label_efficiency(
    study: StudyCells, reference: str | None = None, progress: Progress = lambda what, done, total: None
) -> LabelEfficiency:
    """Compute what a study found.

    Args:
        study: Cells of one selection rule.
        reference: The method to compare with; the first one by default.
        progress: Told of each method and budget.

    Raises:
        ConfigError: The study has no such method.
        DataError: Two methods were tested on different clips or labels.
    """
    if reference is not None and reference not in study.methods:
        raise ConfigError(f"no method '{reference}' in the results: expected one of {', '.join(study.methods)}")
    reference = reference or next(iter(study.methods))
    places = [(method, budget) for budget in study.budgets for method in study.methods if study.of(method, budget)]
    outcomes, differences = [], []
    for done, (method, budget) in enumerate(places):
        progress(f"{method}, {budget.label}", done, len(places))
        outcomes.append(_outcome(method, budget, study))
        compared = None if study.is_multi_label or method == reference else _compare(method, reference, budget, study)
        if compared is not None:
            differences.append((method, budget, compared))
    corrected = holm([difference.widest.p_value for _, _, difference in differences])
    comparisons = [Comparison(*found, p) for found, p in zip(differences, corrected, strict=True)]
    return LabelEfficiency(
        study, reference, tuple(outcomes), tuple(comparisons), _upper_bound(outcomes, reference, study)
    )


def headline(scores: Scores) -> float:
    """Return the figure that a study is about: accuracy at the depth of the label, or mean average precision."""
    if isinstance(scores, SingleLabelScores):
        return 1 - scores.severity.mistakes / scores.severity.clips if scores.severity.clips else nan
    return scores.macro.mean


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Return mean and 95 % interval over runs by Student's t."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return MeanInterval(mean, nan, nan, len(values))
    half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1)) * statistics.stdev(values) / sqrt(len(values))
    return MeanInterval(mean, max(0.0, mean - half), min(1.0, mean + half), len(values))


def _outcome(method: str, budget: Budget, study: StudyCells) -> Outcome:
    cells = study.of(method, budget)
    of_cell = [(cell.label_draw, headline(score(cell.predictions, study.taxonomy))) for cell in cells]
    draws = sorted({draw for draw, _ in of_cell})
    return Outcome(
        method=method,
        budget=budget,
        cells=cells,
        accuracy=mean_interval([value for _, value in of_cell]),
        of_draw={draw: statistics.fmean(value for of, value in of_cell if of == draw) for draw in draws},
        scores=score(_heap(cells), study.taxonomy),
    )


def _heap(cells: Sequence[CellResult]) -> Predictions:
    """All predictions of these cells; a clip that several draws or seeds answered stands there once for each."""
    renamed = [
        replace(
            cell.predictions,
            clip_ids=np.array([f"{cell.label_draw}/{cell.seed}/{clip}" for clip in cell.predictions.clip_ids]),
        )
        for cell in cells
    ]
    return pool(renamed)


def _compare(method: str, reference: str, budget: Budget, study: StudyCells) -> DifferenceOverDraws | None:
    """Pair the cells of one draw, seed and fold; None where the two have no cell in common."""
    of_reference = {_place(cell): cell for cell in study.of(reference, budget)}
    pairs = [(cell, of_reference[_place(cell)]) for cell in study.of(method, budget) if _place(cell) in of_reference]
    if not pairs:
        return None
    first_right, second_right, clips, groups, draws = [], [], [], [], []
    for cell, other in pairs:
        one, two = (_by_name(each.predictions, study.taxonomy) for each in (cell, other))
        _check_same_clips(one, two, cell, other)
        first_right.append(right_at_label_depth(one, study.taxonomy))
        second_right.append(right_at_label_depth(two, study.taxonomy))
        clips += one.clip_ids.tolist()
        groups += one.groups.tolist()
        draws += [cell.label_draw] * len(one)
    generator = np.random.default_rng(_SEED)
    return paired_difference_over_draws(
        np.concatenate(first_right), np.concatenate(second_right), clips, groups, draws, generator
    )


def _place(cell: CellResult) -> tuple[int, int, int]:
    return cell.label_draw, cell.seed, cell.fold


def _by_name(predictions: Predictions, taxonomy: Taxonomy) -> Predictions:
    of_classes = class_clips_only(predictions, taxonomy)
    return of_classes.take(np.argsort(of_classes.clip_ids))


def _check_same_clips(one: Predictions, two: Predictions, cell: CellResult, other: CellResult) -> None:
    assert one.target_nodes is not None and two.target_nodes is not None, "several labels a clip are not compared"
    if not (np.array_equal(one.clip_ids, two.clip_ids) and np.array_equal(one.target_nodes, two.target_nodes)):
        raise DataError(
            f"methods '{cell.method}' and '{other.method}' were tested on different clips or labels of fold "
            f"{cell.fold}: expected the same test fold of one data set; run both again in one study"
        )


def _upper_bound(outcomes: Sequence[Outcome], reference: str, study: StudyCells) -> Outcome | None:
    """The reference with all labels if it is supervised, else the first supervised method."""
    full = [
        outcome
        for outcome in outcomes
        if outcome.budget.percent == ALL_LABELS_PERCENT and _is_supervised(outcome.cells[0].recipe)
    ]
    order = [reference, *study.methods]
    return min(full, key=lambda outcome: order.index(outcome.method), default=None)


def _is_supervised(recipe: str) -> bool:
    """Whether a resolved recipe learns from labelled clips alone."""
    settings = recipe_settings(recipe)
    return not (settings.get("consistency") or settings.get("pretrain"))
