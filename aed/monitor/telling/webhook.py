"""Telling by HTTP: every event as a JSON POST to an address, in order, until it answers with 2xx.

    POST <address>
    Content-Type: application/json
    Idempotency-Key: <id of the event>-<stage>
    X-Aed-Signature-256: sha256=<HMAC of the body in hexadecimal>      where a secret is set

A receiver that was told and whose answer was lost is told again, with the same key. Redirects are not followed: a POST
must not become a GET somewhere else.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import http.client
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import IO, Any

from pydantic import Field, SecretStr, field_validator

from aed import __version__
from aed.errors import RefusedError, TellingError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventStage
from aed.monitor.telling.errand_sink import LONGEST_PAUSE_SECONDS, ErrandSink, Teller
from aed.monitor.telling.message_json import event_to_dict, to_json
from aed.settings import Settings

SECRET_VARIABLE = "AED_WEBHOOK_SECRET"
"""Environment variable; used where the settings name no secret."""
SIGNATURE_HEADER = "X-Aed-Signature-256"
_REFUSALS = frozenset({400, 413, 414, 415, 422, 431})
"""Statuses that are about the message itself. The other 4xx are about the address or who may use it: a person can mend
that, and then the message is still to be told."""
_BUSY = frozenset({429, 503})


class WebhookConfig(Settings):
    """Where to post, and how.

    Attributes:
        name: Name of the sink.
        url: The address; may hold a secret.
        stages: What to tell of an event: that it has begun, that it is over.
        secret: Signs the body; else from the environment variable AED_WEBHOOK_SECRET; unsigned without.
        headers: More headers, such as an Authorization.
        timeout_seconds: How long to wait for an answer.
    """

    name: str = "webhook"
    url: SecretStr
    stages: tuple[EventStage, ...] = (EventStage.BEGUN, EventStage.OVER)
    secret: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    timeout_seconds: float = Field(default=10.0, gt=0, le=120)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        try:
            request = urllib.request.Request(url.get_secret_value())
        except ValueError as error:
            raise ValueError("expected an address such as http://server/hook") from error
        if request.type not in ("http", "https") or not request.host:
            raise ValueError("expected an address that begins with http:// or https://, with a host")
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            text = value.get_secret_value()
            if not name.replace("-", "").isalnum() or not name.isascii() or not (text.isascii() and text.isprintable()):
                raise ValueError(f"header '{name}': expected a name of letters, digits and '-', and a printable value")
        return headers


def webhook_sink(config: WebhookConfig, store: Store, bus: Bus) -> ErrandSink:
    """Return the sink that posts.

    Args:
        config: Where to.
        store: Where the errands are.
        bus: Who wakes it.
    """
    return ErrandSink(config.name, WebhookTeller(config), store, bus)


class WebhookTeller(Teller):
    """Posts events; arguments as of `webhook_sink`."""

    def __init__(self, config: WebhookConfig) -> None:
        self._config = config
        secret = config.secret.get_secret_value() if config.secret else os.environ.get(SECRET_VARIABLE, "")
        self._secret = secret.encode()
        self._opener = urllib.request.build_opener(_NoRedirect())

    def tell(self, errand: Errand) -> None:
        """Post one event; see `Teller.tell`."""
        if errand.stage in self._config.stages:
            body = to_json(event_to_dict(errand.stage, errand.heard)).encode()
            self._post(body, f"{errand.heard.id}-{errand.stage}")

    def _post(self, body: bytes, key: str) -> None:
        request = urllib.request.Request(self._config.url.get_secret_value(), body, self._headers(body, key))
        try:
            with self._opener.open(request, timeout=self._config.timeout_seconds):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise _error_of(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise TellingError(f"webhook: {request.host} cannot be reached: {error}") from error

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        headers = {name: value.get_secret_value() for name, value in self._config.headers.items()}
        headers |= {"Content-Type": "application/json", "User-Agent": f"aed/{__version__}", "Idempotency-Key": key}
        if self._secret:
            headers[SIGNATURE_HEADER] = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        return headers


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def _error_of(error: urllib.error.HTTPError) -> TellingError:
    what = f"webhook: the receiver answered {error.code} {error.reason}"
    if error.code in _REFUSALS:
        return RefusedError(what)
    if 300 <= error.code < 400:
        return TellingError(f"{what}: redirects are not followed, set the final address")
    return TellingError(what, _asked_pause(error) if error.code in _BUSY else None)


def _asked_pause(error: urllib.error.HTTPError) -> float | None:
    """Return the pause that a busy receiver asks for, in seconds, not longer than our longest."""
    asked = (error.headers.get("Retry-After") or "").strip()
    if asked.isdecimal():
        return min(float(asked), LONGEST_PAUSE_SECONDS)
    try:
        until = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return None
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_PAUSE_SECONDS)
