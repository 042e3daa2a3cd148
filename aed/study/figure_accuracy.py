"""Accuracy against labels per class: how few labels are enough.

A large marker is the mean over label draws x folds x seeds with its 95 % interval, a small hollow one a single label
draw where there are several. Methods stand a little beside each other, so that intervals do not hide each other; the
tick is the true place.
"""

from __future__ import annotations

from math import isnan
from pathlib import Path

from aed.study.figure_style import legend_below, method_styles, panels, print_style, save_both
from aed.study.label_efficiency import LabelEfficiency

_HEIGHT_INCHES = 4.0
_STEP_ASIDE = 1.035  # factor on labels per class from one method to the next
_DRAWS_ASIDE = 1.014  # factor from a mean to its single label draws
_UPPER_BOUND_COLOUR = "#555555"
_ROOM_AT_ENDS = 1.35  # factor on the axis beyond the smallest and the largest budget


def draw_accuracy(found: LabelEfficiency, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw the picture as PNG and SVG, and return their paths.

    Args:
        found: What to draw.
        folder: Where to write.
        name: Name of the files without suffix.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: A picture cannot be written.
    """
    with print_style():
        figure, (axes,) = panels(1, 1, _HEIGHT_INCHES)
        styles = method_styles(found.study.methods)
        for place, (method, style) in enumerate(styles.items()):
            aside = _STEP_ASIDE ** (place - (len(styles) - 1) / 2)
            outcomes = [outcome for outcome in found.outcomes if outcome.method == method]
            where = [outcome.budget.labels_per_class * aside for outcome in outcomes]
            means = [100 * outcome.accuracy.mean for outcome in outcomes]
            ends = [
                (outcome.accuracy.mean - outcome.accuracy.low, outcome.accuracy.high - outcome.accuracy.mean)
                for outcome in outcomes
            ]
            lengths = [[0.0 if isnan(end) else 100 * end for end in side] for side in zip(*ends, strict=True)]
            axes.errorbar(
                where, means, yerr=lengths, label=style.label, color=style.colour, linestyle=style.dashes,
                marker=style.marker, capsize=2.5, elinewidth=1.0, zorder=3,
            )  # fmt: skip
            for x, outcome in zip(where, outcomes, strict=True):
                of_draw = [100 * value for value in outcome.of_draw.values()]
                if len(of_draw) > 1:
                    axes.plot(
                        [x * _DRAWS_ASIDE] * len(of_draw), of_draw, linestyle="none", marker=style.marker,
                        markersize=3.6, color=style.colour, markerfacecolor="none", markeredgewidth=0.7, zorder=2,
                    )  # fmt: skip
        if found.upper_bound is not None:
            label = f"all labels: {found.study.methods[found.upper_bound.method]}"
            level = 100 * found.upper_bound.accuracy.mean
            axes.axhline(level, color=_UPPER_BOUND_COLOUR, linestyle=(0, (2, 2)), linewidth=1.1, zorder=1)
            axes.errorbar([], [], label=label, color=_UPPER_BOUND_COLOUR, linestyle=(0, (2, 2)), linewidth=1.1)
        budgets = found.study.budgets
        axes.set_xscale("log")
        axes.set_xlim(budgets[0].labels_per_class / _ROOM_AT_ENDS, budgets[-1].labels_per_class * _ROOM_AT_ENDS)
        ticks = [f"{budget.labels_per_class:.3g}\n({budget.label})" for budget in budgets]
        axes.set_xticks([budget.labels_per_class for budget in budgets], ticks)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("labelled clips per class (label budget), logarithmic")
        axes.set_ylabel("mean average precision, %" if found.study.is_multi_label else "accuracy, %")
        axes.set_title(f"{found.study.study}: {found.study.selection_title}")
        legend_below(figure, [axes])
        return save_both(figure, folder, name)
