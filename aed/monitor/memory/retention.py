"""How long the monitor remembers: old clips go first by age, then by room, events after a longer time.

A clip that somebody marked as right or wrong is worth more than others: it does not age, and goes last for want of
room. An event is told of its clip's removal before the file goes: a kill between the two leaves a file that no event
names, which the next start removes.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field

from aed.monitor.bus import Bus
from aed.monitor.memory.clip_files import CLIP_SUFFIX
from aed.monitor.memory.store import EventQuery, Store
from aed.monitor.messages import EventMessage, EventStage
from aed.settings import Settings

BYTES_PER_MEGABYTE = 1_000_000
_EVENTS_AT_A_TIME = 500


class RetentionConfig(Settings):
    """How long to remember.

    Attributes:
        days: Clips are kept for so many days.
        megabytes: All clips together take at most this much room.
        event_days: Events, without their sound, are kept for so many days.
    """

    days: float = Field(default=14.0, gt=0)
    megabytes: float = Field(default=1000.0, gt=0)
    event_days: float = Field(default=365.0, gt=0)


class Retention:
    """Keeps a monitor's memory within bounds.

    Args:
        config: The bounds.
        store: The events.
        clips: Folder of the clips.
        bus: Told which events changed.
        least_free_bytes: Clips give way where the disk has less room than that.
    """

    def __init__(self, config: RetentionConfig, store: Store, clips: Path, bus: Bus, least_free_bytes: int) -> None:
        self._config, self._store, self._clips, self._bus = config, store, clips, bus
        self._least_free_bytes = least_free_bytes

    def apply(self, now: datetime) -> None:
        """Forget what is too old or takes too much room.

        Raises:
            StorageError: The disk is full or broken.
        """
        marked = set(self._store.marks())
        self._remove_old_clips(now, marked)
        self._make_room(marked)
        self._forget_events(now - timedelta(days=self._config.event_days), marked)

    def _remove_old_clips(self, now: datetime, marked: set[str]) -> None:
        before = now - timedelta(days=self._config.days)
        for path in self._files():
            heard = self._store.event(path.stem)
            if heard is not None and heard.onset < before and heard.id not in marked:
                self._remove(path, f"its clip was removed after {self._config.days:g} days")

    def _make_room(self, marked: set[str]) -> None:
        files = sorted(self._files(), key=lambda path: (path.stem in marked, path.name))
        used = sum(path.stat().st_size for path in files)
        while files and (
            used > self._config.megabytes * BYTES_PER_MEGABYTE
            or shutil.disk_usage(self._clips).free < self._least_free_bytes
        ):
            path = files.pop(0)
            used -= path.stat().st_size
            self._remove(path, "its clip was removed to make room")

    def _forget_events(self, before: datetime, marked: set[str]) -> None:
        while old := [
            heard
            for heard in self._store.events(EventQuery(until=before, limit=_EVENTS_AT_A_TIME))
            if heard.id not in marked
        ]:
            self._store.remove([heard.id for heard in old])

    def _files(self) -> list[Path]:
        return sorted(self._clips.glob(f"*{CLIP_SUFFIX}")) if self._clips.is_dir() else []

    def _remove(self, path: Path, note: str) -> None:
        heard = self._store.event(path.stem)
        if heard is not None and heard.clip == path.name:
            heard = replace(heard, clip=None, clip_note=note)
            self._store.save(heard)
            self._bus.publish(EventMessage(EventStage.CHANGED, heard))
        path.unlink(missing_ok=True)
