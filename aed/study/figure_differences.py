"""Paired differences from the reference method, budget by budget.

The thick bar is the 95 % interval over clips, the thin one over clips and label draws; hollow markers are the label
draws one by one. The column on the right is the effect in clips.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aed.study.bootstrap import DifferenceOverDraws
from aed.study.figure_style import MethodStyle, method_styles, panels, print_style, save_both
from aed.study.label_efficiency import LabelEfficiency

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_INCHES = 0.27
_AROUND_ROWS_INCHES = 0.75


def draw_differences(found: LabelEfficiency, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw the picture as PNG and SVG, and return their paths.

    Args:
        found: What to draw; it must hold comparisons.
        folder: Where to write.
        name: Name of the files without suffix.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: A picture cannot be written.
    """
    compared = [budget for budget in found.study.budgets if any(each.budget == budget for each in found.comparisons)]
    styles = method_styles(found.study.methods)
    with print_style():
        height = _AROUND_ROWS_INCHES + _ROW_INCHES * (len(found.study.methods) - 1)
        figure, all_axes = panels(len(compared), 1, height, sharex=True)
        for axes, budget in zip(all_axes, compared, strict=True):
            of_budget = [each for each in found.comparisons if each.budget == budget]
            for row, comparison in enumerate(of_budget):
                _draw_row(axes, row, comparison.difference, styles[comparison.method])
            axes.axvline(0, color="black", linewidth=0.8)
            axes.set_yticks(range(len(of_budget)), [styles[each.method].label for each in of_budget])
            axes.set_ylim(len(of_budget) - 0.4, -0.6)
            axes.grid(axis="y", visible=False)
            axes.annotate("clips", (1, 1), xycoords="axes fraction", xytext=(4, 4), textcoords="offset points")
            axes.set_title(f"{budget.label} of the labels ({budget.labels_per_class:.3g} per class)", loc="left")
        reference = styles[found.reference].label
        all_axes[-1].set_xlabel(f"accuracy minus that of '{reference}', points")
        figure.suptitle(f"{found.study.study}: {found.study.selection_title}", fontsize=9)
        return save_both(figure, folder, name)


def _draw_row(axes: Axes, row: int, difference: DifferenceOverDraws, style: MethodStyle) -> None:
    points = 100 * difference.difference
    widest, over_clips = difference.widest, difference.over_clips
    axes.plot([100 * widest.low, 100 * widest.high], [row, row], color=style.colour, linewidth=1.0, marker="|")
    axes.plot(
        [100 * over_clips.low, 100 * over_clips.high], [row, row], color=style.colour, linewidth=4.0, alpha=0.45,
        solid_capstyle="butt",
    )  # fmt: skip
    of_draw = [100 * value for value in difference.of_draw.values()]
    if len(of_draw) > 1:
        axes.plot(
            of_draw, [row + 0.27] * len(of_draw), linestyle="none", marker=style.marker, markersize=3.2,
            color=style.colour, markerfacecolor="none", markeredgewidth=0.7,
        )  # fmt: skip
    axes.plot(points, row, marker=style.marker, color=style.colour, markersize=6.5)
    axes.annotate(
        f"{difference.clips_gained:+.1f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", va="center", annotation_clip=False,
    )  # fmt: skip
