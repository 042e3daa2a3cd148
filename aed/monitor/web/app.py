"""The application: every route behind one door."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse

from aed.errors import AedError
from aed.monitor.web import events, live, microphone_route, pages, state
from aed.monitor.web.access import Access
from aed.monitor.web.config import WebConfig
from aed.monitor.web.live import LiveHub
from aed.monitor.web.microphone_route import Microphones
from aed.monitor.web.parts import Parts
from aed.monitor.web.security import Guard
from aed.monitor.web.source_board import SourceBoard
from aed.settings import Settings

LONGEST_BODY_BYTES = 16 * 1024
"""The largest that the page sends is a mark, below 1 kB."""
_CANNOT_BE = 422
_UNAVAILABLE = 503


class Refusal(Settings):
    """Every answer that is none.

    Attributes:
        detail: What is wrong, and what was expected.
    """

    detail: str


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "The body is no JSON."},
    401: {"model": Refusal, "description": "The token is missing or wrong."},
    403: {"model": Refusal, "description": "Asked by a page that is not the dashboard's own."},
    404: {"model": Refusal, "description": "There is no such thing."},
    421: {"model": Refusal, "description": "Called by a name that is not the dashboard's."},
    _CANNOT_BE: {"model": Refusal, "description": "What was asked cannot be."},
    _UNAVAILABLE: {"model": Refusal, "description": "The memory cannot be used just now."},
}


def create_app(parts: Parts, config: WebConfig) -> FastAPI:
    """Return the dashboard as an ASGI application.

    `app.state.hub` tells open pages what happens, once somebody calls its `start`; it is to be closed with the app.

    Args:
        parts: What it is made of.
        config: Its settings.
    """
    app = FastAPI(
        title="aed monitor",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=LONGEST_BODY_BYTES,
        responses=_REFUSALS,
    )
    app.state.parts, app.state.access = parts, Access(config)
    app.state.board = SourceBoard(parts.sources)
    app.state.hub = LiveHub(parts.bus, parts.store, app.state.board, config.most_viewers)
    app.state.microphones = Microphones(config.most_microphones)
    for module in (events, state, live, microphone_route, pages):
        app.include_router(module.router)
    app.mount("/static", pages.PageFiles(directory=pages.STATIC))
    app.add_exception_handler(RequestValidationError, _say_what_cannot_be)
    app.add_exception_handler(AedError, _say_what_is_wrong)
    app.add_middleware(Guard, config=config, access=app.state.access)
    return app


def _say_what_cannot_be(request: Request, error: Exception) -> JSONResponse:
    """Without the wrong value itself, which may be anything."""
    assert isinstance(error, RequestValidationError)
    wrong = ["{}: {}".format(".".join(str(part) for part in each["loc"]), each["msg"]) for each in error.errors()]
    return JSONResponse({"detail": ascii("; ".join(wrong))[1:-1]}, status_code=_CANNOT_BE)


def _say_what_is_wrong(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=_UNAVAILABLE)
