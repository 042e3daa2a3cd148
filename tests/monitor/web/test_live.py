"""What happens reaches every open page, and none of them can delay another."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from fastapi import HTTPException

from aed.monitor.bus import Bus
from aed.monitor.memory.store import Mark, Verdict
from aed.monitor.messages import EventMessage, EventStage, HealthMessage, LevelMessage, SourceMessage, SourceState
from aed.monitor.web import live
from aed.monitor.web.live import LiveHub, Viewer
from aed.monitor.web.source_board import SourceBoard
from aed.monitor.web.wire import FLOOR_DB, level_message

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def parsed(text: str) -> list[tuple[str, dict]]:
    events = [dict(line.split(": ", 1) for line in each.split("\n")) for each in text.strip().split("\n\n")]
    return [(event["event"], json.loads(event["data"])) for event in events]


def heard_by_a_page(home, *messages, wanted: int) -> list[tuple[str, dict]]:
    """What a page is sent of what is published."""

    async def look() -> list[tuple[str, dict]]:
        hub = LiveHub(home.bus, home.store, SourceBoard(home.sources), most_viewers=2)
        hub.start()
        found: list[tuple[str, dict]] = []
        try:
            with hub.viewer() as viewer:
                for message in messages:
                    home.bus.publish(message)
                async with asyncio.timeout(20):
                    async for text in viewer.texts():
                        found += parsed(text)
                        if len(found) >= wanted:
                            return found
        finally:
            await asyncio.to_thread(hub.close)
        return found

    return asyncio.run(look())


def test_every_kind_of_message_reaches_the_page(home) -> None:
    dog = home.heard("Dog")
    home.store.save(dog)
    home.store.mark(Mark(dog.id, Verdict.WRONG, None, NOW))
    found = heard_by_a_page(
        home,
        EventMessage(EventStage.BEGUN, dog),
        EventMessage(EventStage.CHANGED, dog),
        HealthMessage("kitchen", NOW, "dead", False, "every sample is 0"),
        SourceMessage("kitchen", NOW, SourceState.DEAF, 1.0, "nothing but zeros"),
        home.level("kitchen", home.sound("Dog"), Dog=0.8),
        wanted=5,
    )
    assert [name for name, _ in found] == ["heard", "heard", "health", "source", "level"]
    assert (found[0][1]["stage"], found[0][1]["event"]["name"], found[0][1]["event"]["mark"]) == ("begun", "Dog", None)
    assert found[1][1]["event"]["mark"] == {"verdict": "wrong", "node_id": None}
    assert (found[2][1]["complaint"], found[3][1]["state"]) == ("dead", "deaf")
    probabilities = np.frombuffer(base64.b64decode(found[4][1]["probabilities"]), dtype=np.uint8) / 255
    assert probabilities[home.taxonomy.find("Dog")] == pytest.approx(0.8, abs=0.002)


def test_a_line_break_in_a_label_is_no_event_of_its_own(home) -> None:
    dog = home.heard("Dog", label="Dog\n\nevent: level\ndata: {}\n\n", with_clip=False)
    ((name, data),) = heard_by_a_page(home, EventMessage(EventStage.BEGUN, dog), wanted=1)
    assert name == "heard"
    assert data["event"]["name"].startswith("Dog\n\nevent: level")


@pytest.mark.parametrize("level_dbfs", [-np.inf, np.inf, np.nan])
def test_numbers_that_json_does_not_know(level_dbfs: float) -> None:
    spectrum = np.array([np.nan, -np.inf, np.inf, FLOOR_DB / 2], dtype=np.float32)
    message = level_message(LevelMessage("kitchen", NOW, level_dbfs, spectrum, None))
    json.dumps(message, allow_nan=False)
    assert message["level_dbfs"] == -120
    assert list(base64.b64decode(message["spectrum"])) == [0, 0, 255, 128]


def test_a_full_queue_drops_the_oldest_and_says_so() -> None:
    async def look() -> str:
        viewer = Viewer(longest=3)
        for number in range(10):
            viewer.offer(f"event: n\ndata: {number}\n\n")
        return await anext(viewer.texts())

    assert parsed(asyncio.run(look())) == [("missed", {"messages": 7}), ("n", 7), ("n", 8), ("n", 9)]


def test_a_page_hears_that_the_connection_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)

    async def look() -> str:
        return await anext(Viewer().texts())

    assert asyncio.run(look()).startswith("event: still\n")


def test_pages_are_limited_and_give_their_place_back(home) -> None:
    async def look() -> None:
        hub = LiveHub(Bus(), home.store, SourceBoard(()), most_viewers=2)
        with hub.viewer(), hub.viewer():
            with pytest.raises(HTTPException) as refused, hub.viewer():
                pass
            assert refused.value.status_code == 503
            assert hub.num_viewers == 2
        assert hub.num_viewers == 0

    asyncio.run(look())


def test_closing_ends_every_page_and_the_thread(home) -> None:
    async def look() -> list[str]:
        hub = LiveHub(Bus(), home.store, SourceBoard(()), most_viewers=2)
        hub.start()
        closing = threading.Timer(0.1, hub.close)
        with hub.viewer() as viewer:
            closing.start()
            async with asyncio.timeout(20):
                texts = [text async for text in viewer.texts()]
        await asyncio.to_thread(closing.join)
        return texts

    assert asyncio.run(look()) == []
    assert "dashboard live" not in {thread.name for thread in threading.enumerate()}


def test_without_pages_nothing_is_written(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "sent_event", lambda *_: pytest.fail("written for nobody"))
    hub = LiveHub(home.bus, home.store, SourceBoard(()), most_viewers=1)
    hub.start()
    home.bus.publish(home.level("kitchen", home.sound("Dog")))
    hub.close()
