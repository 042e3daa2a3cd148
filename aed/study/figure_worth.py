"""Picture of what a coarse label is worth: an arrow from a method with coarse labels to the same accuracy without."""

from __future__ import annotations

from pathlib import Path

from aed.study.figure_style import legend_below, method_styles, panels, print_style, save_both
from aed.study.label_worth import LabelWorth

_HEIGHT_INCHES = 4.0
_REFERENCE = "reference"
_ABOVE_POINTS = 5
"""Distance of a number from its arrow."""


def draw_worth(found: LabelWorth, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw the picture as PNG and SVG, and return their paths.

    Args:
        found: What to draw.
        folder: Where to write.
        name: Name of the files without suffix.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: A picture cannot be written.
    """
    titles = {point.method: point.title for point in found.points}
    styles = method_styles({_REFERENCE: found.reference, **titles})
    with print_style():
        figure, (axes,) = panels(1, 1, _HEIGHT_INCHES)
        style = styles[_REFERENCE]
        axes.plot(
            found.labels, 100 * found.accuracy, label=found.reference, color=style.colour, marker=style.marker, zorder=3
        )
        named = set()
        for point in found.points:
            style, height = styles[point.method], 100 * point.accuracy
            axes.annotate(
                "", (point.same_as, height), (point.labels, height),
                arrowprops={"arrowstyle": "->", "color": style.colour, "linestyle": style.dashes},
            )  # fmt: skip
            axes.annotate(
                f"{'> ' * point.beyond}{point.worth:.2f}", ((point.labels * point.same_as) ** 0.5, height),
                (0, _ABOVE_POINTS), textcoords="offset points", ha="center", color=style.colour,
            )  # fmt: skip
            axes.plot(
                point.labels, height, linestyle="none", marker=style.marker, color=style.colour, zorder=4,
                label=None if point.method in named else style.label,
            )  # fmt: skip
            named.add(point.method)
        axes.set_xscale("log")
        axes.set_xticks(found.labels, [f"{labels:.3g}" for labels in found.labels])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("leaf labels per class, logarithmic")
        axes.set_ylabel("accuracy, %")
        axes.set_title(f"{found.study}: the number is the worth of one coarse label in leaf labels")
        legend_below(figure, [axes])
        return save_both(figure, folder, name)
