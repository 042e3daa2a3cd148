"""Lines of JSON: one per message, in order, none of a form that other programs cannot read."""

from __future__ import annotations

import io
import json
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import numpy as np

from aed.monitor.bus import LONGEST_QUEUE, Bus
from aed.monitor.jsonl import JsonlConfig, JsonlSink
from aed.monitor.messages import (
    EventMessage,
    EventStage,
    HealthMessage,
    LevelMessage,
    Message,
    SourceMessage,
    SourceState,
)
from tests.monitor.heard_events import heard_event, wait_until

NOW = datetime(2026, 11, 27, 17, 5, 12, tzinfo=UTC)
MESSAGES: list[Message] = [
    SourceMessage("kitchen", NOW, SourceState.LISTENING, 0.5, "connected"),
    EventMessage(EventStage.BEGUN, heard_event(1)),
    LevelMessage("kitchen", NOW, float("-inf"), np.zeros(3, np.float32), None),
    EventMessage(EventStage.OVER, heard_event(1, is_over=True)),
    HealthMessage("kitchen", NOW, "dead", False, 'line\nbreak "quoted" \u2028'),
]


def written(config: JsonlConfig, messages: list[Message]) -> list[dict[str, Any]]:
    bus, stream = Bus(), io.StringIO()
    sink = JsonlSink(config, stream, bus)
    sink.start()
    for message in messages:
        bus.publish(message)
    sink.close()
    assert not sink.status.is_running
    assert sink.status.num_told == len(stream.getvalue().splitlines())

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in stream.getvalue().splitlines()]


def test_each_message_is_a_line_and_levels_only_by_setting() -> None:
    lines = written(JsonlConfig(), MESSAGES)
    assert [line["kind"] for line in lines] == ["source", "event", "event", "health"]
    assert lines[0] == {
        "kind": "source",
        "source": "kitchen",
        "time": "2026-11-27T17:05:12.000+00:00",
        "state": "listening",
        "lost_seconds": 0.5,
        "message": "connected",
    }
    assert [line["stage"] for line in lines[1:3]] == ["begun", "over"]
    assert lines[1]["id"] == lines[2]["id"] == heard_event(1).id
    assert lines[3]["message"] == 'line\nbreak "quoted" \u2028'
    level = written(JsonlConfig(levels=True), MESSAGES)[2]
    assert (level["kind"], level["level_dbfs"]) == ("level", None)


def test_a_slow_reader_holds_nobody_up_and_is_told_what_it_missed() -> None:
    reading, writing = os.pipe()
    bus, num_messages = Bus(), 3 * LONGEST_QUEUE
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as lines:
        sink = JsonlSink(JsonlConfig(), stream, bus)
        sink.start()
        for number in range(num_messages):
            bus.publish(EventMessage(EventStage.BEGUN, heard_event(number)))
        read: list[dict[str, Any]] = []
        reader = threading.Thread(target=lambda: read.extend(json.loads(line) for line in lines))
        reader.start()
        sink.close()
        stream.close()
        reader.join(10)
    lost = sum(line["num_messages"] for line in read if line["kind"] == "lost")
    numbers = [line["id"] for line in read if line["kind"] == "event"]
    assert lost > 0
    assert len(numbers) + lost == num_messages
    assert numbers == sorted(numbers)
    assert sink.status.num_given_up == lost


def test_a_reader_that_has_gone_is_said_and_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    bus, stream = Bus(), os.fdopen(writing, "w")
    sink = JsonlSink(JsonlConfig(), stream, bus)
    sink.start()
    bus.publish(MESSAGES[0])
    wait_until(lambda: not sink.status.is_running)
    assert "cannot write any more" in sink.status.trouble
    bus.publish(MESSAGES[1])
    sink.close()
    with suppress(BrokenPipeError):
        stream.close()
