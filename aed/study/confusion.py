"""Picture of which leaf was taken for which, in the order of the tree, the branches of the root told apart by lines.

Colour is the share of the true leaf's clips (cividis: the same order of lightness for every kind of colour vision, and
in grey); the number in a cell is the count of clips, so nothing is told by colour alone.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aed.drawing import check_drawing, save_drawing
from aed.metrics.confusion import Confusion
from aed.ontology.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES_PER_LEAF = 0.36
_INCHES_AROUND = 3.2  # room for the names of leaves and branches
_SMALLEST_INCHES = 6.0
_DOTS_PER_INCH = 130
_LIGHT_SHARE = 0.55  # above it cividis is light enough for black digits
_LINE_POINTS = (1.8, 0.7)  # between branches of the root, and between those one level below
_BRACKET_GAP_LEAVES = 0.35


def draw_confusion(confusion: Confusion, taxonomy: Taxonomy, path: Path, title: str) -> None:
    """Draw the counts as a picture, PNG or SVG by the suffix.

    Args:
        confusion: Leaves and their counts.
        taxonomy: The tree whose leaves these are.
        path: Where to write; an existing picture is replaced.
        title: Line above the picture.

    Raises:
        ConfigError: The suffix is another one.
        MissingExtraError: matplotlib is not installed.
        StorageError: The picture cannot be written.
    """
    check_drawing(path)
    from matplotlib.figure import Figure

    side = max(_SMALLEST_INCHES, _INCHES_AROUND + _INCHES_PER_LEAF * len(confusion.leaves))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    _draw_cells(axes, confusion)
    _name_leaves(axes, [taxonomy.nodes[leaf].name for leaf in confusion.leaves])
    paths = [taxonomy.path(int(leaf)) for leaf in confusion.leaves]
    _separate_branches(axes, paths)
    _name_branches(axes, paths, taxonomy)
    axes.set_title(title)
    save_drawing(figure, path, _DOTS_PER_INCH, trimmed=True)


def _draw_cells(axes: Axes, confusion: Confusion) -> None:
    counts = confusion.counts
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "black" if shares[row, column] > _LIGHT_SHARE else "white"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize="small")
    assert axes.figure is not None, "the axes were made by a figure"
    axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, label="share of the true leaf's clips")


def _name_leaves(axes: Axes, names: list[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answered")
    axes.set_ylabel("true (digits: clips)")


def _separate_branches(axes: Axes, paths: list[tuple[int, ...]]) -> None:
    for depth, points in enumerate(_LINE_POINTS):
        for place, (before, after) in enumerate(pairwise(paths), start=1):
            if before[: depth + 1] != after[: depth + 1]:
                axes.axhline(place - 0.5, color="white", linewidth=points)
                axes.axvline(place - 0.5, color="white", linewidth=points)


def _name_branches(axes: Axes, paths: list[tuple[int, ...]], taxonomy: Taxonomy) -> None:
    start = 0
    for branch, members in groupby(path[0] for path in paths):
        end = start + len(list(members))
        edge = len(paths) - 0.5 + _BRACKET_GAP_LEAVES
        axes.plot([edge, edge], [start - 0.3, end - 0.7], color="black", clip_on=False)
        axes.text(
            edge + _BRACKET_GAP_LEAVES,
            (start + end - 1) / 2,
            taxonomy.nodes[branch].name,
            va="center",
            fontsize="small",
        )
        start = end
    axes.set_xlim(-0.5, len(paths) - 0.5)
    axes.set_ylim(len(paths) - 0.5, -0.5)
