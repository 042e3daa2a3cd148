"""What a sink is: somebody who tells others what the monitor heard, in a thread of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class SinkStatus:
    """How a sink fares.

    Attributes:
        is_running: Whether its thread lives.
        trouble: What is wrong just now, for people, and how to mend it; empty where nothing is.
        num_told: What it has done since it was started: errands, those that its settings pass over among them, or
            messages.
        num_failed: How many attempts failed.
        num_given_up: What will never be told, because the other side refused it for good or it was lost.
    """

    is_running: bool = False
    trouble: str = ""
    num_told: int = 0
    num_failed: int = 0
    num_given_up: int = 0


class Sink(Protocol):
    """Somebody who tells what was heard."""

    @property
    def name(self) -> str:
        """What it is called; unique among the sinks, and the same after a restart."""
        ...

    @property
    def takes_errands(self) -> bool:
        """Whether events are to be written down for it (`Store.save(..., sinks)`): it then tells each one, once."""
        ...

    @property
    def status(self) -> SinkStatus:
        """How it fares."""
        ...

    def start(self) -> None:
        """Begin to listen to the bus; to be called once, before the sources start.

        Raises:
            AedError: Its settings cannot work.
        """
        ...

    def close(self) -> None:
        """Tell what can be told at once, and end within seconds; to be called before the store is closed."""
        ...
