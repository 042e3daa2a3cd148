"""Who may look: whoever knows the token, as a bearer or by a cookie that stands for it.

The cookie does not hold the token but a digest keyed with it, so that a stolen cookie tells nobody the token. Both are
compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from aed.monitor.web.config import WebConfig

COOKIE = "aed_dashboard"
COOKIE_SECONDS = 180 * 24 * 3600
"""Half a year: a household logs in once per device."""
_BEARER = "bearer "
_PURPOSE = b"aed dashboard cookie"


class Access:
    """Compares what a request brings with the token.

    Args:
        config: Settings; without a token everybody on this machine may look.
    """

    def __init__(self, config: WebConfig) -> None:
        self._token = None if config.token is None else config.token.get_secret_value().encode()
        self.cookie_is_secure = config.certificate is not None

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for."""
        return self._token is None

    @property
    def cookie(self) -> str:
        """What the cookie of somebody who knows the token holds."""
        return hmac.new(self._token or b"", _PURPOSE, hashlib.sha256).hexdigest()

    def knows(self, token: str) -> bool:
        """Return whether it is the token."""
        return self._token is not None and hmac.compare_digest(token.encode(errors="replace"), self._token)

    def allows(self, headers: Headers) -> bool:
        """Return whether a request with these headers may pass."""
        if self.is_open:
            return True
        authorization = headers.get("authorization", "")
        if authorization[: len(_BEARER)].casefold() == _BEARER:
            return self.knows(authorization[len(_BEARER) :].strip())
        return hmac.compare_digest(_cookie_in(headers).encode(errors="replace"), self.cookie.encode())


def _cookie_in(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
