"""What the page asks of events: a search, one of them, its clip, what somebody says of it, and the day at a glance."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as InPath
from pydantic import AwareDatetime, BeforeValidator, Field, model_validator
from starlette.responses import FileResponse

from aed.errors import OntologyError
from aed.monitor.memory.store import EventQuery, Mark, Verdict
from aed.monitor.messages import EventMessage, EventStage, HeardEvent, Outcome
from aed.monitor.web.parts import Parts, TheParts
from aed.monitor.web.wire import event_dict
from aed.ontology.structure import Taxonomy
from aed.settings import Settings

MOST_EVENTS = 500
"""On one page of a search."""
MOST_ON_TIMELINE = 3000
"""The newest; more would be a blot."""
LONGEST_TIMELINE_HOURS = 24.0 * 7
LONGEST_TEXT = 200
_ID = r"^[0-9A-Za-z-]{1,80}$"
_CLIP_NAME = re.compile(r"[0-9A-Za-z-]{1,80}\.flac")
_NOT_FOUND = 404
_CANNOT_BE = 422


def _from_text(value: object) -> object:
    """A time in ISO 8601, and not the seconds that pydantic would take too."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


Time = Annotated[AwareDatetime | None, BeforeValidator(_from_text)]
EventId = Annotated[str, InPath(pattern=_ID)]
EventIdInQuery = Annotated[str | None, Query(pattern=_ID)]
SearchText = Annotated[str | None, Query(max_length=LONGEST_TEXT)]

router = APIRouter(prefix="/api", tags=["events"])


class MarkBody(Settings):
    """What a person says of an event.

    Attributes:
        verdict: Whether its answer is right, wrong, or should have been another.
        node_id: What it was, by the id of a node of the tree; only where the verdict is "other", and then needed.
    """

    verdict: Verdict
    node_id: str | None = Field(default=None, max_length=LONGEST_TEXT)

    @model_validator(mode="after")
    def _other_names_which(self) -> MarkBody:
        if (self.verdict is Verdict.OTHER) != (self.node_id is not None):
            raise ValueError('node_id is expected where the verdict is "other", and only there')
        return self


@router.get("/events")
def search(
    parts: TheParts,
    since: Time = None,
    until: Time = None,
    source: SearchText = None,
    node: SearchText = None,
    outcome: Outcome | None = None,
    text: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    before: EventIdInQuery = None,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 50,
) -> dict[str, Any]:
    """Return events, the newest first, and from where to go on; `node` is a name or an id and covers what is below."""
    name = None if not node else _node_name(parts.taxonomy, node)
    query = EventQuery(since, until, source or None, name, outcome, text, before, limit + 1)
    found = parts.store.events(query)
    marks = parts.store.marks()
    events = [event_dict(heard, marks.get(heard.id)) for heard in found[:limit]]
    return {"events": events, "next": events[-1]["id"] if len(found) > limit else None}


@router.get("/timeline")
def timeline(
    parts: TheParts, hours: Annotated[float, Query(gt=0, le=LONGEST_TIMELINE_HOURS, allow_inf_nan=False)] = 24.0
) -> dict[str, Any]:
    """Return when something was heard in the last hours, in few words each."""
    until = datetime.now(UTC)
    since = until - timedelta(hours=hours)
    found = parts.store.events(EventQuery(since=since, limit=MOST_ON_TIMELINE))
    return {
        "since": since.isoformat(timespec="milliseconds"),
        "until": until.isoformat(timespec="milliseconds"),
        "is_cut": len(found) == MOST_ON_TIMELINE,
        "events": [_in_few_words(heard) for heard in found],
    }


@router.get("/events/{event_id}")
def event(parts: TheParts, event_id: EventId) -> dict[str, Any]:
    """Return one event."""
    return event_dict(_known(parts, event_id), parts.store.marks().get(event_id))


@router.get("/events/{event_id}/clip", response_class=FileResponse)
def clip(parts: TheParts, event_id: EventId) -> FileResponse:
    """Return the sound of an event as FLAC, whole or the range that is asked for."""
    heard = _known(parts, event_id)
    path = _clip_path(parts.clips, heard.clip)
    if path is None:
        raise HTTPException(_NOT_FOUND, f"no clip of event {event_id} is kept: {heard.clip_note or 'it was removed'}")
    return FileResponse(path, media_type="audio/flac", headers={"cache-control": "private, no-cache"})


@router.put("/events/{event_id}/mark")
def mark(parts: TheParts, event_id: EventId, body: MarkBody) -> dict[str, Any]:
    """Remember what a person says of an event, in place of what was said before; every open page learns of it."""
    heard = _known(parts, event_id)
    if body.node_id is not None and parts.taxonomy.node_for_concept(body.node_id) is None:
        raise HTTPException(_CANNOT_BE, f"the tree has no node with the id {body.node_id!a}: /api/tree lists them")
    said = Mark(event_id, body.verdict, body.node_id, datetime.now(UTC))
    parts.store.mark(said)
    parts.bus.publish(EventMessage(EventStage.CHANGED, heard))
    return event_dict(heard, said)


def _known(parts: Parts, event_id: str) -> HeardEvent:
    heard = parts.store.event(event_id)
    if heard is None:
        raise HTTPException(_NOT_FOUND, f"there is no event '{event_id}': it may be older than what is kept")
    return heard


def _node_name(taxonomy: Taxonomy, name_or_id: str) -> str:
    """The node's name; what the tree does not know may have been in that of an older model."""
    try:
        return taxonomy.nodes[taxonomy.find(name_or_id)].name
    except OntologyError:
        return name_or_id


def _clip_path(folder: Path, name: str | None) -> Path | None:
    """A file of that very folder, whatever the memory says; None where there is none."""
    if name is None or not _CLIP_NAME.fullmatch(name):
        return None
    path = folder / name
    return path if path.is_file() and not path.is_symlink() else None


def _in_few_words(heard: HeardEvent) -> dict[str, Any]:
    return {
        "id": heard.id,
        "onset": heard.onset.isoformat(timespec="milliseconds"),
        "source": heard.source,
        "name": heard.event.name,
        "top": heard.event.path[0] if heard.event.path else heard.event.name,
        "outcome": str(heard.outcome),
    }
