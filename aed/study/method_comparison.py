"""Two methods of a study at every label budget: how much more often the one is right, and how much better it hedges.

How well a method hedges is the area under correct answers over information (`aed.metrics.operating_curve`, (6)), the
mean over label draws and seeds. Its difference is paired as that of accuracy is: the same drawings of whole content
groups, with replacement, for both methods and all draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.errors import ConfigError
from aed.metrics.operating_curve import weighted_areas
from aed.ontology.taxonomy import Taxonomy
from aed.study.bootstrap import DifferenceOverDraws, Interval, percentile_interval
from aed.study.label_efficiency import label_efficiency
from aed.study.predictions import Predictions, pool
from aed.study.results import CellResult
from aed.study.score import class_clips_only
from aed.study.study_cells import Budget, StudyCells, by_selection

Float64Array = npt.NDArray[np.float64]
_RESAMPLES = 2000
_SEED = 0  # of the drawings: the same results give the same intervals


@dataclass(frozen=True)
class AreaDifference:
    """How much better the first method hedges than the second.

    Attributes:
        first: Area of the first method, 0 to 1.
        second: Area of the second.
        interval: What the drawings say about the first minus the second.
    """

    first: float
    second: float
    interval: Interval


@dataclass(frozen=True)
class MethodComparison:
    """Two methods at one budget.

    Attributes:
        budget: The label budget.
        accuracy: Difference in accuracy, first minus second.
        area: Difference in the area under correct answers over information.
    """

    budget: Budget
    accuracy: DifferenceOverDraws
    area: AreaDifference


def compare_methods(cells: Sequence[CellResult], first: str, second: str) -> tuple[MethodComparison, ...]:
    """Compare two methods at every budget at which both were run.

    Args:
        cells: Results of a single-label study; of several selection rules the honest one counts.
        first: Name of a method.
        second: The one that it is compared with.

    Raises:
        ConfigError: The study has no such method, or the clips have several labels.
        DataError: The two were tested on different clips.
    """
    study = by_selection(cells)[0]
    if study.is_multi_label:
        raise ConfigError("methods are compared by pairs of clips, and average precision is no mean over clips")
    for method in (first, second):
        if method not in study.methods:
            raise ConfigError(f"no method '{method}' in the results: expected one of {', '.join(study.methods)}")
    of_both = by_selection([cell for cell in study.cells if cell.method in (first, second)])[0]
    found = label_efficiency(of_both, reference=second).comparisons
    return tuple(
        MethodComparison(each.budget, each.difference, _area_difference(of_both, each.budget, first, second))
        for each in found
    )


def _area_difference(study: StudyCells, budget: Budget, first: str, second: str) -> AreaDifference:
    of_first, of_second = (study.of(method, budget) for method in (first, second))
    both = {_place(cell) for cell in of_first} & {_place(cell) for cell in of_second}
    one, two = (_runs([cell for cell in cells if _place(cell) in both]) for cells in (of_first, of_second))
    shared = sorted(one)
    _, place = np.unique(np.concatenate([one[run].groups for run in shared]), return_inverse=True)
    generator = np.random.default_rng(_SEED)
    times_drawn = generator.multinomial(
        place.max() + 1, np.full(place.max() + 1, 1 / (place.max() + 1)), size=_RESAMPLES
    )
    times = np.concatenate([np.ones((1, times_drawn.shape[1])), times_drawn])  # all as they are in the first row
    group_of = dict(zip(np.concatenate([one[run].groups for run in shared]).tolist(), place.tolist(), strict=True))
    areas = [
        np.mean([_areas(runs[run], study.taxonomy, times, group_of) for run in shared], axis=0) for runs in (one, two)
    ]
    return AreaDifference(float(areas[0][0]), float(areas[1][0]), percentile_interval(areas[0][1:] - areas[1][1:]))


def _place(cell: CellResult) -> tuple[int, int, int]:
    return cell.label_draw, cell.seed, cell.fold


def _runs(cells: Sequence[CellResult]) -> dict[tuple[int, int], Predictions]:
    """Label draw and seed -> the pooled out-of-fold predictions."""
    parts: dict[tuple[int, int], list[Predictions]] = {}
    for cell in cells:
        parts.setdefault((cell.label_draw, cell.seed), []).append(cell.predictions)
    return {run: pool(predictions) for run, predictions in parts.items()}


def _areas(predictions: Predictions, taxonomy: Taxonomy, times: Float64Array, group_of: dict[str, int]) -> Float64Array:
    """Area in each drawing, (drawing,)."""
    of_classes = class_clips_only(predictions, taxonomy)
    assert of_classes.target_nodes is not None, "several labels a clip are refused before"
    place = np.array([group_of[group] for group in of_classes.groups.tolist()])
    return weighted_areas(of_classes.log_p, of_classes.target_nodes, taxonomy, times[:, place])
