"""The door: every request passes here before anything else sees it.

Asked in this order: is it called by a name that is ours (a foreign name that leads here is DNS rebinding), does it come
from our own page (a page elsewhere must not use a browser that is logged in here), does it know the token. Every
answer, also a refusal, tells the browser to run nothing but our own scripts and to show the page in no other.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aed.monitor.web.access import Access
from aed.monitor.web.config import WebConfig, is_address, is_loopback

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
LOGIN_PATH = "/login"
PAGE_PATHS = ("/", LOGIN_PATH)
"""A link elsewhere may lead here; everything else is for our own page."""
_PUBLIC_PREFIX = "/static/"
"""The page's own files: the same in every home, and the login page needs its style."""
_LOGIN_REFERRER_POLICY = "same-origin"
"""Under no-referrer a browser sends a form with the origin "null"."""
_POLICY_VIOLATION = 1008
"""Code of a WebSocket that is closed because it may not be."""


class Guard:
    """Lets pass what may.

    Args:
        app: What is guarded.
        config: Settings of the dashboard.
        access: Compares tokens.
    """

    def __init__(self, app: ASGIApp, config: WebConfig, access: Access) -> None:
        self._app, self._config, self._access = app, config, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(scope, send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
        else:
            await refusal(scope, receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host_name(host)):
            return _refused(
                421, f"this dashboard is not called '{host}': open it by its address, or add the name to web.names"
            )
        if not _is_from_our_page(scope, headers):
            return _refused(403, "only the dashboard's own page may ask for this")
        is_public = scope["path"] == LOGIN_PATH or scope["path"].startswith(_PUBLIC_PREFIX)
        return None if is_public or self._access.allows(headers) else _who_are_you(scope)

    def _is_ours(self, name: str) -> bool:
        """A name that somebody else owns can lead to this machine, a number cannot."""
        if is_loopback(name) or name in self._config.names:
            return True
        return not self._config.is_local_only and (is_address(name) or name == self._config.host.casefold())


def host_name(netloc: str) -> str:
    """Return the host of `host:port`, in small letters and without brackets; empty where it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_from_our_page(scope: Scope, headers: Headers) -> bool:
    """Whether no other page sent it: by what the browser says of the page, which that page cannot change.

    Who is no browser says nothing, and is nobody's page.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site in ("cross-site", "same-site"):
        return _is_followed_link(scope, headers)
    if origin == "null":
        return site == "same-origin"
    return origin is None or _netloc(origin) == headers.get("host", "").casefold()


def _is_followed_link(scope: Scope, headers: Headers) -> bool:
    """Whether somebody followed a link or an address to a page of ours."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"] in PAGE_PATHS
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return ""


def _who_are_you(scope: Scope) -> Response:
    if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/":
        query = scope.get("query_string", b"").decode("latin-1")
        return RedirectResponse(f"login?{query}" if query else "login", status_code=303)
    return _refused(
        401, "a token is needed: log in, or send 'Authorization: Bearer TOKEN'", {"www-authenticate": "Bearer"}
    )


def _refused(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)


def _with_headers(scope: Scope, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
            if scope["path"] == LOGIN_PATH:
                headers["referrer-policy"] = _LOGIN_REFERRER_POLICY
        await send(message)

    return send_with_headers
