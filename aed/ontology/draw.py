"""Pictures of a taxonomy: as a tree in the terminal, and as a horizontal dendrogram in a PNG or SVG file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from aed.drawing import check_drawing, save_drawing
from aed.ontology.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The geometry of the picture, in inches, chosen by eye.
_ROW_INCHES = 0.21  # one leaf
_GAP_INCHES = 0.35  # room for the branches between two columns
_PADDING_INCHES = 0.07  # between a name and its branch
_MARGIN_INCHES = 0.15
_FONT_POINTS = 8.5
_LINE_POINTS = 0.8
_POINTS_PER_INCH = 72
_PNG_DOTS_PER_INCH = 150
_MAX_PNG_PIXELS = 32_000  # of the higher side; what picture viewers and the renderer take

_BRANCH_COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa7700", "#7755aa", "#008899", "#aa3377")
_QUIET_COLOUR = "#777777"  # the root, residual leaves, none of these


def terminal_tree(taxonomy: Taxonomy, annotations: Mapping[int, str] | None = None) -> Tree:
    """Return the taxonomy as a tree that rich can print.

    Args:
        taxonomy: What to show.
        annotations: What to write behind the name of a node, by its index (a label, a probability).
    """
    notes = annotations or {}

    def branch(index: int) -> Text:
        node = taxonomy.nodes[index]
        style = "" if node.kind == "concept" else "dim italic"
        text = Text(node.name, style=style if taxonomy.is_leaf(index) else f"bold {style}".strip())
        return text.append(f"  {notes[index]}", style="not bold cyan") if index in notes else text

    trees = {0: Tree(branch(0))}
    for index in taxonomy.answer_nodes:  # parents come first
        trees[index] = trees[taxonomy.nodes[index].parent].add(branch(index))
    return trees[0]


def draw_taxonomy(taxonomy: Taxonomy, path: Path, annotations: Mapping[int, str] | None = None) -> None:
    """Draw the taxonomy as a dendrogram that grows to the right; its height follows from the number of leaves.

    Args:
        taxonomy: What to draw.
        path: The picture; its suffix, .png or .svg, says the format.
        annotations: What to write behind the name of a node, by its index.

    Raises:
        ConfigError: The suffix names neither format.
        MissingExtraError: matplotlib is not installed.
        StorageError: The picture cannot be written.
    """
    check_drawing(path)
    figure = _figure(taxonomy, annotations or {})
    save_drawing(figure, path, min(_PNG_DOTS_PER_INCH, _MAX_PNG_PIXELS / max(figure.get_size_inches())))


def _figure(taxonomy: Taxonomy, notes: Mapping[int, str]) -> Figure:
    from matplotlib.figure import Figure

    names = [f"{node.name}  {notes[i]}" if i in notes else node.name for i, node in enumerate(taxonomy.nodes)]
    widths = [_text_inches(name, bold=not taxonomy.is_leaf(index)) for index, name in enumerate(names)]
    lefts, width = _columns(taxonomy, widths)
    rows = _rows(taxonomy)
    height = (len(taxonomy.leaves) + 1) * _ROW_INCHES
    figure = Figure(figsize=(width + 2 * _MARGIN_INCHES, height + 2 * _MARGIN_INCHES))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-_MARGIN_INCHES, width + _MARGIN_INCHES), ylim=(height, -_MARGIN_INCHES))
    axes.axis("off")
    for index in range(taxonomy.num_nodes):
        end = lefts[taxonomy.nodes[index].depth] + widths[index]
        _draw_name(axes, taxonomy, index, names[index], end - widths[index], rows[index])
        _draw_branches(axes, taxonomy, index, end, lefts, rows)
    return figure


def _text_inches(text: str, *, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(size=_FONT_POINTS, weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, prop=font).get_extents().width) / _POINTS_PER_INCH


def _columns(taxonomy: Taxonomy, widths: list[float]) -> tuple[list[float], float]:
    """Return the left edge of the column of each depth, and the width of all, in inches."""
    lefts = [0.0]
    for depth in range(taxonomy.max_depth + 1):
        here = [width for width, node in zip(widths, taxonomy.nodes, strict=True) if node.depth == depth]
        lefts.append(lefts[-1] + max(here) + _GAP_INCHES)
    return lefts, lefts[-1]


def _rows(taxonomy: Taxonomy) -> list[float]:
    """Return the inches from the top to each node: leaves one under the other, inner nodes amid their children."""
    rows = [0.0] * taxonomy.num_nodes
    below = 0

    def place(index: int) -> None:
        nonlocal below
        for child in taxonomy.children(index):
            place(child)
        if taxonomy.is_leaf(index):
            below += 1
            rows[index] = below * _ROW_INCHES
        else:
            children = taxonomy.children(index)
            rows[index] = (rows[children[0]] + rows[children[-1]]) / 2

    place(0)
    return rows


def _draw_name(axes: Axes, taxonomy: Taxonomy, index: int, name: str, left: float, row: float) -> None:
    is_concept = taxonomy.nodes[index].kind == "concept"
    axes.text(
        left,
        row,
        name,
        size=_FONT_POINTS,
        va="center",
        color=_colour(taxonomy, index) if is_concept else _QUIET_COLOUR,
        style="normal" if is_concept else "italic",
        weight="normal" if taxonomy.is_leaf(index) else "bold",
    )


def _draw_branches(
    axes: Axes, taxonomy: Taxonomy, index: int, name_end: float, lefts: list[float], rows: list[float]
) -> None:
    """Draw the lines from the end of a node's name to its children."""
    children = taxonomy.children(index)
    if not children:
        return
    child_left = lefts[taxonomy.nodes[index].depth + 1] - _PADDING_INCHES
    trunk, colour = child_left + _PADDING_INCHES - _GAP_INCHES / 2, _colour(taxonomy, index)
    axes.plot([name_end + _PADDING_INCHES, trunk], [rows[index]] * 2, color=colour, linewidth=_LINE_POINTS)
    axes.plot([trunk, trunk], [rows[children[0]], rows[children[-1]]], color=colour, linewidth=_LINE_POINTS)
    for child in children:
        axes.plot([trunk, child_left], [rows[child]] * 2, color=_colour(taxonomy, child), linewidth=_LINE_POINTS)


def _colour(taxonomy: Taxonomy, index: int) -> str:
    """Return one colour for each branch of the root."""
    if index == 0:
        return _QUIET_COLOUR
    branches = taxonomy.children(0)
    return _BRANCH_COLOURS[branches.index(taxonomy.at_depth(index, 1)) % len(_BRANCH_COLOURS)]
