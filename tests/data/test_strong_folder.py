from __future__ import annotations

from pathlib import Path

import pytest

from aed.data.check import check_dataset
from aed.data.source import known_info, load_source
from aed.data.strong_folder import NO_EVENT, load_events
from aed.errors import DataError, ManifestError
from tests.tiny_corpus import write_clip

TRUTH = "filename\tonset\toffset\tevent_label\na.wav\t0.1\t0.5\tSiren\na.wav\t0.4\t0.6\tDog\nsub/b.wav\t0\t0.2\tDog\n"
DURATIONS = "filename\tduration\na.wav\t1.2\nsub/b.wav\t1.2\nquiet.wav\t1.2\n"


def write_folder(folder: Path, *, audio: str = "audio", truth: str = TRUTH, durations: str | None = DURATIONS) -> Path:
    for name in ("a", "sub/b", "quiet"):
        write_clip(folder / audio / f"{name}.wav", longest_seconds=0.2)
    (folder / "truth.tsv").write_text(truth)
    if durations:
        (folder / "durations.tsv").write_text(durations)
    return folder


def test_a_recording_is_a_clip_of_all_that_sounds_in_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "rooms")
    loaded = load_source(f"strong:{folder}")
    assert {clip.clip_id: clip.labels for clip in loaded.clips} == {
        "rooms/a": ("Dog", "Siren"),
        "rooms/quiet": (NO_EVENT,),
        "rooms/sub/b": ("Dog",),
    }
    assert all(clip.path.is_file() and clip.dataset == "rooms" and not clip.mixed_of for clip in loaded.clips)
    assert len({clip.group for clip in loaded.clips}) == 3
    assert known_info(f"strong:{folder}").dataset == "rooms"
    assert load_source(f"strong:{folder / 'truth.tsv'}").clips == loaded.clips


def test_events_are_known_by_the_clips_id(tmp_path: Path) -> None:
    events = load_events(write_folder(tmp_path / "rooms"))
    found = {name: [(row.onset, row.offset, row.event_label) for row in rows] for name, rows in events.items()}
    assert found == {
        "rooms/a": [(0.1, 0.5, "Siren"), (0.4, 0.6, "Dog")],
        "rooms/quiet": [],
        "rooms/sub/b": [(0.0, 0.2, "Dog")],
    }


def test_recordings_may_lie_beside_the_table_and_durations_may_be_missing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "rooms", audio="", durations=None)
    assert [clip.clip_id for clip in load_source(f"strong:{folder}").clips] == ["rooms/a", "rooms/sub/b"]


def test_a_mixed_scene_tells_what_it_was_mixed_of(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "rooms")
    (folder / "sources.csv").write_text(
        "filename,kind,label,onset,offset,snr_db,clip_id,clip_onset,clip_offset,group\n"
        "a.wav,event,Siren,0.1,0.5,10,esc50/1,0,0.4,esc50:1\na.wav,background,,0,1.2,10,esc50/2,0,1.2,esc50:2\n"
    )
    mixed = {clip.clip_id: clip.mixed_of for clip in load_source(f"strong:{folder}").clips}
    assert mixed == {
        "rooms/a": {"esc50:1", "esc50:2"},
        "rooms/quiet": frozenset(),
        "rooms/sub/b": frozenset(),
    }


def test_it_is_checked_as_other_sources_are(tmp_path: Path) -> None:
    report = check_dataset(load_source(f"strong:{write_folder(tmp_path / 'rooms')}"))
    assert (report.present, report.expected, report.content_groups, report.damaged) == (3, 3, 3, ())
    assert [label.name for label in report.labels] == ["Dog", "Siren", NO_EVENT]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"truth": "filename\tonset\toffset\tevent_label\na.wav\t\t\t\n"}, DataError, "names no event"),
        ({"truth": TRUTH + "c.wav\t0\t1\tDog\n", "durations": None}, DataError, "1 of the 3 .*first is 'c.wav'"),
        ({"truth": TRUTH + "c.wav\t0\t1\tDog\n"}, ManifestError, "lacks 'c.wav'"),
        ({"truth": TRUTH.replace("0.5", "0.05")}, ManifestError, "line 2: an event from 0.1 to 0.05"),
        ({"truth": TRUTH.replace("onset", "start")}, ManifestError, "missing column onset"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, change: dict[str, str | None], error: type[Exception], message: str
) -> None:
    folder = write_folder(tmp_path / "rooms", **change)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        load_source(f"strong:{folder}")


def test_a_folder_without_a_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rooms: expected a table of truth, or a folder with truth\.tsv"):
        load_source(f"strong:{tmp_path / 'rooms'}")
