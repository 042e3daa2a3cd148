"""Searching events, hearing their clips, saying what they were."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import soundfile

from aed.errors import StorageError
from aed.monitor.memory.store import Verdict
from aed.monitor.messages import EventMessage, EventStage, Outcome

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def three(home):
    """A dog at noon, a cat held back an hour later, a smoke alarm in another room the day after."""
    held = {"outcome": Outcome.HELD_BACK, "reason": "quiet hours 12:30-14:00", "with_clip": False}
    dog = home.publish(home.heard("Dog", onset=NOON))
    cat = home.publish(home.heard("Cat", onset=NOON + timedelta(hours=1), clip_note="the disk is full", **held))
    alarm = home.publish(home.heard("Smoke detector, smoke alarm", onset=NOON + timedelta(days=1), source="nursery"))
    return dog, cat, alarm


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["smoke", "Cat", "Dog"]),
        ({"node": "Animal"}, ["Cat", "Dog"]),
        ({"node": "animal"}, ["Cat", "Dog"]),
        ({"node": "/m/0jbk"}, ["Cat", "Dog"]),
        ({"node": "Of another model"}, []),
        ({"source": "nursery"}, ["smoke"]),
        ({"outcome": "held back"}, ["Cat"]),
        ({"text": "QUIET hours"}, ["Cat"]),
        ({"since": "2026-06-01T12:30:00Z"}, ["smoke", "Cat"]),
        ({"since": "2026-06-01T14:30:00+02:00", "until": "2026-06-02T00:00:00Z"}, ["Cat"]),
        ({"node": "", "source": "", "text": ""}, ["smoke", "Cat", "Dog"]),
    ],
)
def test_search(client, three, query, found) -> None:
    events = client.get("/api/events", params=query).json()["events"]
    assert [event["name"] for event in events] == ["Smoke detector, smoke alarm" if x == "smoke" else x for x in found]


def test_paging_goes_through_all_once(client, home) -> None:
    ids = [home.publish(home.heard(onset=NOON + timedelta(seconds=n), with_clip=False)).id for n in range(7)]
    seen, before = [], None
    for expected in (3, 3, 1):
        answer = client.get("/api/events", params={"limit": 3, **({"before": before} if before else {})}).json()
        assert len(answer["events"]) == expected
        seen += [event["id"] for event in answer["events"]]
        before = answer["next"]
    assert (seen, before) == (ids[::-1], None)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10_000},
        {"since": "yesterday"},
        {"until": "0.5"},
        {"since": "2026-06-01T12:00:00"},
        {"outcome": "lost"},
        {"before": "../x"},
        {"text": "x" * 201},
    ],
)
def test_a_search_that_cannot_be_is_refused_in_words(client, query) -> None:
    answer = client.get("/api/events", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["detail"]


def test_one_event_says_why_and_what_was_kept(client, three) -> None:
    event = client.get(f"/api/events/{three[1].id}").json()
    assert (event["reason"], event["has_clip"], event["clip_note"]) == (
        "quiet hours 12:30-14:00",
        False,
        "the disk is full",
    )
    assert client.get("/api/events/nothing").status_code == 404


def test_a_level_without_sound_can_be_told(client, home) -> None:
    heard = replace(home.heard(with_clip=False), level_dbfs=float("-inf"))
    home.store.save(heard)
    assert client.get(f"/api/events/{heard.id}").json()["level_dbfs"] == -120


def test_a_clip_comes_whole_or_in_parts(client, home, three) -> None:
    address = f"/api/events/{three[0].id}/clip"
    whole = client.get(address)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/flac")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.content == (home.clips / f"{three[0].id}.flac").read_bytes()
    samples, rate_hz = soundfile.read(io.BytesIO(whole.content))
    assert rate_hz == 16_000
    assert len(samples) > rate_hz
    part = client.get(address, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert client.get(address, headers={"range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert client.get(address, headers={"range": "bytes=9-1"}).status_code in (200, 400, 416)


def test_no_clip_says_why(client, home, three) -> None:
    answer = client.get(f"/api/events/{three[1].id}/clip")
    assert answer.status_code == 404
    assert "the disk is full" in answer.json()["detail"]
    (home.clips / f"{three[0].id}.flac").unlink()
    assert "it was removed" in client.get(f"/api/events/{three[0].id}/clip").json()["detail"]


@pytest.mark.parametrize(
    "name", ["../events.sqlite", "/etc/passwd", "..", "", "x/../y.flac", "a.wav", "a.flac\n", "link.flac"]
)
def test_no_name_in_the_memory_leads_out_of_the_folder(client, home, name: str) -> None:
    (home.clips / "a.wav").write_bytes(b"x")
    (home.clips / "a.flac\n").write_bytes(b"x")
    (home.clips / "link.flac").symlink_to(home.folder / "events.sqlite")
    heard = replace(home.heard(with_clip=False), clip=name)
    home.store.save(heard)
    assert client.get(f"/api/events/{heard.id}/clip").status_code == 404


@pytest.mark.parametrize("event_id", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a b", "x" * 81, "%00", "a.flac"])
def test_no_id_leads_anywhere_else(client, event_id: str) -> None:
    assert client.get(f"/api/events/{event_id}/clip").status_code in (404, 422)


def test_a_mark_is_stored_shown_replaced_and_told(client, home, three) -> None:
    dog = three[0]
    with home.bus.subscribe(EventMessage) as told:
        answer = client.put(f"/api/events/{dog.id}/mark", json={"verdict": "wrong"})
        assert answer.json()["mark"] == {"verdict": "wrong", "node_id": None}
        message = told.take(1.0)
    assert isinstance(message, EventMessage)
    assert (message.stage, message.heard.id) == (EventStage.CHANGED, dog.id)
    cat_id = home.taxonomy.nodes[home.taxonomy.find("Cat")].id
    client.put(f"/api/events/{dog.id}/mark", json={"verdict": "other", "node_id": cat_id})
    mark = home.store.marks()[dog.id]
    assert (mark.verdict, mark.node_id) == (Verdict.OTHER, cat_id)
    listed = {event["id"]: event["mark"] for event in client.get("/api/events").json()["events"]}
    assert listed[dog.id] == {"verdict": "other", "node_id": cat_id}
    assert listed[three[1].id] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "maybe"},
        {"verdict": "other"},
        {"verdict": "right", "node_id": "/m/01yrx"},
        {"verdict": "other", "node_id": "no such node"},
        {"verdict": "other", "node_id": "\ud800"},
        {"verdict": "wrong", "extra": 1},
        {"verdict": "other", "node_id": "x" * 300},
        [],
    ],
)
def test_a_mark_that_cannot_be_is_refused(client, home, three, body) -> None:
    import json

    answer = client.put(
        f"/api/events/{three[0].id}/mark",
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not home.store.marks()


def test_a_mark_of_nothing_and_a_body_that_is_none(client, three) -> None:
    assert client.put("/api/events/nothing/mark", json={"verdict": "right"}).status_code == 404
    address, deep = f"/api/events/{three[0].id}/mark", b"[" * 10_000
    for content in (b"", b"{", b"\xff", deep):
        answer = client.put(address, content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
    plain = client.put(address, content=b'{"verdict":"right"}', headers={"content-type": "text/plain"})
    assert plain.status_code == 422


def test_a_full_disk_is_said(client, home, three, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(mark) -> None:
        raise StorageError("cannot write: the disk is full; free some space")

    monkeypatch.setattr(home.store, "mark", full)
    answer = client.put(f"/api/events/{three[0].id}/mark", json={"verdict": "right"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "cannot write: the disk is full; free some space")


def test_the_timeline_shows_the_last_hours_alone(client, home, three) -> None:
    now = datetime.now(UTC)
    home.publish(home.heard("Knock", onset=now - timedelta(hours=2), with_clip=False))
    answer = client.get("/api/timeline", params={"hours": 24}).json()
    assert [(event["name"], event["top"]) for event in answer["events"]] == [("Knock", "Sounds of things")]
    assert not answer["is_cut"]
    assert client.get("/api/timeline", params={"hours": "nan"}).status_code == 422
    assert client.get("/api/timeline", params={"hours": 1e9}).status_code == 422
