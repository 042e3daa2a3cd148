"""Picture of how sure a model is and how often it is right, at every depth, before and after it was calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aed.drawing import save_drawing
from aed.metrics.calibration import DepthCalibration
from aed.study.figure_style import DOTS_PER_INCH, label_outer, legend_below, method_styles, panels, print_style

_HEIGHT_INCHES = 2.6
_COLUMNS = 3


def draw_reliability(curves: Mapping[str, tuple[DepthCalibration, ...]], path: Path, title: str) -> None:
    """Draw accuracy against confidence of the likeliest node, a panel for each depth.

    Args:
        curves: What each curve is called -> the curve at every depth.
        path: Where to write, PNG or SVG by the suffix; an existing picture is replaced.
        title: Line above the picture.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: The picture cannot be written.
    """
    styles = method_styles({name: name for name in curves})
    depths = len(next(iter(curves.values())))
    columns = min(depths, _COLUMNS)
    with print_style():
        figure, all_axes = panels(depths, columns, _HEIGHT_INCHES, sharex=True, sharey=True)
        for place, axes in enumerate(all_axes):
            axes.plot([0, 100], [0, 100], color="black", linewidth=0.8)
            for name, of_depth in curves.items():
                style, curve = styles[name], of_depth[place].calibration
                axes.plot(
                    100 * curve.confidence, 100 * curve.accuracy, label=name, color=style.colour,
                    linestyle=style.dashes, marker=style.marker, markersize=4,
                )  # fmt: skip
            errors = " to ".join(f"{100 * of_depth[place].calibration.error:.1f}" for of_depth in curves.values())
            axes.set_title(f"depth {place + 1}: error {errors} %")
        label_outer(all_axes, columns, "mean confidence, %", "right answers, %")
        figure.suptitle(title, fontsize=9)
        legend_below(figure, all_axes)
        save_drawing(figure, path, DOTS_PER_INCH)
