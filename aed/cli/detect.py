"""`aed detect`: which sounds are in recordings, when, and how sure the model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from aed.cli.enrolled import EnrolledFolder, NoEnrolled, enrolled_sounds
from aed.errors import AudioError, ConfigError, DataError, MissingExtraError, StorageError
from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.detect.detector import DetectorConfig, ProgressCallback
    from aed.detect.event import Event
    from aed.detect.formats import FileEvents
    from aed.detect.timeline import Timeline
    from aed.scorer.protocol import Scorer

EXIT_SOME_SKIPPED = 1


@dataclass
class _Done:
    """What is done so far.

    Attributes:
        found: The events of each recording that was searched.
        drawn: Pictures that are written.
        skipped: Why a recording could not be read.
    """

    found: list[FileEvents] = field(default_factory=list)
    drawn: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class OutputFormat(StrEnum):
    """How events are written."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    DESED = "desed"
    AUDACITY = "audacity"
    RAVEN = "raven"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("detect")(_detect)


def _detect(
    sounds: Annotated[
        list[Path], typer.Argument(help="Recordings, and folders to search for them.", metavar="SOUND...")
    ],
    model: Annotated[
        Path,
        typer.Option("--model", help="A shipped model (home), the folder of a trained one, or an exported .onnx file."),
    ] = Path(DEFAULT_MODEL),
    output_format: Annotated[
        OutputFormat,
        typer.Option("--format", help="How to write the events; audacity and raven are for one recording."),
    ] = OutputFormat.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="Write the events to this file.")] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw", help="Draw a timeline, .png or .svg; of several recordings one each, their names added."
        ),
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", help="How sure an answer must be; what 'aed calibrate' found, else 0.5."),
    ] = None,
    enrolled: EnrolledFolder = None,
    no_enrolled: NoEnrolled = False,
    device: Annotated[str, typer.Option("--device", help="Where to compute: cpu or cuda.")] = "cpu",
) -> None:
    """Find sound events in recordings of any length.

    A sound is named as exactly as the model is sure: "Dog", else "Domestic animals", else nothing. Sounds that were
    enrolled ('aed enroll') are found too. A recording that
    cannot be read is skipped and named at the end; the exit code is then 1. What was found before an interrupt or an
    error is written too.
    """
    from aed.api import load

    sure = checked_probability(min_probability)
    recordings = find_recordings(sounds)
    _check_outputs(recordings, output_format, out, draw)
    pictures = dict(zip(recordings, picture_paths(draw, recordings), strict=True)) if draw is not None else {}
    loaded = load(model, device=device, enrolled=enrolled_sounds(enrolled, none=no_enrolled))
    config = loaded.detector_config if sure is None else loaded.config_as_sure(sure)
    done = _Done()
    try:
        _detect_all(loaded.scorer, recordings, config, pictures, done)
    finally:  # hours of work are not lost to a full disk or an interrupt
        try:
            _write(done.found, output_format, out)
        finally:
            _report(done, len(recordings))
    if done.skipped:
        raise typer.Exit(EXIT_SOME_SKIPPED)


def find_recordings(sounds: Sequence[Path]) -> list[Path]:
    """List the files that were named and the audio files below the folders that were named (no hidden ones), each once.

    Raises:
        DataError: A folder holds no audio file.
    """
    from aed.data.audio_files import AUDIO_SUFFIXES, audio_paths

    found: dict[Path, Path] = {}
    for sound in sounds:
        below = [sound]
        if sound.is_dir():
            below = list(audio_paths(sound))
            if not below:
                raise DataError(
                    f"{sound}: no audio file in this folder; expected names that end in {' '.join(AUDIO_SUFFIXES)}"
                )
        for path in below:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def picture_paths(draw: Path, recordings: Sequence[Path]) -> list[Path]:
    """Name a picture for each recording: as asked for, or with the recording's name added where there are several."""
    if len(recordings) == 1:
        return [draw]
    names: list[str] = []
    for recording in recordings:
        number, name = 1, recording.stem
        while name in names:
            number += 1
            name = f"{recording.stem}-{number}"
        names.append(name)
    return [draw.with_name(f"{draw.stem}-{name}{draw.suffix}") for name in names]


def checked_probability(min_probability: float | None) -> float | None:
    """Return how sure the command line says an answer must be; None where it does not say.

    Raises:
        ConfigError: It is no probability.
    """
    if min_probability is not None and not 0 < min_probability < 1:
        raise ConfigError(f"--min-probability must lie between 0 and 1, got {min_probability}")
    return min_probability


def _check_outputs(
    recordings: Sequence[Path], output_format: OutputFormat, out: Path | None, draw: Path | None
) -> None:
    """Refuse before the long work what could only fail after it."""
    from aed.detect.formats import FORMATS_OF_ONE_RECORDING
    from aed.drawing import check_drawing
    from aed.storage import check_writable

    if output_format in FORMATS_OF_ONE_RECORDING and len(recordings) > 1:
        raise ConfigError(
            f"--format {output_format} writes the events of one recording, got {len(recordings)}: "
            "give one file at a time, or use --format csv"
        )
    if draw is not None:
        check_drawing(draw)
    for option, path in (("--out", out), ("--draw", draw)):
        if path is not None and path.is_dir():
            raise ConfigError(f"{option} {path} is a folder: expected the name of a file")
        if path is not None and path.resolve() in {recording.resolve() for recording in recordings}:
            raise ConfigError(f"{option} {path} is one of the recordings: choose another name")
        if path is not None:
            check_writable(path)


def _detect_all(
    scorer: Scorer, recordings: Sequence[Path], config: DetectorConfig, pictures: Mapping[Path, Path], done: _Done
) -> None:
    from aed.detect.draw import draw_timeline
    from aed.detect.formats import FileEvents
    from aed.detect.timeline import Timeline

    with _progress(len(recordings)) as progress:
        for number, recording in enumerate(recordings, start=1):
            timeline = Timeline(scorer.taxonomy, scorer.layout) if recording in pictures else None
            try:
                events = _detect_one(scorer, recording, config, timeline, progress(recording, number))
            except (AudioError, MissingExtraError) as error:
                if len(recordings) == 1:
                    raise
                done.skipped.append(str(error))
                continue
            done.found.append(FileEvents(recording, tuple(events)))
            if timeline is not None:
                draw_timeline(timeline, events, pictures[recording], recording.name)
                done.drawn.append(pictures[recording])


def _detect_one(
    scorer: Scorer, recording: Path, config: DetectorConfig, timeline: Timeline | None, progress: ProgressCallback
) -> list[Event]:
    from aed.detect.detector import detect_file

    if timeline is None:
        return detect_file(scorer, recording, config, progress=progress)
    return detect_file(
        scorer, recording, config, on_rows=timeline.add_rows, on_samples=timeline.add_samples, progress=progress
    )


def _write(found: Sequence[FileEvents], output_format: OutputFormat, out: Path | None) -> None:
    from aed.detect.formats import FORMATS, events_table
    from aed.storage import write_atomic

    if not found:
        return
    if out is not None:
        text = FORMATS[output_format](found)
        try:
            write_atomic(out, text)
        except StorageError:
            typer.echo(text, nl=False)
            raise
        typer.echo(f"written: {out}", err=True)
    elif output_format is OutputFormat.TABLE:
        Console().print(events_table(found))
    else:
        typer.echo(FORMATS[output_format](found), nl=False)


def _report(done: _Done, num_recordings: int) -> None:
    for picture in done.drawn:
        typer.echo(f"drawn: {picture}", err=True)
    if done.skipped:
        typer.echo(f"aed: error: skipped {len(done.skipped)} of {num_recordings} recordings:", err=True)
    for reason in done.skipped:
        typer.echo(f"  {reason}", err=True)
    left = num_recordings - len(done.found) - len(done.skipped)
    if left and done.found:
        typer.echo(f"aed: stopped with {left} of {num_recordings} recordings still to do", err=True)


@contextmanager
def _progress(num_recordings: int) -> Iterator[Callable[[Path, int], ProgressCallback]]:
    """Show a bar for the recording at work on stderr, where that is a terminal; gone when done."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("")

        def begin(recording: Path, number: int) -> ProgressCallback:
            from aed.audio.read import inspect

            seconds = inspect(recording).seconds
            bars.reset(task, total=seconds, description=f"{recording.name} ({number}/{num_recordings})")
            return lambda done: bars.update(task, completed=done)

        yield begin
