from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed.detect.event import Event
from aed.detect.formats import (
    FORMATS,
    FileEvents,
    format_time,
    to_audacity,
    to_csv,
    to_desed,
    to_jsonl,
    to_raven,
    to_table,
)
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
    with pytest.raises(ConfigError, match="Audacity labels: expected one recording, got 2"):
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
    assert set(FORMATS) == {"table", "jsonl", "csv", "desed", "audacity", "raven"}


def test_desed_has_a_row_for_a_recording_without_events_and_names_without_folders() -> None:
    assert to_desed(
        [FileEvents(Path("kitchen/a.wav"), (DOG, WATER)), FileEvents(Path("quiet.wav"), ())]
    ).splitlines() == [
        "filename\tonset\toffset\tevent_label",
        "a.wav\t1.500\t3.250\tDog",
        "a.wav\t3661.000\t3662.500\tWater, other",
        "quiet.wav\t\t\t",
    ]
    with pytest.raises(ConfigError, match=r"two recordings are called 'a\.wav'"):
        to_desed([FileEvents(Path("kitchen/a.wav"), ()), FileEvents(Path("hall/a.wav"), ())])


def test_a_raven_selection_table_has_a_box_over_all_frequencies_for_each_event(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), 22_050)
    lines = to_raven([FileEvents(tmp_path / "a.wav", (DOG, WATER))]).splitlines()
    rows = list(csv.DictReader(lines, delimiter="\t"))
    assert lines[0].split("\t")[:7] == [
        *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
    ]
    assert [row["Selection"] for row in rows] == ["1", "2"]
    assert rows[0] == {
        "Selection": "1",
        "View": "Spectrogram 1",
        "Channel": "1",
        "Begin Time (s)": "1.500000",
        "End Time (s)": "3.250000",
        "Low Freq (Hz)": "0.0",
        "High Freq (Hz)": "11025.0",
        "Begin Path": str(tmp_path / "a.wav"),
        "Annotation": "Dog",
        "Score": "0.9123",
    }
    assert len(to_raven(TWO[1:]).splitlines()) == 1
    with pytest.raises(ConfigError, match="Raven selection table: expected one recording, got 2"):
        to_raven(TWO)
