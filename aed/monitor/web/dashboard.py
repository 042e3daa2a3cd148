"""The dashboard at work: a web server in a thread of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import TYPE_CHECKING

from aed.errors import AedError, ConfigError, missing_extra
from aed.monitor.web.config import WebConfig, is_address

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from aed.monitor.web.live import LiveHub
    from aed.monitor.web.parts import Parts
    from aed.monitor.web.server import Server

SPARE_CONNECTIONS = 32
"""Besides open pages and microphones: a browser opens six at a time to load the page."""
DEAD_AFTER_MILLISECONDS = 30_000
"""A device that left the network without a word gives its place back after this long."""
_CLOSE_SECONDS = 5.0
_GRACE_SECONDS = 1
_POLL_SECONDS = 0.01


class Dashboard:
    """Serves the page.

    Args:
        parts: What it is made of.
        config: Its settings.
    """

    def __init__(self, parts: Parts, config: WebConfig) -> None:
        self._parts, self._config = parts, config
        self._server: Server | None = None
        self._hub: LiveHub | None = None
        self._thread: threading.Thread | None = None
        self._port = config.port

    @property
    def address(self) -> str:
        """Where the page is; its true port once started."""
        host = self._config.host
        if is_address(host) and ipaddress.ip_address(host).is_unspecified:
            host = socket.gethostname()
        kind = "http" if self._config.certificate is None else "https"
        return f"{kind}://{f'[{host}]' if ':' in host else host}:{self._port}"

    def start(self) -> None:
        """Begin to serve; returns when the page can be opened.

        Raises:
            ConfigError: The address cannot be listened at, or the certificate cannot be read.
            MissingExtraError: The extra "monitor" is not installed.
        """
        try:
            from aed.monitor.web.app import create_app
            from aed.monitor.web.server import Server
        except ImportError as error:
            raise missing_extra("The dashboard", "monitor") from error
        app = create_app(self._parts, self._config)
        self._server = Server(self._server_config(app))
        listening = self._listen()
        self._hub = app.state.hub
        self._hub.start()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="dashboard", daemon=True
        )
        self._thread.start()
        _wait_until_started(self._server, self._thread)

    def close(self) -> None:
        """End; open pages are told by the end of their connection."""
        if self._hub is not None:
            self._hub.close()
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(_CLOSE_SECONDS)

    def _listen(self) -> socket.socket:
        host, port = self._config.host, self._config.port
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, kind, protocol)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _drop_the_dead(listening)
            listening.bind(address)
        except OSError as error:
            raise ConfigError(
                f"the dashboard cannot listen at {host}:{port} ({error.strerror or error}): name another host or port "
                "under web, or end the program that uses it"
            ) from error
        self._port = listening.getsockname()[1]
        return listening

    def _server_config(self, app: FastAPI) -> uvicorn.Config:
        import uvicorn

        from aed.monitor.web.microphone import LONGEST_FRAME_BYTES

        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=LONGEST_FRAME_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,  # an address may hold a token
            server_header=False,
            proxy_headers=False,
            limit_concurrency=self._config.most_viewers + self._config.most_microphones + SPARE_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=self._config.certificate,
            ssl_keyfile=self._config.certificate_key,
        )
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"cannot use the certificate {self._config.certificate} with the key {self._config.certificate_key} "
                f"({error}): expected two PEM files that belong together"
            ) from error
        return config


def _wait_until_started(server: Server, thread: threading.Thread) -> None:
    while not server.started and thread.is_alive():
        time.sleep(_POLL_SECONDS)
    if not server.started:
        raise AedError("the dashboard's server ended at once: see the messages above")


def _drop_the_dead(listening: socket.socket) -> None:
    """Have connections to devices that are gone end by themselves; connections inherit it."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
    if user_timeout is not None:
        listening.setsockopt(socket.IPPROTO_TCP, user_timeout, DEAD_AFTER_MILLISECONDS)
