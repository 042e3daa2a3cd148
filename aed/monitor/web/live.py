"""What happens, told to every open page at once, as server-sent events.

One thread takes from the bus and writes each message once, whatever the number of pages. Levels, which come many times
a second, wake no thread: as long as a page is open, the event loop fetches those of all sources at once. Each page has
a bounded queue of its own: one that cannot keep up loses the oldest, is told how many, and delays nobody.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from aed.monitor.bus import Bus, Subscription
from aed.monitor.memory.store import Store
from aed.monitor.messages import EventMessage, EventStage, HealthMessage, LevelMessage, Message, SourceMessage
from aed.monitor.web.source_board import SourceBoard
from aed.monitor.web.wire import event_message, health_message, level_message, sent_event, source_message

LONGEST_QUEUE = 240
"""Messages that wait for one page: those of four sources for about ten seconds."""
HEARTBEAT_SECONDS = 10.0
"""Without anything else to say: a page that hears nothing for longer knows that the connection is dead."""
RETRY_SECONDS = 2.0
LEVELS_EVERY_SECONDS = 0.2
"""As often as a source brings one."""
_HEARTBEAT = "event: still\ndata: here\n\n"
_ENOUGH_VIEWERS = 503
_NO_BUFFER = {"x-accel-buffering": "no"}
"""A proxy before the page must hand on each message at once."""

router = APIRouter(include_in_schema=False)


class Viewer:
    """The queue of one page; belongs to the event loop that made it.

    Args:
        longest: Most messages that wait.
    """

    def __init__(self, longest: int = LONGEST_QUEUE) -> None:
        self._waiting = deque[str](maxlen=longest)
        self._lock, self._num_dropped, self._is_closed = threading.Lock(), 0, False
        self._ready, self._loop, self._home = asyncio.Event(), asyncio.get_running_loop(), threading.get_ident()

    def offer(self, text: str) -> None:
        """Add a message, in place of the oldest where the queue is full; from any thread, never waits."""
        with self._lock:
            self._num_dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(text)
        self._wake()

    def close(self) -> None:
        """End the page's stream; from any thread."""
        self._is_closed = True
        self._wake()

    async def texts(self) -> AsyncIterator[str]:
        """Yield what is to be sent, until closed; a heartbeat where there is nothing."""
        while not self._is_closed:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._ready.wait()
            except TimeoutError:
                yield _HEARTBEAT
            self._ready.clear()
            if text := self._take():
                yield text

    def _take(self) -> str:
        with self._lock:
            missed, self._num_dropped = self._num_dropped, 0
            text = "".join(self._waiting)
            self._waiting.clear()
        return (sent_event("missed", {"messages": missed}) if missed else "") + text

    def _wake(self) -> None:
        if threading.get_ident() == self._home:
            self._ready.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)


class LiveHub:
    """Hands what the bus brings to the pages.

    Args:
        bus: Brings it.
        store: Knows what was said of an event.
        board: Is kept up to date on the way.
        most_viewers: Pages at once.
    """

    def __init__(self, bus: Bus, store: Store, board: SourceBoard, most_viewers: int) -> None:
        self._bus, self._store, self._board, self._most_viewers = bus, store, board, most_viewers
        self._viewers: tuple[Viewer, ...] = ()
        self._lock, self._stack, self._levels_stack = threading.Lock(), ExitStack(), ExitStack()
        self._news: Subscription | None = None
        self._levels: Subscription | None = None
        self._thread = threading.Thread(target=self._hand_on, name="dashboard live", daemon=True)

    def start(self) -> None:
        """Begin; what is published from now on reaches the pages."""
        self._news = self._stack.enter_context(self._bus.subscribe(EventMessage, HealthMessage, SourceMessage))
        self._thread.start()

    def close(self) -> None:
        """End, and every page's stream too."""
        self._stack.close()
        for viewer in self._viewers:
            viewer.close()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def num_viewers(self) -> int:
        """Pages that are open."""
        return len(self._viewers)

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Yield a queue for a page.

        Raises:
            HTTPException: There are enough pages.
        """
        viewer = Viewer()
        with self._lock:
            if len(self._viewers) >= self._most_viewers:
                raise HTTPException(
                    _ENOUGH_VIEWERS,
                    f"{self._most_viewers} pages are open already: close one, or raise web.most_viewers",
                )
            self._viewers += (viewer,)
        try:
            self._watch_levels()
            yield viewer
        finally:
            with self._lock:
                self._viewers = tuple(each for each in self._viewers if each is not viewer)

    def _hand_on(self) -> None:
        assert self._news is not None
        while (message := self._news.take()) is not None or not self._news.is_closed:
            if message is not None:
                self._board.note(message)
                self._tell(message)

    def _watch_levels(self) -> None:
        """Have the event loop of this thread hand on levels, from the first page on until there is none."""
        if self._levels is None:
            self._levels = self._levels_stack.enter_context(
                self._bus.subscribe(LevelMessage, quietly=(LevelMessage,), longest=LONGEST_QUEUE)
            )
            self._hand_on_levels()

    def _hand_on_levels(self) -> None:
        assert self._levels is not None
        while (message := self._levels.take(0)) is not None:
            self._board.note(message)
            self._tell(message)
        if self._viewers:
            asyncio.get_running_loop().call_later(LEVELS_EVERY_SECONDS, self._hand_on_levels)
        else:
            self._levels_stack.close()
            self._levels = None

    def _tell(self, message: Message) -> None:
        if viewers := self._viewers:
            text = self._text(message)
            for viewer in viewers:
                viewer.offer(text)

    def _text(self, message: Message) -> str:
        if isinstance(message, LevelMessage):
            return sent_event("level", level_message(message))
        if isinstance(message, EventMessage):
            marked = message.stage is EventStage.CHANGED
            mark = self._store.marks().get(message.heard.id) if marked else None
            return sent_event("heard", event_message(message, mark))
        if isinstance(message, HealthMessage):
            return sent_event("health", health_message(message))
        assert isinstance(message, SourceMessage)
        return sent_event("source", source_message(message))


@router.get("/api/live")
async def live(request: Request) -> Response:
    """Stream what happens, after how the sources fare just now."""
    return _LiveStream(request.app.state.hub, request.app.state.board)


class _LiveStream(Response):
    """Takes a place among the pages only when it is sent, and gives it back however that ends."""

    def __init__(self, hub: LiveHub, board: SourceBoard) -> None:
        super().__init__()
        self._hub, self._board = hub, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._hub.viewer() as viewer:
            stream = StreamingResponse(self._texts(viewer), media_type="text/event-stream", headers=_NO_BUFFER)
            await stream(scope, receive, send)

    async def _texts(self, viewer: Viewer) -> AsyncIterator[str]:
        yield f"retry: {round(RETRY_SECONDS * 1000)}\n" + sent_event("sources", {"sources": self._board.to_list()})
        async for text in viewer.texts():
            yield text
