"""The page itself, its files, and the form that asks for the token."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from aed.monitor.web.access import COOKIE, COOKIE_SECONDS, Access

STATIC = Path(__file__).parent / "static"
_SEE_OTHER = 303
_OK, _FORBIDDEN = 200, 403
_ASK_AGAIN = {"cache-control": "no-cache"}
"""A browser asks whether its copy is still the newest: after an update nobody sees the old page."""
_PLACE_OF_WRONG = "<!-- here stands what was wrong -->"
_WRONG = (
    '<p class="wrong" role="alert">This is not the token. It stands under <code>web.token</code> in the settings.</p>'
)

router = APIRouter(include_in_schema=False)


class PageFiles(StaticFiles):
    """Scripts, style and pictures."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, to be asked for again each time."""
        response = await super().get_response(path, scope)
        response.headers.update(_ASK_AGAIN)
        return response


@router.get("/")
def page(token: str | None = None) -> Response:
    """Return the page; a token in its address goes into a cookie, and out of sight."""
    if token is not None:
        return RedirectResponse("login?" + urlencode({"token": token}, errors="replace"), status_code=_SEE_OTHER)
    return FileResponse(STATIC / "index.html", headers=_ASK_AGAIN)


@router.get("/login")
def login(request: Request, token: str | None = None) -> Response:
    """Return the form that asks for the token, or let in whoever brings it in the address."""
    access: Access = request.app.state.access
    return _form() if token is None else _enter(access, token)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Let in whoever typed the token."""
    access: Access = request.app.state.access
    fields = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=1)
    return _enter(access, fields.get("token", [""])[0].strip())


@router.get("/favicon.ico")
def icon() -> Response:
    """Return the icon to browsers that do not read the page for it."""
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")


def _form(what_was_wrong: str = "", status: int = _OK) -> Response:
    text = (STATIC / "login.html").read_text(encoding="utf-8").replace(_PLACE_OF_WRONG, what_was_wrong)
    return HTMLResponse(text, status_code=status, headers=_ASK_AGAIN)


def _enter(access: Access, token: str) -> Response:
    if not access.is_open and not access.knows(token):
        return _form(_WRONG, _FORBIDDEN)
    response = RedirectResponse("./", status_code=_SEE_OTHER)
    if not access.is_open:
        response.set_cookie(
            COOKIE,
            access.cookie,
            max_age=COOKIE_SECONDS,
            httponly=True,
            secure=access.cookie_is_secure,
            samesite="lax",
        )
    return response
