"""How every source fares just now: gathered from what the bus brings."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aed.monitor.messages import HealthMessage, LevelMessage, Message, SourceMessage, SourceState


@dataclass
class _Card:
    """What is known of one source."""

    state: SourceState = SourceState.STARTING
    since: str | None = None
    lost_seconds: float = 0.0
    message: str = ""
    complaints: dict[str, str] = field(default_factory=dict)


class SourceBoard:
    """Keeps the newest state of every source.

    Args:
        names: The sources that are known from the start.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._cards = {name: _Card() for name in names}
        self._lock = threading.Lock()

    def note(self, message: Message) -> None:
        """Take a message into account."""
        with self._lock:
            if isinstance(message, SourceMessage):
                self._note_state(self._card(message.source), message)
            elif isinstance(message, HealthMessage):
                self._note_complaint(self._card(message.source), message)
            elif isinstance(message, LevelMessage) and self._card(message.source).state is SourceState.STARTING:
                self._card(message.source).state = SourceState.LISTENING

    def to_list(self) -> list[dict[str, Any]]:
        """Return the sources as JSON-able values, those that were first known first."""
        with self._lock:
            return [
                {
                    "name": name,
                    "state": str(card.state),
                    "since": card.since,
                    "lost_seconds": round(card.lost_seconds, 3),
                    "message": card.message,
                    "complaints": [{"complaint": each, "message": text} for each, text in card.complaints.items()],
                }
                for name, card in self._cards.items()
            ]

    def _card(self, name: str) -> _Card:
        return self._cards.setdefault(name, _Card())

    def _note_state(self, card: _Card, message: SourceMessage) -> None:
        card.state, card.message, card.lost_seconds = message.state, message.message, message.lost_seconds
        card.since = message.time.isoformat(timespec="milliseconds")
        if message.state is SourceState.ENDED:
            card.complaints.clear()

    def _note_complaint(self, card: _Card, message: HealthMessage) -> None:
        if message.is_over:
            card.complaints.pop(message.complaint, None)
        else:
            card.complaints[message.complaint] = message.message
