"""Notifications to people, when an event begins, through the many services that apprise knows.

A node of a source that was just notified of is not notified of again during its cool-down; a second alarm of the same
kind in five minutes is known already. After an outage this leaves one notification of each kind, not the whole
backlog; all events are in the store.

Titles and bodies are templates of plain named fields, `{name} in {source} at {time}`. A field is only ever a text or a
number: nothing can be reached through it, and what a label or a source is called is never read as a template.
"""

from __future__ import annotations

import os
import string
import time
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr, field_validator

from aed.errors import ConfigError, TellingError, missing_extra
from aed.monitor.bus import Bus
from aed.monitor.memory.store import Errand, Store
from aed.monitor.messages import EventStage, HeardEvent
from aed.monitor.telling.errand_sink import ErrandSink, Teller
from aed.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise

URLS_VARIABLE = "AED_NOTIFY_URLS"
"""Environment variable: addresses with spaces between them; used where the settings name none."""
FIELDS: dict[str, str | float] = {
    "name": "Smoke detector, smoke alarm",
    "source": "kitchen",
    "path": "Alarm > Safety alarm > Smoke detector, smoke alarm",
    "score": 0.97,
    "level_dbfs": -23.4,
    "time": "2026-11-27 17:05:12",
    "delay_seconds": 2.5,
    "delay": "",
    "rule": "alarms",
    "reason": "0.97 is above the threshold 0.80",
    "id": "20261127T170512-1",
}
"""The fields of a template, with an example each. `time` is when it began, in local time; `delay_seconds` how long ago
that was; `delay` says so in words where it is minutes, and is empty where it is not."""
_LATE_SECONDS = 120.0


class NotifyConfig(Settings):
    """Whom to notify, of what, in which words.

    Attributes:
        name: Name of the sink.
        urls: Addresses of apprise; else from the environment variable AED_NOTIFY_URLS. They hold secrets.
        nodes: Names of nodes; only they and those below them are notified of. All where none is named.
        cool_down_seconds: How long the same node of the same source is not notified of again.
        title: Template of the title.
        body: Template of the body.
    """

    name: str = "notify"
    urls: tuple[SecretStr, ...] = ()
    nodes: tuple[str, ...] = ()
    cool_down_seconds: float = Field(default=300.0, ge=0)
    title: str = "{name} heard in {source}"
    body: str = "At {time}{delay}, {score:.0%} sure, {level_dbfs:.0f} dBFS. {reason}"

    @field_validator("title", "body")
    @classmethod
    def _is_template(cls, template: str) -> str:
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError as error:
            raise ValueError(f"the template cannot be read: {error}; write a brace as {{{{ or }}}}") from error
        for _, field, spec, conversion in parts:
            if field is not None and (field not in FIELDS or conversion or "{" in (spec or "")):
                raise ValueError(f"expected one of the fields {', '.join(FIELDS)}, got '{field}'")
        try:
            template.format(**FIELDS)
        except ValueError as error:
            raise ValueError(f"the template cannot be filled in: {error}") from error
        return template


def notify_sink(config: NotifyConfig, store: Store, bus: Bus) -> ErrandSink:
    """Return the sink that notifies.

    Args:
        config: Whom, and of what.
        store: Where the errands are.
        bus: Who wakes it.

    Raises:
        ConfigError: No address is named, or apprise does not know one.
        MissingExtraError: The library is not installed.
    """
    return ErrandSink(config.name, NotifyTeller(config), store, bus)


class NotifyTeller(Teller):
    """Notifies people; arguments as of `notify_sink`."""

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self._receivers = _receivers(config)
        self._last: dict[tuple[str, str], float] = {}
        self._reached: tuple[int, set[int]] = (0, set())

    def tell(self, errand: Errand) -> None:
        """Notify of an event that began; see `Teller.tell`."""
        heard = errand.heard
        if errand.stage != EventStage.BEGUN or not self._is_wanted(heard) or self._is_cooling_down(heard):
            return
        values = template_values(heard, datetime.now(UTC))
        self._notify(errand.key, self._config.title.format(**values), self._config.body.format(**values))
        self._last[heard.source, heard.event.node_id] = time.monotonic()

    def _notify(self, key: int, title: str, body: str) -> None:
        """Notify every receiver that has not got this one yet: a failure of one must not tell another twice."""
        if self._reached[0] != key:
            self._reached = (key, set())
        reached = self._reached[1]
        for number, receiver in enumerate(self._receivers):
            if number not in reached and receiver.notify(body=body, title=title, body_format="text"):
                reached.add(number)
        if missing := [str(number + 1) for number in range(len(self._receivers)) if number not in reached]:
            raise TellingError(f"notify: address {', '.join(missing)} of {len(self._receivers)} did not take it")

    def _is_wanted(self, heard: HeardEvent) -> bool:
        return not self._config.nodes or not set(self._config.nodes).isdisjoint(heard.event.path)

    def _is_cooling_down(self, heard: HeardEvent) -> bool:
        last = self._last.get((heard.source, heard.event.node_id))
        return last is not None and time.monotonic() - last < self._config.cool_down_seconds


def template_values(heard: HeardEvent, now: datetime) -> dict[str, Any]:
    """Return the fields of a template, texts without line breaks and other control characters."""
    delay_seconds = max((now - heard.onset).total_seconds(), 0.0)
    values = {
        "name": heard.event.name,
        "source": heard.source,
        "path": " > ".join(heard.event.path),
        "score": heard.event.score,
        "level_dbfs": heard.level_dbfs,
        "time": heard.onset.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        "delay_seconds": delay_seconds,
        "delay": f" ({delay_seconds / 60:.0f} minutes ago)" if delay_seconds >= _LATE_SECONDS else "",
        "rule": heard.rule or "",
        "reason": heard.reason,
        "id": heard.id,
    }
    return {key: _one_line(value) if isinstance(value, str) else value for key, value in values.items()}


def _one_line(text: str) -> str:
    """Replace control characters, line breaks and what turns the direction of writing by spaces."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)


def _receivers(config: NotifyConfig) -> list[Apprise]:
    try:
        from apprise import Apprise
    except ImportError as error:
        raise missing_extra("Notifying people", "monitor") from error
    urls = [url.get_secret_value() for url in config.urls] or os.environ.get(URLS_VARIABLE, "").split()
    if not urls:
        raise ConfigError(f"notify: no address is named: set urls, or the environment variable {URLS_VARIABLE}")
    receivers = []
    for number, url in enumerate(urls, start=1):
        receiver, service = Apprise(), Apprise.instantiate(url)
        if service is None or not receiver.add(service):
            raise ConfigError(f"notify: address {number} is none that apprise knows (it begins '{_scheme(url)}')")
        receivers.append(receiver)
    return receivers


def _scheme(url: str) -> str:
    """Return what of an address may be shown: the rest holds secrets."""
    return url.partition("://")[0][:20] + "://" if "://" in url else "without a scheme"
