"""What the page asks of the monitor itself: the tree, the sources, its troubles, its settings, its figures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import PlainTextResponse

from aed.monitor.web.masking import masked
from aed.monitor.web.parts import TheParts
from aed.monitor.web.source_board import SourceBoard
from aed.monitor.web.wire import health_message

MOST_TROUBLES = 500
"""On one page."""
_NOT_FOUND = 404
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["state"])


@router.get("/api/tree")
def tree(parts: TheParts) -> dict[str, Any]:
    """Return the tree of the model; probabilities on the wire come in the order of its nodes."""
    nodes = [
        {"id": node.id, "name": node.name, "parent": node.parent, "depth": node.depth, "kind": node.kind}
        for node in parts.taxonomy.nodes
    ]
    return {"task": parts.taxonomy.task, "nodes": nodes, "depth_first": list(parts.taxonomy.depth_first())}


@router.get("/api/sources")
def sources(request: Request, parts: TheParts) -> dict[str, Any]:
    """Return how every source fares just now."""
    board: SourceBoard = request.app.state.board
    return {"sources": board.to_list(), "takes_microphones": parts.open_browser_source is not None}


@router.get("/api/health")
def health(parts: TheParts, limit: Annotated[int, Query(ge=1, le=MOST_TROUBLES)] = 100) -> dict[str, Any]:
    """Return what was wrong with sources, and when it was right again, the newest first."""
    return {"health": [health_message(each) for each in parts.store.health(limit)]}


@router.get("/api/settings")
def settings(parts: TheParts) -> dict[str, Any]:
    """Return what the monitor was started with, without its secrets."""
    return {"settings": masked(parts.settings)}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(parts: TheParts) -> PlainTextResponse:
    """Return the monitor's figures for Prometheus."""
    if parts.metrics is None:
        raise HTTPException(_NOT_FOUND, "this monitor gives no figures: switch its Prometheus sink on")
    return PlainTextResponse(parts.metrics(), media_type=PROMETHEUS_TYPE)
