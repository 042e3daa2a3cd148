"""Telling by HTTP, to a real server that refuses, is busy, hangs, moves, and goes away."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.telling import errand_sink
from aed.monitor.telling.errand_sink import NUM_ATTEMPTS_AT_REFUSED, ErrandSink
from aed.monitor.telling.webhook import SECRET_VARIABLE, SIGNATURE_HEADER, WebhookConfig, webhook_sink
from tests.monitor.heard_events import Listener, wait_until
from tests.monitor.telling.http_receiver import Receiver


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errand_sink, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(errand_sink, "LONGEST_PAUSE_SECONDS", 0.1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def start(store: Store, url: str, **settings: Any) -> tuple[ErrandSink, Listener]:
    bus = Bus()
    sink = webhook_sink(WebhookConfig(url=url, **settings), store, bus)
    sink.start()
    return sink, Listener(store, bus, "webhook")


def test_events_are_posted_signed_with_a_key_and_headers(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver.url, secret="hush", headers={"Authorization": "Bearer token"})
    heard = listener.begin(1, 'a "hostile"\n<b>label</b> {0}')
    listener.end(heard)
    wait_until(lambda: not store.errands("webhook"))
    sink.close()
    began, ended = receiver.posted
    assert (began.method, began.path) == ("POST", "/hook")
    assert (began.json["stage"], began.json["id"]) == ("begun", heard.id)
    assert began.json["name"] == 'a "hostile"\n<b>label</b> {0}'
    assert (ended.json["stage"], ended.json["offset"]) == ("over", "2026-11-27T17:05:14.845+00:00")
    signature = "sha256=" + hmac.new(b"hush", began.body, hashlib.sha256).hexdigest()
    assert began.headers[SIGNATURE_HEADER] == signature
    assert began.headers["Idempotency-Key"] == f"{heard.id}-begun"
    assert began.headers["Authorization"] == "Bearer token"
    assert began.headers["Content-Type"] == "application/json"


def test_the_secret_may_come_from_the_environment_and_without_one_nothing_is_signed(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, listener = start(store, receiver.url)
    listener.begin(1)
    wait_until(lambda: receiver.posted)
    sink.close()
    assert SIGNATURE_HEADER not in receiver.posted[0].headers
    monkeypatch.setenv(SECRET_VARIABLE, "hush")
    sink, listener = start(store, receiver.url, stages=["over"])
    listener.end(listener.begin(2))
    wait_until(lambda: len(receiver.posted) == 2)
    sink.close()
    assert SIGNATURE_HEADER in receiver.posted[1].headers
    assert receiver.posted[1].json["stage"] == "over"


@pytest.mark.parametrize("status", [500, 503, 429, 408, 401, 404])
def test_what_was_not_taken_is_posted_again(store: Store, receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {})] * (NUM_ATTEMPTS_AT_REFUSED + 1)
    sink, listener = start(store, receiver.url)
    for number in range(3):
        listener.begin(number)
    wait_until(lambda: not store.errands("webhook"))
    sink.close()
    numbers = [int(each.json["id"][-5:]) for each in receiver.posted]
    assert numbers == [0] * (NUM_ATTEMPTS_AT_REFUSED + 1) + [0, 1, 2]
    assert sink.status.num_failed == NUM_ATTEMPTS_AT_REFUSED + 1
    assert sink.status.num_given_up == 0


def test_a_message_that_is_refused_for_itself_is_given_up(store: Store, receiver: Receiver) -> None:
    receiver.answers = [(400, {})] * NUM_ATTEMPTS_AT_REFUSED
    sink, listener = start(store, receiver.url)
    listener.begin(1)
    wait_until(lambda: "the receiver answered 400" in sink.status.trouble)
    listener.begin(2)
    wait_until(lambda: not store.errands("webhook"))
    sink.close()
    assert [int(each.json["id"][-5:]) for each in receiver.posted] == [1] * NUM_ATTEMPTS_AT_REFUSED + [2]
    assert sink.status.num_given_up == 1


def test_a_busy_receiver_is_given_the_time_it_asks_for(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aed.monitor.telling.webhook.LONGEST_PAUSE_SECONDS", 60.0)
    receiver.answers = [(429, {"Retry-After": "1"})]
    sink, listener = start(store, receiver.url)
    listener.begin(1)
    wait_until(lambda: len(receiver.posted) == 1)
    began = time.monotonic()
    wait_until(lambda: len(receiver.posted) == 2)
    assert time.monotonic() - began > 0.8
    sink.close()


@pytest.mark.parametrize("asked", ["soon", "", "-1", "Fri, 27 Nov 2020 17:00:00 GMT"])
def test_a_retry_after_that_is_none_or_past_is_no_trouble(store: Store, receiver: Receiver, asked: str) -> None:
    receiver.answers = [(503, {"Retry-After": asked})]
    sink, listener = start(store, receiver.url)
    listener.begin(1)
    wait_until(lambda: len(receiver.posted) == 2)
    sink.close()


def test_redirects_are_not_followed(store: Store, receiver: Receiver) -> None:
    other = Receiver()
    receiver.answers = [(status, {"Location": other.url}) for status in (301, 302, 303, 307)]
    sink, listener = start(store, receiver.url)
    listener.begin(1)
    wait_until(lambda: "redirects are not followed" in sink.status.trouble)
    wait_until(lambda: len(receiver.posted) == 5)
    sink.close()
    assert other.posted == []
    other.stop()


def test_a_receiver_that_hangs_is_given_up_on_and_asked_again(store: Store, receiver: Receiver) -> None:
    receiver.gate.clear()
    sink, listener = start(store, receiver.url, timeout_seconds=0.2)
    listener.begin(1)
    wait_until(lambda: "timed out" in sink.status.trouble)
    receiver.gate.set()
    wait_until(lambda: not store.errands("webhook"))
    sink.close()


def test_a_receiver_that_is_away_gets_everything_in_order_once(store: Store, receiver: Receiver) -> None:
    receiver.stop()
    sink, listener = start(store, receiver.url)
    for number in range(20):
        listener.end(listener.begin(number))
    wait_until(lambda: "cannot be reached" in sink.status.trouble)
    back = Receiver(receiver.port)
    wait_until(lambda: not store.errands("webhook"))
    sink.close()
    told = [(int(each.json["id"][-5:]), each.json["stage"]) for each in back.posted]
    assert told == [(number, stage) for number in range(20) for stage in ("begun", "over")]
    back.stop()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "file:///etc/passwd"}, "begins with http"),
        ({"url": "ftp://server/x"}, "begins with http"),
        ({"url": "server/x"}, "expected an address"),
        ({"url": "http://"}, "with a host"),
        ({"url": "http://x", "headers": {"X": "a\r\nY: b"}}, "printable"),
        ({"url": "http://x", "headers": {"X\r\nY": "b"}}, "expected a name"),
        ({"url": "http://x", "timeout_seconds": 0}, "timeout_seconds"),
        ({"url": "http://x", "stages": ["later"]}, "stages"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WebhookConfig(**settings)


def test_secrets_are_not_shown() -> None:
    config = WebhookConfig(url="http://x/token-in-url", secret="hush", headers={"Authorization": "Bearer token"})
    assert "token" not in repr(config) + str(config.model_dump())
    assert "hush" not in repr(config)
