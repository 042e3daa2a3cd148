"""Errands: told once and in order, whatever fails in between, and never in the way of listening."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aed.errors import RefusedError, StorageError, TellingError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventStage
from aed.monitor.telling import errand_sink
from aed.monitor.telling.errand_sink import NUM_ATTEMPTS_AT_REFUSED, ErrandSink, Teller
from tests.monitor.heard_events import Listener, heard_event, wait_until


class FakeTeller(Teller):
    """Remembers what it told; fails as often as it is told to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.failures: list[TellingError] = []
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def open(self) -> None:
        self.calls.append("open")

    def tell(self, errand: Errand) -> None:
        self.gate.wait(30)
        if self.failures:
            raise self.failures.pop()
        self.told.append((errand.heard.id[-5:], str(errand.stage)))

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errand_sink, "FIRST_PAUSE_SECONDS", 0.02)


def test_errands_are_told_in_order_and_struck_off(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    store.save(heard_event(1), EventStage.BEGUN, ["x", "other"])  # before the start
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    listener = Listener(store, bus, "x", "other")
    second = listener.begin(2)
    listener.end(second)
    wait_until(lambda: len(teller.told) == 3)
    sink.close()
    assert teller.told == [("00001", "begun"), ("00002", "begun"), ("00002", "over")]
    assert store.errands("x") == []
    assert len(store.errands("other")) == 3
    assert (sink.status.num_told, sink.status.num_failed, sink.status.trouble) == (3, 0, "")
    assert teller.calls == ["open", "close"]
    assert not sink.status.is_running


def test_news_are_told_at_once(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    time.sleep(0.1)
    began = time.monotonic()
    Listener(store, bus, "x").begin(1)
    wait_until(lambda: teller.told)
    assert time.monotonic() - began < errand_sink.IDLE_SECONDS / 2
    sink.close()


def test_what_failed_is_tried_again_and_keeps_its_place(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    teller.failures = [TellingError("away") for _ in range(3)]
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    listener = Listener(store, bus, "x")
    for number in range(5):
        listener.begin(number)
    wait_until(lambda: len(teller.told) == 5)
    sink.close()
    assert [told[0] for told in teller.told] == [f"{number:05d}" for number in range(5)]
    assert sink.status.num_failed == 3


def test_trouble_is_shown_while_it_lasts_and_pauses_grow(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    teller.failures = [TellingError("the broker is away") for _ in range(1000)]
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    Listener(store, bus, "x").begin(1)
    wait_until(lambda: sink.status.trouble == "the broker is away")
    time.sleep(0.5)
    assert 3 <= sink.status.num_failed <= 8  # 0.02 + 0.04 + 0.08 + 0.16 + 0.32 s
    teller.failures = []
    wait_until(lambda: sink.status.trouble == "")
    sink.close()


def test_a_refused_message_does_not_hold_up_the_later_ones(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    teller.failures = [RefusedError("too long", 0.0) for _ in range(NUM_ATTEMPTS_AT_REFUSED)]
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    listener = Listener(store, bus, "x")
    listener.begin(1)
    listener.begin(2)
    wait_until(lambda: teller.told)
    sink.close()
    assert [told[0] for told in teller.told] == ["00002"]
    assert (sink.status.num_given_up, sink.status.num_told) == (1, 1)
    assert store.errands("x") == []


def test_what_was_told_is_not_told_again_when_it_cannot_be_struck_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, teller = Bus(), FakeTeller()
    strike_off, fails = store.strike_off, [True] * 3

    def full_disk(errand: Errand) -> None:
        if fails and fails.pop():
            raise StorageError("the disk is full")
        strike_off(errand)

    monkeypatch.setattr(store, "strike_off", full_disk)
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    Listener(store, bus, "x").begin(1)
    wait_until(lambda: teller.told and not store.errands("x"))
    sink.close()
    assert len(teller.told) == 1
    assert sink.status.num_failed == 3


def test_a_sink_that_hangs_neither_holds_up_the_listener_nor_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errand_sink, "DRAIN_SECONDS", 0.2)
    bus, teller = Bus(), FakeTeller()
    teller.gate.clear()
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    listener = Listener(store, bus, "x")
    began = time.monotonic()
    for number in range(20):
        listener.begin(number)
    assert time.monotonic() - began < 1.0
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 1.5
    assert len(store.errands("x")) == 20
    teller.failures = [TellingError("closed")]
    teller.gate.set()
    wait_until(lambda: not sink.status.is_running)


def test_what_comes_with_the_end_is_still_told(store: Store) -> None:
    bus, teller = Bus(), FakeTeller()
    sink = ErrandSink("x", teller, store, bus)
    sink.start()
    listener = Listener(store, bus, "x")
    for number in range(50):
        listener.begin(number)
    sink.close()
    assert len(teller.told) == 50


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    tellers = [FakeTeller(), FakeTeller()]
    tellers[0].failures = [TellingError("away", 60.0)]
    for teller in tellers:
        store, bus = Store(tmp_path), Bus()
        sink = ErrandSink("x", teller, store, bus)
        sink.start()
        if teller is tellers[0]:
            Listener(store, bus, "x").begin(1)
        wait_until(lambda sink=sink, teller=teller: sink.status.trouble or teller.told)
        sink.close()
        store.close()
    assert tellers[0].told == []
    assert tellers[1].told == [("00001", "begun")]


def test_the_store_counts_what_waits(store: Store) -> None:
    assert store.num_errands() == {}
    store.save(heard_event(1), EventStage.BEGUN, ["x", "y"])
    store.save(heard_event(1, is_over=True), EventStage.OVER, ["x"])
    assert store.num_errands() == {"x": 2, "y": 1}
