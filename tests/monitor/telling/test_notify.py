"""Notifications through apprise to a real server: words, cool-down, no second notification for a failed first."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.errors import ConfigError
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Store
from aed.monitor.telling import errand_sink
from aed.monitor.telling.errand_sink import ErrandSink
from aed.monitor.telling.notify import FIELDS, URLS_VARIABLE, NotifyConfig, notify_sink, template_values
from tests.monitor.heard_events import START, Listener, heard_event, wait_until
from tests.monitor.telling.http_receiver import Receiver


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errand_sink, "FIRST_PAUSE_SECONDS", 0.02)


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


def address(receiver: Receiver) -> str:
    return f"json://127.0.0.1:{receiver.port}/hook"


def start(store: Store, *receivers: Receiver, **settings: Any) -> tuple[ErrandSink, Listener]:
    bus = Bus()
    config = NotifyConfig(urls=[address(each) for each in receivers], **settings)
    sink = notify_sink(config, store, bus)
    sink.start()
    return sink, Listener(store, bus, "notify")


def told(store: Store) -> bool:
    return not store.errands("notify")


def test_a_person_reads_what_was_heard_where_and_when(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver, body="{name} | {path} | {score:.2f} | {level_dbfs:.0f} | {id} | {rule}")
    listener.end(listener.begin(1))
    wait_until(lambda: told(store))
    sink.close()
    (posted,) = receiver.posted
    assert posted.json["title"] == "Bark heard in kitchen"
    expected = "Bark | Animal > Domestic animals, pets > Dog > Bark | 0.90 | -23 | 20261127T170512-00001 | animals"
    assert posted.json["message"] == expected


def test_the_usual_words_can_be_filled_in_and_say_when_it_is_late() -> None:
    config, heard = NotifyConfig(), heard_event(0)
    at_once = template_values(heard, START + timedelta(seconds=3))
    late = template_values(heard, START + timedelta(minutes=45))
    assert config.title.format(**at_once) == "Bark heard in kitchen"
    assert "minutes ago" not in config.body.format(**at_once)
    assert "(45 minutes ago), 90% sure, -23 dBFS. 0.90 is above 0.80" in config.body.format(**late)
    assert set(at_once) == set(FIELDS)
    assert template_values(heard, START - timedelta(hours=1))["delay_seconds"] == 0.0  # a clock that jumped back


def test_the_same_sound_is_quiet_during_its_cool_down_and_others_are_not(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver, cool_down_seconds=600.0)
    for number in range(5):
        listener.begin(number)
    listener.begin(5, source="bedroom")
    listener.begin(6, "Shatter")
    wait_until(lambda: told(store))
    sink.close()
    titles = [each.json["title"] for each in receiver.posted]
    assert titles == ["Bark heard in kitchen", "Bark heard in bedroom", "Shatter heard in kitchen"]


def test_after_its_cool_down_it_is_told_again(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver, cool_down_seconds=0.0)
    listener.begin(1)
    listener.begin(2)
    wait_until(lambda: told(store))
    sink.close()
    assert len(receiver.posted) == 2


def test_only_the_named_nodes_and_those_below(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver, nodes=["Safety alarm"])
    for number, name in enumerate(["Bark", "Smoke detector, smoke alarm", "Shatter", "Safety alarm"]):
        listener.begin(number, name)
    wait_until(lambda: told(store))
    sink.close()
    titles = [each.json["title"] for each in receiver.posted]
    assert titles == ["Smoke detector, smoke alarm heard in kitchen", "Safety alarm heard in kitchen"]


def test_one_address_that_fails_is_tried_again_and_the_other_not_told_twice(store: Store, receiver: Receiver) -> None:
    other = Receiver()
    other.answers = [(500, {})] * 2
    sink, listener = start(store, receiver, other)
    listener.begin(1)
    wait_until(lambda: sink.status.trouble == "notify: address 2 of 2 did not take it")
    wait_until(lambda: told(store))
    sink.close()
    assert len(receiver.posted) == 1
    assert len(other.posted) == 3
    other.stop()


def test_hostile_names_stay_text(store: Store, receiver: Receiver) -> None:
    sink, listener = start(store, receiver, title="{name}", body="{source}{{}}")
    name = "{source.__class__} {0} %s\r\nBcc: all\x00\u202e${HOME}"
    listener.begin(1, name, source="{id}")
    wait_until(lambda: told(store))
    sink.close()
    (posted,) = receiver.posted
    assert posted.json["title"] == "{source.__class__} {0} %s  Bcc: all  ${HOME}"
    assert posted.json["message"] == "{id}{}"


@pytest.mark.parametrize(
    "template",
    [
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{0}",
        "{}",
        "{password}",
        "{score:{level_dbfs}}",
        "{name:d}",
        "{name",
        "}",
    ],
)
def test_a_template_reaches_nothing_but_its_fields(template: str) -> None:
    with pytest.raises(ValueError, match=r"template|expected one of the fields"):
        NotifyConfig(urls=["json://x"], body=template)


@given(st.text(alphabet=string.ascii_letters + "{}!:.[]_<>%0123456789 "))
def test_a_template_that_is_taken_can_be_filled_in(template: str) -> None:
    try:
        config = NotifyConfig(title=template)
    except ValueError:
        return
    config.title.format(**template_values(replace(heard_event(1), rule=None), START))


def test_addresses_come_from_the_environment_and_wrong_ones_are_not_shown(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no address is named"):
        notify_sink(NotifyConfig(), store, Bus())
    monkeypatch.setenv(URLS_VARIABLE, f"{address(receiver)} {address(receiver)}")
    bus = Bus()
    sink = notify_sink(NotifyConfig(), store, bus)
    sink.start()
    Listener(store, bus, "notify").begin(1)
    wait_until(lambda: told(store))
    sink.close()
    assert len(receiver.posted) == 2
    with pytest.raises(ConfigError, match="address 2 is none that apprise knows") as error:
        notify_sink(NotifyConfig(urls=["json://x", "nothing://user:secret@host"]), store, Bus())
    assert "secret" not in str(error.value)
    assert "secret" not in repr(NotifyConfig(urls=["json://user:secret@host"]))
