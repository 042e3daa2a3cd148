"""One picture of a recording: log spectrogram, probabilities of the nodes along the tree, events.

Everything is peaks per column (see `aed.detect.timeline`), so that a short event is still seen in the picture of an
hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aed.detect.event import Event
from aed.detect.timeline import Timeline
from aed.drawing import check_drawing, save_drawing
from aed.ontology.structure import Taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_NODES = 30
"""Rows of the probability panel that can still be read."""
MOST_LANES = 20
"""Rows of the event panel that can still be read."""
DRAWN_RANGE_DB = 70.0
"""From the loudest band down to black: what a room's noise leaves of a recording."""

_WIDTH_INCHES = 13.0
_SPECTROGRAM_INCHES = 2.2
_ROW_INCHES = 0.21
_PANEL_GAP_INCHES = 0.9
_DOTS_PER_INCH = 120
_THINNEST_EVENT = 1 / 800
"""Narrowest bar of an event, as a part of the picture's width."""
_FREQUENCY_TICKS_HZ = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_NICE_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)
_MOST_TIME_TICKS = 14


def draw_timeline(timeline: Timeline, events: Sequence[Event], path: Path, title: str) -> None:
    """Draw a recording, PNG or SVG by the suffix.

    Args:
        timeline: Spectrogram and probabilities.
        events: What was detected.
        path: Where to write; an existing picture is replaced.
        title: Line above the picture.

    Raises:
        ConfigError: The suffix is another one.
        MissingExtraError: matplotlib is not installed.
        StorageError: The picture cannot be written.
    """
    check_drawing(path)
    from matplotlib.figure import Figure

    nodes = drawn_nodes(timeline, events)
    lanes = event_lanes(timeline.taxonomy, events)
    heights = [_SPECTROGRAM_INCHES, _ROW_INCHES * max(3, len(nodes)), _ROW_INCHES * max(2, len(lanes))]
    size = (_WIDTH_INCHES, sum(heights) + _PANEL_GAP_INCHES * len(heights))
    figure = Figure(figsize=size, layout="constrained")
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    decibels = _draw_spectrogram(above, timeline)
    figure.colorbar(decibels, ax=above, label="dB", pad=0.01, aspect=10)
    shades = _draw_probabilities(middle, timeline, nodes)
    figure.colorbar(shades, ax=middle, label="P(node)", pad=0.01, aspect=10 * heights[1] / heights[0])
    _draw_events(below, timeline, events, lanes)
    _draw_time_axis(below, timeline.seconds)
    figure.suptitle(title)
    save_drawing(figure, path, _DOTS_PER_INCH)


def drawn_nodes(timeline: Timeline, events: Sequence[Event]) -> list[int]:
    """Choose up to `MOST_NODES` to draw, each with its path: events first, then the likeliest; along the tree."""
    probabilities, _ = timeline.probabilities()
    taxonomy = timeline.taxonomy
    peaks = probabilities.max(axis=0) if len(probabilities) else np.zeros(taxonomy.num_nodes)
    wanted = [event.node for event in sorted(events, key=lambda event: -event.score)]
    wanted += [int(node) for node in np.argsort(-peaks, kind="stable")]
    chosen: set[int] = set()
    for node in wanted:
        with_path = chosen | set(taxonomy.path(node))
        if len(with_path) <= MOST_NODES:
            chosen = with_path
    return [node for node in taxonomy.depth_first() if node in chosen]


def event_lanes(taxonomy: Taxonomy, events: Sequence[Event]) -> list[int]:
    """Choose the nodes that get a lane of events: the surest `MOST_LANES`, along the tree."""
    scores: dict[int, float] = {}
    for event in events:
        scores[event.node] = max(event.score, scores.get(event.node, 0.0))
    surest = set(sorted(scores, key=lambda node: -scores[node])[:MOST_LANES])
    return [node for node in taxonomy.depth_first() if node in surest]


def _draw_spectrogram(axes: Axes, timeline: Timeline) -> AxesImage:
    decibels, column_seconds = timeline.spectrogram_db()
    edges_hz = timeline.band_edges_hz
    bands = len(edges_hz) - 1
    image = axes.imshow(
        decibels.T if decibels.size else np.zeros((bands, 1)),
        aspect="auto",
        origin="lower",
        cmap="magma",
        interpolation="nearest",
        extent=(0, max(1, len(decibels)) * column_seconds, 0, bands),
        vmin=float(decibels.max(initial=-np.inf)) - DRAWN_RANGE_DB if decibels.size else None,
    )
    ticks = [hz for hz in _FREQUENCY_TICKS_HZ if edges_hz[0] <= hz <= edges_hz[-1]]
    axes.set_yticks(np.interp(ticks, edges_hz, np.arange(bands + 1)), [f"{hz:,}" for hz in ticks])
    axes.set_ylabel("Hz")
    axes.set_title("sound", loc="left", fontsize="medium")
    return image


def _draw_probabilities(axes: Axes, timeline: Timeline, nodes: Sequence[int]) -> AxesImage:
    probabilities, column_seconds = timeline.probabilities()
    drawn = probabilities[:, nodes].T if probabilities.size else np.zeros((len(nodes), 1))
    image = axes.imshow(
        drawn,
        aspect="auto",
        cmap="Blues",
        interpolation="nearest",
        vmin=0,
        vmax=1,
        extent=(0, drawn.shape[1] * column_seconds, len(nodes) - 0.5, -0.5),
    )
    tree = timeline.taxonomy
    names = ["    " * (tree.nodes[node].depth - 1) + tree.nodes[node].name for node in nodes]
    axes.set_yticks(range(len(nodes)), names, fontsize="small")
    for label in axes.get_yticklabels():
        label.set_horizontalalignment("left")
    axes.tick_params(axis="y", length=0, pad=_label_width_points(names))
    for place, node in enumerate(nodes[1:], start=1):
        if tree.nodes[node].depth == 1:
            axes.axhline(place - 0.5, color="grey", linewidth=0.6)
    axes.set_title(
        _panel_title("probabilities along the tree", len(nodes), tree.num_nodes - 1), loc="left", fontsize="medium"
    )
    return image


def _draw_events(axes: Axes, timeline: Timeline, events: Sequence[Event], lanes: Sequence[int]) -> None:
    taxonomy = timeline.taxonomy
    branches = list(taxonomy.children(0))
    thinnest = timeline.seconds * _THINNEST_EVENT
    for place, node in enumerate(lanes):
        bars = [
            (event.onset_seconds, max(thinnest, event.offset_seconds - event.onset_seconds))
            for event in events
            if event.node == node
        ]
        axes.broken_barh(bars, (place - 0.38, 0.76), color=f"C{branches.index(taxonomy.at_depth(node, 1)) % 10}")
    names = [f"{taxonomy.nodes[node].name} ({sum(event.node == node for event in events)})" for node in lanes]
    axes.set_yticks(range(len(lanes)), names, fontsize="small")
    axes.set_ylim(max(2, len(lanes)) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    kinds = len({event.node for event in events})
    title = _panel_title("events", len(lanes), kinds) if events else "events: nothing found"
    axes.set_title(title, loc="left", fontsize="medium")


def _draw_time_axis(axes: Axes, seconds: float) -> None:
    step = next((step for step in _NICE_STEPS_SECONDS if seconds / step <= _MOST_TIME_TICKS), _NICE_STEPS_SECONDS[-1])
    ticks = np.arange(0, seconds + step / 1000, step)
    axes.set_xticks(ticks, [_tick_label(float(tick), step) for tick in ticks])
    axes.set_xlim(0, max(seconds, step / 1000))
    axes.set_xlabel("time (h:min:s)" if seconds >= 3600 else "time (min:s)")


def _tick_label(seconds: float, step_seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{clock}:{rest:04.1f}" if step_seconds < 1 else f"{clock}:{rest:02.0f}"


def _panel_title(what: str, drawn: int, all_of_them: int) -> str:
    return what if drawn >= all_of_them else f"{what} (the {drawn} most likely of {all_of_them} nodes)"


def _label_width_points(names: Sequence[str]) -> float:
    """Room for left-aligned names: about 4.7 points a letter at the small font, half of that for an indenting space."""
    return max((2.4 * (len(name) - len(name.lstrip())) + 5.0 * len(name.lstrip()) for name in names), default=0.0) + 4
