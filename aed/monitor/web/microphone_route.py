"""The WebSocket that a browser's microphone comes in by: how many, how long, and what they are called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketState

from aed.errors import AedError, AudioError
from aed.monitor.web.microphone import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, BrowserSource, SampleFormat
from aed.monitor.web.parts import TheParts

PATIENCE_SECONDS = 10.0
"""A browser that has sent nothing for so long is gone, even if its connection is not."""
PREFIX = "browser:"
_NAME = r"^[\w .-]{1,40}$"
"""No sign that means something in an MQTT topic, a path or a command."""
_POLICY_VIOLATION, _TRY_AGAIN_LATER, _GONE = 1008, 1013, 1001
_LONGEST_REASON_BYTES = 120
"""A WebSocket closes with at most 123 bytes of reason."""

router = APIRouter()


class Microphones:
    """The browsers that send their microphone just now.

    Args:
        most: At once.
    """

    def __init__(self, most: int) -> None:
        self._most, self._names = most, set[str]()

    @contextmanager
    def name(self, wanted: str) -> Iterator[str]:
        """Yield a name that no other has, for as long as it is used.

        Raises:
            AudioError: There are enough of them.
        """
        if len(self._names) >= self._most:
            raise AudioError(f"{self._most} browsers are listened to already: stop one, or raise web.most_microphones")
        names = (f"{PREFIX}{wanted}{'' if number == 1 else f' {number}'}" for number in range(1, self._most + 2))
        name = next(name for name in names if name not in self._names)
        self._names.add(name)
        try:
            yield name
        finally:
            self._names.remove(name)


@router.websocket("/api/microphone")
async def microphone(
    socket: WebSocket,
    parts: TheParts,
    rate_hz: Annotated[int, Query(ge=LOWEST_RATE_HZ, le=HIGHEST_RATE_HZ)],
    sample_format: SampleFormat = SampleFormat.FLOAT,
    name: Annotated[str, Query(pattern=_NAME)] = "device",
) -> None:
    """Listen to a browser until it stops."""
    microphones: Microphones = socket.app.state.microphones
    await socket.accept()
    try:
        if parts.open_browser_source is None:
            raise AudioError("this monitor does not listen to browsers")
        with microphones.name(name) as unique:
            source = BrowserSource(unique, rate_hz, sample_format)
            await run_in_threadpool(parts.open_browser_source, source)
            await socket.send_json({"source": unique})
            await _receive(socket, source)
    except AedError as error:
        await _close(socket, _TRY_AGAIN_LATER, str(error))


async def _receive(socket: WebSocket, source: BrowserSource) -> None:
    try:
        while not source.is_closed:
            async with asyncio.timeout(PATIENCE_SECONDS):
                message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                source.push(message["bytes"])
            else:
                source.lose(message.get("text") or "")
        await _close(socket, _GONE, "the monitor stopped listening to this device")
    except TimeoutError:
        await _close(socket, _GONE, f"nothing came for {PATIENCE_SECONDS:g} s")
    except AudioError as error:
        await _close(socket, _POLICY_VIOLATION, str(error))
    finally:
        source.close()


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        await socket.close(code, reason.encode()[:_LONGEST_REASON_BYTES].decode(errors="ignore"))
