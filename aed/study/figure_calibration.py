"""Reliability by depth: accuracy against confidence of the likeliest node, a row per label budget.

A model that means what it says lies on the diagonal; below it, it boasts. Every marker is a bin of equally many answers
(`aed.metrics.calibration`).
"""

from __future__ import annotations

from pathlib import Path

from aed.study.figure_style import label_outer, legend_below, method_styles, panels, print_style, save_both
from aed.study.label_efficiency import LabelEfficiency
from aed.study.score import SingleLabelScores

_HEIGHT_INCHES = 2.1


def draw_calibration(found: LabelEfficiency, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw the picture as PNG and SVG, and return their paths.

    Args:
        found: What to draw; clips with one label.
        folder: Where to write.
        name: Name of the files without suffix.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: A picture cannot be written.
    """
    styles, budgets, depths = method_styles(found.study.methods), found.study.budgets, found.study.taxonomy.max_depth
    with print_style():
        figure, all_axes = panels(len(budgets) * depths, depths, _HEIGHT_INCHES, sharex=True, sharey=True)
        for place, axes in enumerate(all_axes):
            budget, depth = budgets[place // depths], place % depths + 1
            axes.plot([0, 100], [0, 100], color="black", linewidth=0.8)
            for outcome in found.at(budget):
                assert isinstance(outcome.scores, SingleLabelScores), "clips with several labels have no such curve"
                style, of_depth = styles[outcome.method], outcome.scores.calibration[depth - 1].calibration
                axes.plot(
                    100 * of_depth.confidence, 100 * of_depth.accuracy, label=style.label, color=style.colour,
                    linestyle=style.dashes, marker=style.marker, markersize=3.6, linewidth=1.1,
                )  # fmt: skip
            axes.set_title(f"{budget.label} of the labels, depth {depth}")
        label_outer(all_axes, depths, "mean confidence, %", "right answers, %")
        figure.suptitle(f"{found.study.study}: {found.study.selection_title}", fontsize=9)
        legend_below(figure, all_axes)
        return save_both(figure, folder, name)
