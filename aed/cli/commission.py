"""`aed commission`: press your alarm's test button, and see what the monitor makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from aed.cli.enrolled import EnrolledFolder, NoEnrolled, enrolled_sounds
from aed.errors import ConfigError
from aed.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from aed.api import LoadedModel
    from aed.monitor.commission import Trial

EXIT_FAILED = 1
DEFAULT_SECONDS = 40.0
"""Two periods of either beat, some time to walk to the alarm, and the delay of the model."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("commission")(_commission)


def _commission(
    model: Annotated[
        Path,
        typer.Option("--model", help="A shipped model (home), the folder of a trained one, or an exported .onnx file."),
    ] = Path(DEFAULT_MODEL),
    source: Annotated[
        str, typer.Option("--source", help="What listens: mic:, rtsp://camera/stream, a recording.", metavar="ADDRESS")
    ] = "mic:",
    room: Annotated[str, typer.Option("--room", help="Where the alarm hangs, such as kitchen.")] = "home",
    seconds: Annotated[float, typer.Option("--seconds", min=1.0, help="How long to listen at most.")] = DEFAULT_SECONDS,
    data: Annotated[
        Path, typer.Option("--data", help="Trials are kept in the folder 'commission' of this one.")
    ] = Path("aed_monitor"),
    again: Annotated[bool, typer.Option("--replay", help="Hear all kept trials again; 1 where one got worse.")] = False,
    enrolled: EnrolledFolder = None,
    no_enrolled: NoEnrolled = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try an alarm: was it heard, how far does it stand out, how soon is it reported, and known by its beat.

    Each trial is kept, recording and figures. --replay hears all of them again, with another model or after a change:
    the exit code is 1 where an alarm that was heard is not, is known by another beat, or is heard later.
    """
    from aed.api import load

    folder, loaded = data / "commission", load(model, enrolled=enrolled_sounds(enrolled, none=no_enrolled))
    if again:
        return _replay(folder, loaded, as_json)
    typer.echo(f"listening to {source} for {seconds:g} s at most: press the test button of the alarm now", err=True)
    trial, kept = _try(loaded, source, room, seconds, folder)
    if as_json:
        typer.echo(trial.model_dump_json(indent=2))
    else:
        typer.echo(_described(trial))
        typer.echo(f"kept: {kept}; 'aed commission --replay' hears it again", err=True)
    if not trial.is_passed:
        raise typer.Exit(EXIT_FAILED)
    return None


def _try(loaded: LoadedModel, source: str, room: str, seconds: float, folder: Path) -> tuple[Trial, Path]:
    from aed.monitor.commission import AlarmTrial
    from aed.monitor.commission_files import keep_trial
    from aed.monitor.sources.source import open_source

    began = datetime.now(UTC)
    opened = open_source(source, loaded.scorer.layout.rate_hz, 1.0)
    trial, pieces, said = AlarmTrial(loaded.scorer, loaded.detector_config, opened.rate_hz), [], ""
    try:
        for piece in opened.pieces():
            trial.push(piece.samples)
            pieces.append(piece.samples)
            if trial.words != said:
                said = trial.words
                typer.echo(f"  {said}", err=True)
            if trial.is_settled or trial.seconds_seen >= seconds:
                break
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        opened.close()
    if not pieces:
        raise ConfigError(f"nothing came from {source}: 'aed doctor --source {source}' says why")
    found = trial.finish(room, source, began)
    return found, keep_trial(folder, found, np.concatenate(pieces), opened.rate_hz)


def _replay(folder: Path, loaded: LoadedModel, as_json: bool) -> None:
    from aed.monitor.commission_files import kept_trials, replay, worse

    lines, failed = [], 0
    for recording, kept in kept_trials(folder):
        again = replay(loaded.scorer, loaded.detector_config, recording, kept)
        problems = worse(kept, again)
        failed += bool(problems)
        lines.append({"recording": recording.name, "problems": problems, "now": again.model_dump()})
        if not as_json:
            typer.echo(f"{recording.name}: {'; '.join(problems) or 'as before'}")
    if as_json:
        typer.echo(json.dumps(lines, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _described(trial: Trial) -> str:
    if trial.snr_db is None:
        tone = "no tone stands out of the noise: was the button pressed, and is it loud enough here?"
    else:
        tone = (
            f"a tone at {trial.tone_hz:.0f} Hz stands {trial.snr_db:.0f} dB out of the noise in its third of an octave"
        )
    heard = "NOT HEARD as an alarm"
    if trial.heard_as is not None:
        heard = f"heard as {trial.heard_as}, reported {trial.report_delay_seconds:.1f} s after it began"
    beat = "its beat was not recognised: let it sound for two periods (8 s for smoke, 12 s for carbon monoxide)"
    if trial.verdict is not None:
        beat = f"its beat says {trial.verdict}, {trial.verdict_delay_seconds:.1f} s after it began"
    return "\n".join((f"{trial.room}: {heard}", f"  {tone}", f"  {beat}"))
