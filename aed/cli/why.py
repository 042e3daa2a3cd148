"""`aed why`: what the monitor heard at a moment of a recording, and why it told it or not."""

from __future__ import annotations

import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from aed.cli.enrolled import EnrolledFolder, NoEnrolled, enrolled_sounds
from aed.cli.monitor import monitor_settings, parse_started_at
from aed.errors import ConfigError

if TYPE_CHECKING:
    from aed.api import LoadedModel
    from aed.monitor.config import MonitorConfig
    from aed.monitor.why import Explanation

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("why")(_why)


def _why(
    recording: Annotated[Path, typer.Argument(help="The recording.", metavar="RECORDING")],
    at: Annotated[str, typer.Option("--at", help="The moment in it: 12:03.5, or seconds.", metavar="TIME")],
    config: Annotated[
        Path | None, typer.Option("--config", help="The monitor's rules; without it everything is told.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a trained model, or its .onnx file; the config's without.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--as-source", help="As which source it is heard; the config's first without.")
    ] = None,
    started_at: Annotated[
        str | None,
        typer.Option("--started-at", help="When it began, local time, such as 2026-11-01T22:00.", metavar="TIME"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    enrolled: EnrolledFolder = None,
    no_enrolled: NoEnrolled = False,
    device: Annotated[str, typer.Option("--device", help="Where to compute: cpu or cuda.")] = "cpu",
) -> None:
    """Explain a moment: per node its probability, its threshold and what came of it, then what the rules said.

    It is computed with the monitor's own code, from the beginning of the recording on.
    """
    from aed.api import load

    settings = monitor_settings(config, [f"file:{recording}"] if config is None else [], model, None)
    name = source or next(iter(settings.sources))
    began = parse_started_at(started_at, settings) or datetime.now(UTC)
    loaded = load(settings.model, device=device, enrolled=enrolled_sounds(enrolled, none=no_enrolled))
    explanation = _explain(settings, loaded, recording, name, parse_moment(at), began)
    if as_json:
        typer.echo(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=1))
    else:
        _print(explanation)


def parse_moment(text: str) -> float:
    """Read "12:03.5", "1:12:03.5" or "723.5" as seconds.

    Raises:
        ConfigError: It is no time.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"--at {text}: expected a time such as 12:03.5, or seconds")
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)


def _explain(
    settings: MonitorConfig, loaded: LoadedModel, recording: Path, name: str, at_seconds: float, began: datetime
) -> Explanation:
    from aed.monitor.bus import Bus
    from aed.monitor.memory.store import EventQuery, Store
    from aed.monitor.service import Monitor
    from aed.monitor.sources.file_source import FileSource
    from aed.monitor.why import Silent, explain

    settings = settings.model_copy(update={"clips": settings.clips.model_copy(update={"keep": "none"})})
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        try:
            tellers = [Silent(name) for name in settings.tellers()]
            usual, thresholds = loaded.detector_config, loaded.thresholds
            monitor = Monitor(settings, loaded.scorer, usual, thresholds, store, Bus(), tellers)
            return explain(
                monitor.parts,
                FileSource(recording, speed=None),
                name,
                at_seconds,
                began,
                lambda: store.events(EventQuery(limit=10_000))[::-1],
            )
        finally:
            store.close()


def _print(explanation: Explanation) -> None:
    table = Table("node", "probability", "believed from", "what came of it", "rule", title="What the model heard")
    for node in explanation.nodes:
        indent = "  " * (len(node.path) - 1)
        rules = ", ".join(node.rules) or "none"
        table.add_row(indent + node.name, f"{node.probability:.2f}", f"{node.threshold:.2f}", node.verdict, rules)
    console = Console()
    console.print(table)
    if not explanation.heard:
        console.print("no event at that moment")
    for heard in explanation.heard:
        event = heard.event
        stretch = f"{event.onset_seconds:.2f} to {event.offset_seconds:.2f} s"
        console.print(f"{' > '.join(event.path)}, {stretch}: {heard.outcome}: {heard.reason}", markup=False)
