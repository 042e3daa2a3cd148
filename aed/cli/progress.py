"""How far a training is: bars on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from aed.ontology.taxonomy import Taxonomy
    from aed.train.dataset import FoldClips
    from aed.train.run import Listener


@contextmanager
def progress_listener(title: str) -> Iterator[Listener]:
    """A bar on a terminal, lines elsewhere."""
    from aed.train.listeners import LineListener

    console = Console(stderr=True)
    if not console.is_terminal:
        yield LineListener(typer.echo)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield _BarListener(bars, title)


class _BarListener:
    """Progress bars for decoding and for training.

    Args:
        bars: Where to draw.
        title: What is trained.
    """

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars, self._title = bars, title
        self._task = bars.add_task(title, losses="", total=None)

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""
        self._bars.update(self._task, description=f"{self._title}: {what}", completed=done, total=total)

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""
        from aed.train.listeners import describe_start

        self._bars.console.print(describe_start(parameters, clips, taxonomy), highlight=False)
        self._bars.reset(self._task, description=self._title, total=steps)

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        from aed.train.listeners import describe_losses

        self._bars.update(self._task, completed=done, losses=describe_losses(losses))


@contextmanager
def fold_table(at_once: int, what: str) -> Iterator[Callable[[dict[int, str]], None]]:
    """The newest line of each fold, or of each part of one: redrawn on a terminal, elsewhere nothing."""
    from rich.live import Live

    console = Console(stderr=True)
    console.print(f"training {at_once} {what}s at once", highlight=False)
    if not console.is_terminal:
        yield lambda lines: None
        return
    with Live(console=console) as live:
        yield lambda lines: live.update(
            "\n".join(f"{what} {number}  {line or 'waiting'}" for number, line in lines.items())
        )


@contextmanager
def bar_for_each() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each kind of work on stderr, gone when done."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for one kind of work on stderr, gone when done."""
    with bar_for_each() as show:
        yield lambda done, total: show(what, done, total)
