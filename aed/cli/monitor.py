"""`aed monitor`: listen for good, and tell what the rules say is worth telling."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aed.cli.enrolled import EnrolledFolder, NoEnrolled, enrolled_sounds
from aed.cli.listen import LiveFormat, parse_speed
from aed.errors import ConfigError, MissingExtraError, missing_extra

if TYPE_CHECKING:
    from aed.monitor.bus import Bus
    from aed.monitor.config import MonitorConfig
    from aed.monitor.memory.store import Store
    from aed.monitor.service import Monitor
    from aed.monitor.telling.prometheus import PrometheusSink
    from aed.monitor.telling.sink import Sink

DEFAULT_SOURCE = "mic:"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("monitor")(_monitor)


def _monitor(
    config: Annotated[
        Path | None, typer.Option("--config", help="Rules, sources and who is told: a YAML file such as home.yaml.")
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="mic:, file:NAME, rtsp://camera/stream; repeatable, instead of the config's.",
            metavar="ADDRESS",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a trained model, or its .onnx file; the config's without.")
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", help="How fast recordings are played: 1, 50, or max.", metavar="NUMBER|max")
    ] = "1",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the monitor's memory; the config's, else aed_monitor.")
    ] = None,
    started_at: Annotated[
        str | None,
        typer.Option(
            "--started-at",
            help="When recordings began, local time, such as 2026-11-01T22:00; now without.",
            metavar="TIME",
        ),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Serve no page.")] = False,
    output_format: Annotated[
        LiveFormat, typer.Option("--format", help="Lines for people, or JSON, one object a line.")
    ] = LiveFormat.TEXT,
    enrolled: EnrolledFolder = None,
    no_enrolled: NoEnrolled = False,
    device: Annotated[str, typer.Option("--device", help="Where to compute: cpu or cuda.")] = "cpu",
) -> None:
    """Listen to all sources at once, remember what is heard, and tell what the rules ask for, until Ctrl-C.

    A recording as a source shows what would have been told: its end ends the monitor.
    """
    settings = monitor_settings(config, sources or [], model, out, no_dashboard=no_dashboard)
    played = parse_speed(speed)
    began = parse_started_at(started_at, settings)
    run(settings, played, began, output_format, device, enrolled_sounds(enrolled, none=no_enrolled))


def monitor_settings(
    config: Path | None, addresses: list[str], model: Path | None, out: Path | None, *, no_dashboard: bool = False
) -> MonitorConfig:
    """Put the config file and the command line together; the command line has the last word.

    Raises:
        ConfigError: Something is wrong in the file.
    """
    from aed.monitor.config import MonitorConfig, SourceConfig, load_config

    settings = load_config(config) if config is not None else MonitorConfig()
    changes: dict[str, Any] = {}
    if addresses or not settings.sources:
        named = _named(addresses or [DEFAULT_SOURCE])
        changes["sources"] = {name: SourceConfig(address=address) for name, address in named.items()}
    if model is not None:
        changes["model"] = model
    if out is not None:
        changes["folder"] = out
    if no_dashboard:
        changes["dashboard"] = None
    return settings.model_copy(update=changes)


def parse_started_at(text: str | None, settings: MonitorConfig) -> datetime | None:
    """Read a local time.

    Raises:
        ConfigError: It is none.
    """
    if text is None:
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--started-at {text}: expected a local time such as 2026-11-01T22:00") from None
    if local.tzinfo is None and settings.zone is not None:
        local = local.replace(tzinfo=settings.zone)
    return local.astimezone(UTC)


def run(
    settings: MonitorConfig,
    speed: float | None,
    started_at: datetime | None,
    output_format: LiveFormat,
    device: str,
    enrolled: Path | Literal[False] | None = None,
) -> None:
    """Run a monitor until it ends by itself or is asked to."""
    from aed.api import load
    from aed.monitor.bus import Bus
    from aed.monitor.memory.store import Store
    from aed.monitor.service import Monitor
    from aed.monitor.telling.console import Console
    from aed.monitor.telling.sinks import make_sinks

    loaded = load(settings.model, device=device, enrolled=enrolled)
    store, bus = Store(settings.folder), Bus()
    console = Console(store, bus, is_json=output_format is LiveFormat.JSONL, out=_out, err=_err)
    try:
        sinks = make_sinks(settings, store, bus, loaded.taxonomy, loaded.thresholds)
        figures = _figures(settings, store, bus, sinks)
        monitor = Monitor(
            settings,
            loaded.scorer,
            loaded.detector_config,
            loaded.thresholds,
            store,
            bus,
            [console, *sinks, *([figures] if figures else [])],
            speed=speed,
            started_at=started_at,
        )
        for warning in monitor.warnings:
            _err(f"! {warning}")
        with _dashboard(settings, monitor, figures):
            _run_until_stopped(monitor)
    finally:
        store.close()


def _figures(settings: MonitorConfig, store: Store, bus: Bus, sinks: list[Sink]) -> PrometheusSink | None:
    """Who counts for Prometheus, if anybody can ask."""
    from aed.monitor.telling.sinks import make_figures

    if settings.prometheus is None and settings.dashboard is None:
        return None
    try:
        return make_figures(settings, store, bus, sinks)
    except MissingExtraError:
        if settings.prometheus is not None:
            raise
        return None  # the dashboard will say what is missing


@contextmanager
def _dashboard(settings: MonitorConfig, monitor: Monitor, figures: PrometheusSink | None) -> Iterator[None]:
    """Serve the page as long as the monitor runs."""
    if settings.dashboard is None:
        yield
        return
    try:
        from aed.monitor.web.dashboard import Dashboard
        from aed.monitor.web.parts import Parts
    except ImportError as error:
        raise missing_extra("The dashboard (--no-dashboard does without)", "monitor") from error
    parts = Parts(
        bus=monitor.bus,
        store=monitor.store,
        taxonomy=monitor.scorer.taxonomy,
        clips=monitor.clips_folder,
        sources=tuple(settings.sources),
        settings=settings.model_dump(mode="json", exclude_none=True),
        open_browser_source=monitor.listen_to,
        metrics=None if figures is None else lambda: figures.page()[0].decode(),
    )
    dashboard = Dashboard(parts, settings.dashboard)
    dashboard.start()
    _err(f"dashboard: {dashboard.address}")
    try:
        yield
    finally:
        dashboard.close()


def _run_until_stopped(monitor: Monitor) -> None:
    def stop(number: int, frame: object) -> None:
        monitor.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        monitor.start()
        monitor.wait()
    finally:
        monitor.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _named(addresses: Iterable[str]) -> dict[str, str]:
    """Give each address a name of plain signs: "rtsp://camera/stream" is camera_stream."""
    named: dict[str, str] = {}
    for address in addresses:
        kind, _, rest = address.partition(":")
        stem = Path(rest or kind).stem if kind == "file" or not rest else (rest.strip("/") or kind)
        plain = re.sub(r"[^A-Za-z0-9-]+", "_", stem if kind != "mic" else f"mic_{rest}").strip("_-") or kind
        number, name = 1, plain
        while name in named:
            number += 1
            name = f"{plain}_{number}"
        named[name] = address
    return named


def _out(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


def _err(line: str) -> None:
    typer.echo(line, err=True)
