"""What the dashboard is made of: whom it asks, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.sources.source import Source
from aed.ontology.structure import Taxonomy


@dataclass(frozen=True)
class Parts:
    """What the dashboard is made of.

    Attributes:
        bus: Brings what happens.
        store: Remembers what happened.
        taxonomy: The tree of the model.
        clips: Folder of the clips.
        sources: Names of the sources that are listened to from the start.
        settings: What the monitor was started with, as JSON-able values; secrets are masked before they are shown.
        open_browser_source: Starts to listen to a browser's microphone; None where that is not offered.
        metrics: Returns the figures for Prometheus; None where there are none.
    """

    bus: Bus
    store: Store
    taxonomy: Taxonomy
    clips: Path
    sources: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    open_browser_source: Callable[[Source], None] | None = None
    metrics: Callable[[], str] | None = None


def _parts_of(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


TheParts = Annotated[Parts, Depends(_parts_of)]
"""Argument of a route that needs them."""
