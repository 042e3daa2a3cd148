"""What the MQTT topics are called.

    <prefix>/available                       online, offline (last will)
    <prefix>/events                          JSON of each event when it begins and when it is over
    <prefix>/told                            id and stage of the event that was told last, for the next start
    <prefix>/<source>/available              online while it listens; a source that is lost or deaf is offline
    <prefix>/<source>/state                  starting, listening, lost, deaf, ended
    <prefix>/<source>/problem                ON while something is wrong with it
    <prefix>/<source>/health                 JSON: state, lost seconds, what is wrong
    <prefix>/<source>/audio/<label>          ON, OFF
    <prefix>/<source>/audio/dBFS             loudest level since the last one
    <prefix>/<source>/audio/rms              the same in steps of 16 bits

Sources and labels are written as in Frigate's topics: "Smoke detector, smoke alarm" is smoke_detector_smoke_alarm.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from aed.errors import ConfigError

RESERVED_LABELS = frozenset({"dbfs", "rms"})
_HASH_DIGITS = 8
_LONGEST = 80
"""Characters of a name in a topic; longer ones are cut and get a hash."""


def topic_part(name: str) -> str:
    """Return a name as one level of a topic: lower-case ASCII letters, digits and single underscores.

    A name that loses more by it than its signs and capitals gets a hash of the whole, so that two different names
    in another script stay different.
    """
    name = unicodedata.normalize("NFC", name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    part = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    is_whole = all(char.isascii() or unicodedata.normalize("NFKD", char)[0].isascii() for char in name)
    if part and is_whole and len(part) <= _LONGEST and part not in RESERVED_LABELS:
        return part
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{part[:_LONGEST]}_{digest}".strip("_")


@dataclass(frozen=True)
class Topics:
    """The topics under a prefix.

    Attributes:
        prefix: The first level or levels.
    """

    prefix: str

    @property
    def available(self) -> str:
        """Whether the monitor runs."""
        return f"{self.prefix}/available"

    @property
    def events(self) -> str:
        """The events."""
        return f"{self.prefix}/events"

    @property
    def told(self) -> str:
        """What was told last."""
        return f"{self.prefix}/told"

    def of_source(self, source: str, what: str) -> str:
        """Return the topic of something about a source."""
        return f"{self.prefix}/{topic_part(source)}/{what}"

    def label(self, source: str, name: str) -> str:
        """Return the topic of whether a node sounds."""
        return self.of_source(source, f"audio/{topic_part(name)}")

    @property
    def every_label(self) -> str:
        """A filter for what is under `audio` of every source."""
        return f"{self.prefix}/+/audio/+"


def refuse_same_topics(names: Iterable[str], what: str) -> None:
    """See that no two names would share a topic.

    Raises:
        ConfigError: Two do.
    """
    names_of: dict[str, str] = {}
    for name in names:
        other = names_of.setdefault(topic_part(name), name)
        if other != name:
            raise ConfigError(f"the {what} '{other}' and '{name}' would share one MQTT topic: rename one of them")
