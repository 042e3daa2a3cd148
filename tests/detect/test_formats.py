from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from aed.detect.event import Event
from aed.detect.formats import FORMATS, FileEvents, format_time, to_audacity, to_csv, to_jsonl, to_table
from aed.errors import ConfigError

DOG = Event(1.5, 3.25, 4, "d", "Dog", ("Animal", "Dog"), 0.91234)
WATER = Event(3661.0, 3662.5, 2, "w", "Water, other", ("Nature", "Water", "Water, other"), 0.5)
TWO = [FileEvents(Path("a, b.wav"), (DOG, WATER)), FileEvents(Path("quiet.wav"), ())]


def test_jsonl_has_one_object_an_event() -> None:
    lines = [json.loads(line) for line in to_jsonl(TWO).splitlines()]
    assert [line["file"] for line in lines] == ["a, b.wav", "a, b.wav"]
    assert lines[0]["path"] == ["Animal", "Dog"]
    assert (lines[0]["onset_seconds"], lines[0]["score"]) == (1.5, 0.9123)
    assert to_jsonl(TWO[1:]) == ""


def test_csv_can_be_read_back_with_commas_in_names() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TWO))))
    assert [row["name"] for row in rows] == ["Dog", "Water, other"]
    assert rows[0] == {
        "file": "a, b.wav",
        "onset_seconds": "1.5",
        "offset_seconds": "3.25",
        "node_id": "d",
        "name": "Dog",
        "path": "Animal > Dog",
        "score": "0.9123",
    }


def test_audacity_labels_are_tab_separated_and_of_one_recording() -> None:
    assert to_audacity(TWO[:1]).splitlines()[0] == "1.500000\t3.250000\tDog 0.91"
    with pytest.raises(ConfigError, match="one recording, got 2"):
        to_audacity(TWO)


def test_the_table_names_events_and_empty_recordings() -> None:
    text = to_table(TWO)
    assert "2 events in 2 recordings" in text
    assert "1:01:01.00" in text
    assert "nothing found" in text
    assert "Animal > Dog" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.00"), (59.999, "1:00.00"), (3599.5, "59:59.50"), (7325.25, "2:02:05.25")]
)
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


def test_every_format_is_offered() -> None:
    assert set(FORMATS) == {"table", "jsonl", "csv", "audacity"}
