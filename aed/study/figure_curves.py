"""Curves of every method, one panel per label budget: information against correctness, and risk against coverage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy.typing as npt

from aed.study.figure_style import (
    label_outer,
    legend_below,
    markers_along,
    method_styles,
    panels,
    print_style,
    save_both,
)
from aed.study.label_efficiency import LabelEfficiency
from aed.study.score import SingleLabelScores

_COLUMNS = 2
_HEIGHT_INCHES = 2.5
FEWEST_ANSWERED = 20
"""Risk is drawn from this many answers on: one wrong answer among the first few throws the curve to 100 %."""

Curve = Callable[[SingleLabelScores], tuple[npt.ArrayLike, npt.ArrayLike]]


def draw_operating_curves(found: LabelEfficiency, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw correctness over information (`aed.metrics.operating_curve`) as PNG and SVG, and return their paths.

    Args:
        found: What to draw; clips with one label.
        folder: Where to write.
        name: Name of the files without suffix.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: A picture cannot be written.
    """
    axis_labels = ("information of the answer (0: root, 1: leaf)", "correct answers, %")
    return _draw(
        found, folder, name, lambda of: (of.operating.information, 100 * of.operating.correctness), axis_labels
    )


def draw_risk_coverage(found: LabelEfficiency, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw risk over coverage (`aed.metrics.selective`) as PNG and SVG, and return their paths; see above."""
    axis_labels = ("coverage: clips answered, %", "risk: wrong answers, %")
    start = FEWEST_ANSWERED - 1
    return _draw(
        found,
        folder,
        name,
        lambda of: (100 * of.selective.coverage[start:], 100 * of.selective.risk[start:]),
        axis_labels,
    )


def _draw(
    found: LabelEfficiency, folder: Path, name: str, curve: Curve, axis_labels: tuple[str, str]
) -> tuple[Path, Path]:
    styles, budgets = method_styles(found.study.methods), found.study.budgets
    places = {method: place for place, method in enumerate(styles)}
    with print_style():
        columns = min(_COLUMNS, len(budgets))
        figure, all_axes = panels(len(budgets), columns, _HEIGHT_INCHES, sharex=True, sharey=True)
        for axes, budget in zip(all_axes, budgets, strict=True):
            for outcome in found.at(budget):
                assert isinstance(outcome.scores, SingleLabelScores), "clips with several labels have no such curve"
                style = styles[outcome.method]
                across, up = curve(outcome.scores)
                axes.plot(
                    across, up, label=style.label, color=style.colour, linestyle=style.dashes, marker=style.marker,
                    markersize=4.0, markevery=markers_along(places[outcome.method]),
                )  # fmt: skip
            axes.set_title(f"{budget.label} of the labels ({budget.labels_per_class:.3g} per class)")
        label_outer(all_axes, columns, *axis_labels)
        figure.suptitle(f"{found.study.study}: {found.study.selection_title}", fontsize=9)
        legend_below(figure, all_axes)
        return save_both(figure, folder, name)
