"""A made home and somebody who asks its dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'monitor'")
pytest.importorskip("httpx2", reason="needs the extra 'dev'")

from fastapi.testclient import TestClient

from aed.monitor.web.app import create_app
from aed.monitor.web.config import WebConfig
from benchmarks.made_home import MadeHome

ADDRESS = "http://127.0.0.1:8765"
Client = Callable[..., TestClient]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[MadeHome]:
    home = MadeHome(tmp_path / "home")
    yield home
    home.store.close()


@pytest.fixture
def open_client(home: MadeHome) -> Iterator[Client]:
    """Opens clients of a dashboard with some settings and other parts."""
    hubs = []

    def opened(config: WebConfig | None = None, address: str = ADDRESS, **parts: Any) -> TestClient:
        app = create_app(home.parts(**parts), config or WebConfig())
        app.state.hub.start()
        hubs.append(app.state.hub)
        return TestClient(app, base_url=address, follow_redirects=False)

    yield opened
    for hub in hubs:
        hub.close()


@pytest.fixture
def client(open_client: Client) -> TestClient:
    return open_client()
