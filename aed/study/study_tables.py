"""The tables of a study's report: accuracy, every label draw, paired differences, all figures at a budget."""

from __future__ import annotations

from math import isnan

from aed.study.bootstrap import Interval
from aed.study.document import Table
from aed.study.label_efficiency import Comparison, LabelEfficiency, MeanInterval, Outcome
from aed.study.protocol import protocol_line
from aed.study.study_cells import Budget, StudyCells
from aed.study.table import figure_title, format_figure

_NOTHING = "-"
_SMALLEST_PRINTED_P = 0.001


def accuracy_table(found: LabelEfficiency) -> Table:
    """Return mean and 95 % interval of every method at every budget."""
    study = found.study
    rows = tuple(
        (title, *(_mean(_outcome(found, method, budget)) for budget in study.budgets))
        for method, title in study.methods.items()
    )
    runs = ", ".join(f"{budget.label}: {_runs(found, budget)}" for budget in study.budgets)
    note = (
        "Mean over label draws x folds x seeds and its 95 % interval by Student's t, which tells how runs scatter and "
        f"compares nothing: runs share clips. Runs: {runs}. {protocol_line(study)}"
    )
    return Table(study.titled(f"{_measure(study)}, %"), ("method", *map(_column, study.budgets)), rows, note)


def draws_table(found: LabelEfficiency) -> Table:
    """Return the accuracy of every label draw."""
    study = found.study
    rows = tuple(
        (title, *(_draws(_outcome(found, method, budget)) for budget in study.budgets))
        for method, title in study.methods.items()
    )
    note = f"Each number is the mean over the folds and seeds of one label draw, in their order. {protocol_line(study)}"
    title = study.titled(f"{_measure(study)} of every label draw, %")
    return Table(title, ("method", *map(_column, study.budgets)), rows, note)


def differences_table(found: LabelEfficiency) -> Table:
    """Return every method's paired difference from the reference."""
    study, count = found.study, len(found.comparisons)
    header = (
        *("method", "labels", "difference, points", "95 % over clips", "95 % over clips and label draws"),
        *("effect in clips", "p", "p corrected", "difference of each label draw"),
    )
    resamples, groups = (
        max((getattr(each.difference, field) for each in found.comparisons), default=0)
        for field in ("resamples", "groups")
    )
    note = (
        f"Paired on the pooled out-of-fold predictions over the clips, label draws and seeds that both methods have; "
        f"{resamples:,} drawings of whole content groups (up to {groups}), and of label draws where there are two or "
        f"more. p is two-sided and belongs to the widest interval of its row; this table makes {count} "
        f"comparison{'s' * (count != 1)}, for all of which 'p corrected' is corrected (Holm). The intervals are not. "
        f"{protocol_line(study)}"
    )
    title = study.titled(f"{_measure(study)} minus that of '{study.methods[found.reference]}'")
    return Table(title, header, tuple(_difference(each, study) for each in found.comparisons), note)


def figures_table(found: LabelEfficiency, budget: Budget) -> Table:
    """Return all figures of all methods at a budget."""
    study, outcomes = found.study, found.at(budget)
    figures = [outcome.scores.figures() for outcome in outcomes]
    rows = tuple(
        (figure_title(name), *(format_figure(name, of.get(name, float("nan"))) for of in figures))
        for name in figures[0]
        if not all(isnan(of.get(name, float("nan"))) for of in figures)
    )
    note = (
        "All out-of-fold predictions of all label draws and seeds in one heap. A calibration error is above 0 by "
        f"chance alone where clips are few. {protocol_line(study)}"
    )
    header = ("figure, in %", *(study.methods[outcome.method] for outcome in outcomes))
    return Table(study.titled(f"All figures with {_column(budget)}"), header, rows, note)


def _measure(study: StudyCells) -> str:
    return "Mean average precision" if study.is_multi_label else "Accuracy"


def _column(budget: Budget) -> str:
    return f"{budget.label} ({budget.labels_per_class:.3g} per class)"


def _outcome(found: LabelEfficiency, method: str, budget: Budget) -> Outcome | None:
    return next((outcome for outcome in found.at(budget) if outcome.method == method), None)


def _runs(found: LabelEfficiency, budget: Budget) -> str:
    counts = sorted({outcome.accuracy.runs for outcome in found.at(budget)})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _mean(outcome: Outcome | None) -> str:
    return _NOTHING if outcome is None else _mean_and_ends(outcome.accuracy)


def _mean_and_ends(accuracy: MeanInterval) -> str:
    mean = f"{100 * accuracy.mean:.1f}"
    return mean if isnan(accuracy.low) else f"{mean} ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"


def _draws(outcome: Outcome | None) -> str:
    return _NOTHING if outcome is None else "; ".join(f"{100 * value:.1f}" for value in outcome.of_draw.values())


def _difference(comparison: Comparison, study: StudyCells) -> tuple[str, ...]:
    found = comparison.difference
    return (
        study.methods[comparison.method],
        comparison.budget.label,
        f"{100 * found.difference:+.1f}",
        _ends(found.over_clips),
        _NOTHING if found.over_clips_and_draws is None else _ends(found.over_clips_and_draws),
        f"{found.clips_gained:+.1f} of {found.clips}",
        _p_value(found.widest.p_value),
        _p_value(comparison.corrected_p_value),
        "; ".join(f"{draw}: {100 * value:+.1f}" for draw, value in found.of_draw.items()),
    )


def _ends(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _p_value(value: float) -> str:
    return f"< {_SMALLEST_PRINTED_P:g}" if value < _SMALLEST_PRINTED_P else f"{value:.3f}"
