"""uvicorn's server, which looks around once a second and not ten times: a monitor runs for good on a small computer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import uvicorn

TICK_SECONDS = 1.0
_ON_THE_SECOND = 0
"""uvicorn counts tenths of a second, and does at a whole one what is due every second."""


class Server(uvicorn.Server):
    """Serves until it is told to stop.

    Args:
        config: uvicorn's settings.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Have it end; from any thread."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._is_told.set)

    async def main_loop(self) -> None:
        """Wait for the end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(_ON_THE_SECOND):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._is_told.wait()
