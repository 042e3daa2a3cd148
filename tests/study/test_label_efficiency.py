from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from scipy import stats

from aed.errors import ConfigError, DataError
from aed.study.bootstrap import paired_difference_over_draws
from aed.study.holm import holm
from aed.study.label_efficiency import LabelEfficiency, headline, label_efficiency, mean_interval
from aed.study.results import CellResult
from aed.study.score import SingleLabelScores, right_at_label_depth, score
from aed.study.study_cells import by_selection
from tests.study.made_study import made_study
from tests.study.small_study import multi_label, multi_tree, small_tree


def found_in(cells: list[CellResult], reference: str | None = None) -> LabelEfficiency:
    (study,) = by_selection(cells)
    return label_efficiency(study, reference)


def without(cells: list[CellResult], gone: Callable[[CellResult], bool]) -> list[CellResult]:
    return [cell for cell in cells if not gone(cell)]


def test_the_interval_is_students() -> None:
    values = [0.7, 0.8, 0.75, 0.9]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean, found.low, found.high, found.runs) == pytest.approx((0.7875, low, high, 4))


def test_one_run_has_no_interval_and_none_leaves_0_to_1() -> None:
    assert isnan(mean_interval([0.5]).low)
    assert mean_interval([1.0, 0.9, 1.0]).high == 1.0
    assert mean_interval([0.0, 0.1, 0.0]).low == 0.0


def test_the_mean_is_over_draws_and_folds_and_every_draw_is_kept() -> None:
    cells = made_study(folds=(1, 2, 3))
    outcome = found_in(cells).outcomes[0]
    assert (outcome.method, outcome.budget.label) == ("flat", "10 %")
    of_cell = {
        (cell.label_draw, cell.fold): float(right_at_label_depth(cell.predictions, small_tree()).mean())
        for cell in cells
        if (cell.method, cell.labels_percent) == ("flat", 10)
    }
    assert outcome.accuracy.runs == len(of_cell) == 6
    assert outcome.accuracy.mean == pytest.approx(np.mean(list(of_cell.values())))
    for draw in (1, 2):
        assert outcome.of_draw[draw] == pytest.approx(np.mean([v for (d, _), v in of_cell.items() if d == draw]))


def test_the_heap_holds_every_clip_once_per_draw() -> None:
    outcome = found_in(made_study()).outcomes[0]
    assert isinstance(outcome.scores, SingleLabelScores)
    assert outcome.scores.clips == 2 * 2 * 20  # draws x folds x clips
    assert headline(outcome.scores) == pytest.approx(outcome.accuracy.mean)  # folds of one size


def test_a_comparison_is_the_paired_bootstrap_over_draws() -> None:
    cells = made_study()
    found = found_in(cells, "tree")
    comparison = next(each for each in found.comparisons if (each.method, each.budget.percent) == ("ours", 10))
    predictions = {(c.method, c.labels_percent, c.label_draw, c.fold): c.predictions for c in cells}
    rows = []
    for draw in (1, 2):
        for fold in (1, 2):
            one, two = (predictions[method, 10, draw, fold] for method in ("ours", "tree"))
            right = (right_at_label_depth(each, small_tree()) for each in (one, two))
            rows += list(zip(*right, one.clip_ids, one.groups, [draw] * len(one), strict=True))
    first, second, clips, groups, draws = zip(*rows, strict=True)
    expected = paired_difference_over_draws(
        np.array(first), np.array(second), clips, groups, draws, np.random.default_rng(0)
    )
    assert comparison.difference.difference == pytest.approx(expected.difference)
    assert comparison.difference.of_draw == pytest.approx(expected.of_draw)
    assert comparison.difference.clips == expected.clips == 40
    assert comparison.difference.over_clips.low == pytest.approx(expected.over_clips.low, abs=0.02)
    assert comparison.difference.over_clips_and_draws is not None


def test_every_other_method_is_compared_at_every_budget_and_corrected_together() -> None:
    found = found_in(made_study())
    assert found.reference == "flat"
    places = [(each.budget.percent, each.method) for each in found.comparisons]
    assert places == [(10, "tree"), (10, "ours"), (100, "tree"), (100, "ours")]
    expected = holm([each.difference.widest.p_value for each in found.comparisons])
    assert [each.corrected_p_value for each in found.comparisons] == pytest.approx(list(expected))


def test_the_better_method_is_found_better() -> None:
    found = found_in(made_study(methods={"flat": 0.5, "ours": 3.0}, folds=(1, 2, 3, 4, 5)))
    for comparison in found.comparisons:
        assert comparison.difference.widest.low > 0
        assert comparison.corrected_p_value < 0.05


def test_only_cells_that_both_have_are_compared() -> None:
    cells = without(made_study(), lambda cell: (cell.method, cell.label_draw, cell.fold) == ("flat", 2, 1))
    cells = without(cells, lambda cell: (cell.method, cell.labels_percent) == ("flat", 100))
    found = found_in(cells)
    assert [(each.budget.percent, each.method) for each in found.comparisons] == [(10, "tree"), (10, "ours")]
    assert found.comparisons[0].difference.clips == 40
    at_ten = [outcome.accuracy.runs for outcome in found.outcomes if outcome.budget.percent == 10]
    assert at_ten == [3, 4, 4]


def test_seeds_are_runs_of_their_own() -> None:
    cells = made_study(methods={"flat": 1, "ours": 2}, budgets={100: (1,)})
    again = [replace(cell, seed=2) for cell in cells]
    found = found_in([*cells, *again])
    assert found.outcomes[0].accuracy.runs == 4
    assert found.comparisons[0].difference.clips == 40
    assert found.comparisons[0].difference.over_clips_and_draws is None


def test_the_upper_bound_is_supervised_with_all_labels() -> None:
    assert found_in(made_study(), "tree").upper_bound.method == "tree"  # type: ignore[union-attr]
    bound = found_in(made_study(), "ours").upper_bound
    assert bound is not None
    assert (bound.method, bound.budget.percent) == ("flat", 100)
    assert found_in(made_study(methods={"ours": 1})).upper_bound is None
    assert found_in(made_study(budgets={10: (1,)})).upper_bound is None
    pretrained = [replace(c, recipe=c.recipe + "pretrain: {steps: 10}\n") for c in made_study(methods={"flat": 1})]
    assert found_in(pretrained).upper_bound is None


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(ConfigError, match="no method 'best' in the results: expected one of flat, tree, ours"):
        found_in(made_study(), "best")


def test_methods_on_other_clips_are_refused() -> None:
    cells = made_study(methods={"flat": 1}) + made_study(methods={"tree": 1}, clips=10)
    with pytest.raises(DataError, match="'tree' and 'flat' were tested on different clips or labels of fold 1"):
        found_in(cells)


def test_clips_with_several_labels_are_averaged_and_not_compared() -> None:
    log_p = -np.array([[0, 0.1, 0.1, 0.1, 0.1], [0, 0.2, 0.2, 0.2, 0.2], [0, 0.3, 0.3, 0.3, 0.3]])
    predictions = multi_label([[1, 1, 0, 1, 0], [1, 0, 1, 0, 0], [1, 1, 0, 0, 1]], log_p, [0, 0, 12, 10, 9])
    single = made_study(multi_tree(), methods={"flat": 1, "ours": 1}, budgets={10: (1,)}, folds=(1,))
    found = found_in([replace(cell, predictions=predictions) for cell in single])
    assert found.comparisons == ()
    assert found.outcomes[0].accuracy.mean == pytest.approx(headline(score(predictions, multi_tree())))
