"""How the pictures of a study look: the same colour, marker and dashes for a method in all of them.

Colours are those of Okabe & Ito (*Color universal design*, 2008), told apart by every kind of colour vision; markers
and dashes tell methods apart in grey. Sizes are for print: 7 inches is the width of a two-column page, and the text is
as large as that of a paper's captions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed.drawing import check_drawing, save_drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_WIDTH_INCHES = 7.0
DOTS_PER_INCH = 200
LEGEND_COLUMNS = 2
LEGEND_ROW_INCHES = 0.2
_MARKER_SPACING = 0.25  # between markers on a curve, as a share of the panel's diagonal
_MARKER_TURNS = 7  # methods whose markers stand at different places

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe-Ito without yellow
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1)),
    (0, (8, 2, 1, 2, 1, 2)),
)
_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": False,  # the sign that the tables print
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 3.4,  # long enough to show the dashes
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class MethodStyle:
    """What a method is drawn with.

    Attributes:
        label: What it is called in the legend.
        colour: Of line and marker.
        marker: matplotlib's name.
        dashes: matplotlib's line style.
    """

    label: str
    colour: str
    marker: str
    dashes: Any


def method_styles(methods: dict[str, str]) -> dict[str, MethodStyle]:
    """Return a style for each method; with more methods than colours, marker and dashes still differ.

    Args:
        methods: Name of each method -> what it is called.
    """
    return {
        method: MethodStyle(
            label, _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)], _DASHES[place % len(_DASHES)]
        )
        for place, (method, label) in enumerate(methods.items())
    }


@contextmanager
def print_style() -> Iterator[None]:
    """Make figures within look as said above.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing(Path("any.svg"))
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        yield


def panels(count: int, columns: int, panel_height_inches: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of the page's width with so many panels, row by row."""
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    figure = Figure(figsize=(PAGE_WIDTH_INCHES, rows * panel_height_inches), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def label_outer(all_axes: Sequence[Axes], columns: int, across: str, up: str) -> None:
    """Name the axes of the lowest panels and of the leftmost ones."""
    for place, axes in enumerate(all_axes):
        if place + columns >= len(all_axes):
            axes.set_xlabel(across)
            axes.tick_params(labelbottom=True)
        if place % columns == 0:
            axes.set_ylabel(up)


def legend_below(figure: Figure, all_axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below them, and make room for it."""
    axes = max(all_axes, key=lambda each: len(each.get_legend_handles_labels()[1]))
    handles, labels = axes.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    rows = -(-len(labels) // LEGEND_COLUMNS)
    figure.set_size_inches(width, height + rows * LEGEND_ROW_INCHES)
    figure.legend(handles, labels, loc="outside lower center", ncols=LEGEND_COLUMNS)


def save_both(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG, and return their paths.

    Raises:
        StorageError: One cannot be written.
    """
    png, svg = (folder / f"{name}.{suffix}" for suffix in ("png", "svg"))
    for path in (png, svg):
        save_drawing(figure, path, DOTS_PER_INCH)
    return png, svg


def markers_along(method_place: int) -> tuple[float, float]:
    """Return matplotlib's `markevery` for a curve of many points: evenly along it, elsewhere for each method."""
    return (_MARKER_SPACING * (method_place % _MARKER_TURNS) / _MARKER_TURNS, _MARKER_SPACING)
