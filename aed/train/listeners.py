"""Who watches a training run: lines of text for logs, TensorBoard for curves, and several at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aed.ontology.taxonomy import Taxonomy
from aed.train.dataset import FoldClips
from aed.train.run import Listener

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_LINE_SECONDS = 5.0
"""Time between two lines of text."""
_CURVE_STEPS = 10
"""Steps between two points of a curve."""


class Listeners:
    """Passes everything on to several listeners.

    Args:
        listeners: In the order in which they are told.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""
        for listener in self._listeners:
            listener.on_decode(what, done, total)

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""
        for listener in self._listeners:
            listener.on_start(steps, parameters, clips, taxonomy)

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        for listener in self._listeners:
            listener.on_step(done, losses)


class LineListener:
    """A line every few seconds: step, losses by name, time left.

    Args:
        write: Takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._steps = 0
        self._last_line = 0.0
        self._first: tuple[int, float] | None = None

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""
        if self._due() or done == total:
            self._write(f"{what} {done}/{total}")

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""
        self._steps = steps
        self._write(describe_start(parameters, clips, taxonomy))

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        now = time.monotonic()
        self._first = self._first or (done, now)
        if not self._due() and done != self._steps:
            return
        speed = (done - self._first[0]) / (now - self._first[1]) if now > self._first[1] else 0.0
        left = f"{duration((self._steps - done) / speed)} left" if speed else ""
        self._write(f"step {done}/{self._steps}  {describe_losses(losses)}  {left}".rstrip())

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._last_line < _LINE_SECONDS:
            return False
        self._last_line = now
        return True


class TensorBoardListener:
    """Curves of the losses; nothing is written before training begins.

    Args:
        folder: Where TensorBoard's event files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._steps = 0

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded; no curve."""

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""
        from torch.utils.tensorboard import SummaryWriter

        self._steps = steps
        self._writer = SummaryWriter(str(self._folder))
        self._writer.add_text("run", describe_start(parameters, clips, taxonomy))

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        if self._writer is None or (done % _CURVE_STEPS and done != self._steps):
            return
        for name, value in losses.items():
            self._writer.add_scalar(f"train/{name}", value, done)
        if done == self._steps:
            self._writer.close()


def describe_start(parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> str:
    """One line on what is trained."""
    held_out = f"fold {clips.fold} held out ({len(clips.test)} clips)" if clips.fold is not None else "nothing held out"
    left_out = f", {len(clips.left_out)} left out that share its content" if clips.left_out else ""
    teaching = f"{len(clips.teaching)} of other sources, " if clips.teaching else ""
    return (
        f"{parameters:,} parameters, {taxonomy.num_nodes} nodes, {len(clips.labelled)} labelled clips, {teaching}"
        f"{len(clips.unlabelled)} for consistency, {held_out}{left_out}"
    )


def describe_losses(losses: dict[str, float]) -> str:
    """Losses by name, in one line."""
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())


def duration(seconds: float) -> str:
    """Minutes and seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
