"""One picture of an explanation: the sound, and below it for each decision what spoke for it and against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aed.drawing import check_drawing, save_drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aed.explain.decisions import Decision, Explanation

MOST_CHOICES = 6
"""Bars beside a decision that can still be read."""
_WIDTH_INCHES = 12.0
_ROW_INCHES = 1.9
_DOTS_PER_INCH = 120
_BARS_SHARE = 0.35
"""Width of the bars beside a spectrogram, relative to it."""
_BLUR = (1.0, 1.5)
"""Frames and mel bands: gradients change their sign from point to point, which the eye cannot add up."""
_FULL_COLOUR_QUANTILE = 0.995
"""Of the attributions' sizes, from which on the colour is full: a single loud spot would leave the rest white."""
_FREQUENCY_TICKS_HZ = (100, 300, 1_000, 3_000, 8_000)
_LONGEST_NAME = 34


def draw_explanation(explanation: Explanation, path: Path, title: str) -> None:
    """Draw an explanation, PNG or SVG by the suffix.

    Args:
        explanation: What is drawn.
        path: Where to write; an existing picture is replaced.
        title: Line above the picture.

    Raises:
        ConfigError: The suffix is another one.
        MissingExtraError: matplotlib is not installed.
        StorageError: The picture cannot be written.
    """
    check_drawing(path)
    from matplotlib.figure import Figure

    rows = 1 + len(explanation.decisions)
    figure = Figure(figsize=(_WIDTH_INCHES, _ROW_INCHES * rows), layout="constrained")
    axes = figure.subplots(rows, 2, width_ratios=(1, _BARS_SHARE), squeeze=False)
    _draw_sound(axes[0, 0], explanation)
    axes[0, 1].axis("off")
    axes[0, 1].text(0, 0.5, _LEGEND, va="center", fontsize="small", transform=axes[0, 1].transAxes)
    for row, decision in enumerate(explanation.decisions, start=1):
        _draw_attribution(axes[row, 0], explanation, decision)
        _draw_choices(axes[row, 1], decision)
    axes[-1, 0].set_xlabel("time (s)")
    figure.suptitle(title)
    save_drawing(figure, path, _DOTS_PER_INCH)


_LEGEND = "Each row is one decision of the tree.\nRed spoke for the choice, blue against it.\nBars: P(child | parent)."


def _draw_sound(axes: Axes, explanation: Explanation) -> None:
    axes.imshow(explanation.frames.T, cmap="magma", vmin=0, **_place(explanation))
    axes.set_title("sound", loc="left", fontsize="medium")
    _mark_frequencies(axes, explanation)


def _draw_attribution(axes: Axes, explanation: Explanation, decision: Decision) -> None:
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(decision.attribution, _BLUR)
    full = float(np.quantile(np.abs(blurred), _FULL_COLOUR_QUANTILE)) or 1.0
    axes.imshow(explanation.frames.T, cmap="Greys", alpha=0.35, vmin=0, **_place(explanation))
    axes.imshow(blurred.T, cmap="RdBu_r", alpha=0.75, vmin=-full, vmax=full, **_place(explanation))
    axes.set_title(
        f"{decision.parent} > {decision.chosen.name}: {decision.chosen.probability:.2f}   "
        f"(whole path {decision.probability:.2f})",
        loc="left",
        fontsize="medium",
    )
    _mark_frequencies(axes, explanation)


def _draw_choices(axes: Axes, decision: Decision) -> None:
    choices = (decision.chosen, *decision.others)[:MOST_CHOICES]
    colours = ["#B2182B", *["#999999"] * (len(choices) - 1)]
    axes.barh(range(len(choices)), [choice.probability for choice in choices], color=colours)
    axes.set_yticks(range(len(choices)), [_shortened(choice.name) for choice in choices], fontsize="small")
    axes.set_ylim(max(3, len(choices)) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    left_out = len(decision.others) + 1 - len(choices)
    if left_out:
        axes.set_title(f"and {left_out} less likely", loc="right", fontsize="small")


def _place(explanation: Explanation) -> dict[str, Any]:
    frames, bands = explanation.frames.shape
    extent = (0.0, frames * explanation.frame_seconds, -0.5, bands - 0.5)
    return {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "extent": extent}


def _mark_frequencies(axes: Axes, explanation: Explanation) -> None:
    bands, lowest, highest = explanation.band_hz, explanation.band_hz[0], explanation.band_hz[-1]
    ticks = [hz for hz in _FREQUENCY_TICKS_HZ if lowest <= hz <= highest]
    axes.set_yticks(np.interp(ticks, bands, np.arange(len(bands))), [f"{hz:,}" for hz in ticks], fontsize="small")
    axes.set_ylabel("Hz", fontsize="small")


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
