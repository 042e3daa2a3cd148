"""`aed listen`: what a microphone, a stream or a recording brings, told as it happens."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aed.cli.enrolled import EnrolledFolder, NoEnrolled, enrolled_sounds
from aed.errors import ConfigError
from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.detect.event import Event
    from aed.detect.health import HealthEvent
    from aed.detect.stream import Heard, StreamDetector
    from aed.monitor.sources.source import Source


class LiveFormat(StrEnum):
    """How what is heard is written."""

    TEXT = "text"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("listen")(_listen)


def _listen(
    source: Annotated[
        str, typer.Argument(help="mic:, mic:NAME, a file, file:NAME, or an address such as rtsp://camera/stream.")
    ],
    model: Annotated[
        Path,
        typer.Option("--model", help="A shipped model (home), the folder of a trained one, or an exported .onnx file."),
    ] = Path(DEFAULT_MODEL),
    output_format: Annotated[
        LiveFormat, typer.Option("--format", help="Lines for people, or JSON, one object a line.")
    ] = LiveFormat.TEXT,
    speed: Annotated[
        str, typer.Option("--speed", help="How fast a recording is played: 1, 50, or max.", metavar="NUMBER|max")
    ] = "1",
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", help="How sure an answer must be; what 'aed calibrate' found, else 0.5."),
    ] = None,
    longest: Annotated[
        float | None,
        typer.Option("--longest-seconds", help="Tell of a sound that goes on in parts of this length; never cut here."),
    ] = None,
    enrolled: EnrolledFolder = None,
    no_enrolled: NoEnrolled = False,
    device: Annotated[str, typer.Option("--device", help="Where to compute: cpu or cuda.")] = "cpu",
) -> None:
    """Listen, and print sound events as they begin and end, until the source ends or Ctrl-C.

    The events of a recording are exactly those that 'aed detect' finds in it, enrolled sounds ('aed enroll') among
    them. What is wrong with the source (a dead microphone, clipping, lost sound) is printed too.
    """
    from aed.api import load
    from aed.cli.detect import checked_probability
    from aed.detect.stream import StreamDetector
    from aed.monitor.sources.source import open_source

    sure = checked_probability(min_probability)
    loaded = load(model, device=device, enrolled=enrolled_sounds(enrolled, none=no_enrolled))
    config = loaded.detector_config if sure is None else loaded.config_as_sure(sure)
    if longest is not None:
        config = config.with_changes(max_event_seconds=longest)
    opened = open_source(source, loaded.scorer.layout.rate_hz, parse_speed(speed))
    stream = StreamDetector(loaded.scorer, opened.rate_hz, config)
    printer = _Printer(opened.is_live, output_format)
    typer.echo(
        f"listening to {opened.name} ({opened.rate_hz} Hz); an event is known {stream.delay_seconds:.1f} s after it at "
        "the latest, its end when it has been over for a while",
        err=True,
    )
    try:
        _hear(opened, stream, printer)
    except KeyboardInterrupt:
        typer.echo(f"stopped after {stream.seconds_seen:.1f} s", err=True)
    finally:
        opened.close()
        printer.print(stream.flush())


def parse_speed(text: str) -> float | None:
    """Read how fast a recording is played; None as fast as the machine can.

    Raises:
        ConfigError: It is neither a number nor "max".
    """
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--speed {text}: expected a number such as 1 or 50, or max") from None


def _hear(source: Source, stream: StreamDetector, printer: _Printer) -> None:
    started = time.monotonic()
    for piece in source.pieces():
        if piece.lost_seconds:
            printer.print(stream.gap(piece.lost_seconds))
        printer.print(stream.push(piece.samples))
        if source.is_live:
            printer.print(stream.clock(time.monotonic() - started))


class _Printer:
    """Prints what is heard, each line at once.

    Args:
        is_live: Whether times are those of the clock, else those of the recording.
        output_format: For people or as JSON.
    """

    def __init__(self, is_live: bool, output_format: LiveFormat) -> None:
        self._started = datetime.now(UTC) if is_live else None
        self._is_json = output_format is LiveFormat.JSONL

    def print(self, heard: Heard) -> None:
        """Print all of it."""
        for complaint in heard.health:
            self._health(complaint)
        for event in heard.begun:
            self._event("begins", event)
        for event in heard.events:
            self._event("event", event)

    def _event(self, what: str, event: Event) -> None:
        if self._is_json:
            return self._json({"type": what, **event.to_dict()}, event.onset_seconds)
        path = " > ".join(event.path)
        if what == "begins":
            return typer.echo(f"{self._time(event.onset_seconds)}  {path} ...  {event.score:.2f}")
        length = event.offset_seconds - event.onset_seconds
        return typer.echo(f"{self._time(event.onset_seconds)}  {path}  {length:.1f} s  {event.score:.2f}")

    def _health(self, event: HealthEvent) -> None:
        if self._is_json:
            return self._json({"type": "health", **event.to_dict()}, event.onset_seconds)
        return typer.echo(f"{self._time(event.onset_seconds)}  ! {event.complaint}: {event.message}")

    def _json(self, content: dict[str, Any], seconds: float) -> None:
        clock = (
            {"time": self._clock(seconds, self._started).isoformat(timespec="milliseconds")} if self._started else {}
        )
        typer.echo(json.dumps({**clock, **content}, ensure_ascii=False))

    def _time(self, seconds: float) -> str:
        """Time for people: on their own clock, or in the recording."""
        if self._started is not None:
            return f"{self._clock(seconds, self._started).astimezone():%H:%M:%S}"
        minutes, rest = divmod(seconds, 60)
        return f"{int(minutes)}:{rest:05.2f}"

    @staticmethod
    def _clock(seconds: float, started: datetime) -> datetime:
        return started + timedelta(seconds=seconds)
