"""The monitor: sources, rules, memory and those who tell, put together, from the start to a clean end.

Those who tell are handed in, ready made: each has a name, `start` and `close` and works in a thread of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from aed.detect.detector import DetectorConfig
from aed.detect.thresholds import NodeThresholds
from aed.errors import AudioError, ConfigError, StorageError
from aed.monitor.bus import Bus
from aed.monitor.config import MonitorConfig
from aed.monitor.hearing.hearing import HearingParts
from aed.monitor.hearing.listener import Listener, OpenSource
from aed.monitor.memory.clip_files import CLIPS_FOLDER, LEAST_FREE_BYTES, mend_clips
from aed.monitor.memory.clips import ClipWriter
from aed.monitor.memory.keeper import Keeper
from aed.monitor.memory.privacy import VoicePolicy
from aed.monitor.memory.retention import Retention
from aed.monitor.memory.store import Store
from aed.monitor.messages import EventStage, HeardEvent, Outcome, SourceMessage
from aed.monitor.sources.source import Source, open_source
from aed.scorer.protocol import Scorer

WATCH_EVERY_SECONDS = 1.0
RETENTION_EVERY_SECONDS = 600.0
_LOOK_EVERY_SECONDS = 1.0
"""Some systems hand on Ctrl-C only between two waits."""


class Teller(Protocol):
    """Somebody who tells what was heard; see `aed.monitor.telling.sink`."""

    @property
    def name(self) -> str:
        """What rules call it."""
        ...

    @property
    def takes_errands(self) -> bool:
        """Whether events are to be written down for it, so that each is told once."""
        ...

    def start(self) -> None:
        """Begin to tell."""
        ...

    def close(self) -> None:
        """Tell what can be told at once, and end."""
        ...


class Monitor:
    """Listens until it is closed, or until its recordings are over and it has no live source.

    Args:
        config: Its settings.
        scorer: The model.
        usual: Settings of the detector as the model was calibrated.
        thresholds: What the model was calibrated to for a rate of false alarms; None where nobody did.
        store: Its memory.
        bus: Where everything is told as it happens.
        tellers: Who tells.
        speed: How fast a recording is played; None as fast as the machine can.
        started_at: When recordings began, UTC; now where None.

    Raises:
        ConfigError: The settings do not fit the model, or those who tell.
        OntologyError: The tree has no node of a name.
    """

    def __init__(
        self,
        config: MonitorConfig,
        scorer: Scorer,
        usual: DetectorConfig,
        thresholds: NodeThresholds | None,
        store: Store,
        bus: Bus,
        tellers: Sequence[Teller] = (),
        *,
        speed: float | None = 1.0,
        started_at: datetime | None = None,
    ) -> None:
        self.config, self.scorer, self.store, self.bus = config, scorer, store, bus
        self._tellers, self._speed, self._started_at = tellers, speed, started_at
        names = tuple(teller.name for teller in tellers if teller.takes_errands)
        self.rules = config.rule_book(scorer.taxonomy, thresholds, names)
        policy = VoicePolicy(config.voices, config.voice_threshold, scorer.taxonomy)
        self.clips_folder = store.folder / CLIPS_FOLDER
        self._keeper = Keeper(store, bus)
        self._writer = ClipWriter(self.clips_folder, policy, lambda heard: self._keeper.save(heard, EventStage.CHANGED))
        self._parts = HearingParts(
            scorer=scorer,
            detector=config.detector_config(usual, self.rules, scorer.taxonomy).for_window(
                scorer.layout.window_seconds
            ),
            rules=self.rules,
            loud_sound=config.loud_sound,
            clips=config.clips,
            voice_node=policy.node,
            keeper=self._keeper,
            clip_writer=self._writer,
        )
        self._retention = Retention(config.retention, store, self.clips_folder, bus, LEAST_FREE_BYTES)
        self._listeners: dict[str, Listener] = {}
        self._closing, self._has_news = threading.Event(), threading.Event()
        self._is_started = False
        self._watchman = threading.Thread(target=self._watch, name="watchman", daemon=True)
        self.warnings = [policy.warning] if policy.warning and config.clips.keep != "none" else []

    @property
    def parts(self) -> HearingParts:
        """What all streams share."""
        return self._parts

    @property
    def listeners(self) -> list[Listener]:
        """Those who listen, one for each source."""
        return list(self._listeners.values())

    def sources(self) -> list[SourceMessage]:
        """Return how every source fares."""
        return [listener.status for listener in self._listeners.values()]

    def add_source(self, name: str, open_it: OpenSource, first: Source | None = None) -> None:
        """Listen to one more source; at once where the monitor runs.

        Args:
            name: What it is called.
            open_it: Opens it, again where it was lost.
            first: The source, where it is open already.

        Raises:
            ConfigError: There is one of that name that has not ended.
        """
        self._add(name, open_it, first)

    def listen_to(self, source: Source) -> None:
        """Listen to a source that somebody else opened, such as a browser's microphone, until it ends.

        Raises:
            ConfigError: There is one of that name that has not ended.
        """
        self._add(source.name, None, source)

    def start(self) -> None:
        """Mend what a kill left behind, open the sources, and begin.

        Raises:
            AudioError: A recording cannot be read.
            ConfigError: A source's address is none.
            MissingExtraError: What a source takes is not installed.
            StorageError: The memory cannot be written.
        """
        self._mend()
        for name, source in self.config.sources.items():
            self._add_address(name, source.address)
        for teller in self._tellers:
            teller.start()
        self._writer.start()
        self._is_started = True
        for listener in self._listeners.values():
            listener.start()
        self._watchman.start()

    def wait(self) -> None:
        """Return when all sources have ended, or when it is closed."""
        while not self._is_over():
            self._has_news.wait(_LOOK_EVERY_SECONDS)
            self._has_news.clear()

    def close(self) -> None:
        """Stop listening, write down what lasts, and let everybody tell it."""
        self.stop()
        for listener in self._listeners.values():
            listener.begin_to_close()
        for listener in self._listeners.values():
            listener.close()
        if self._is_started:
            self._writer.close()
            for teller in self._tellers:
                teller.close()
            self._watchman.join()

    def stop(self) -> None:
        """Ask `wait` to return; may be called by a signal's handler."""
        self._closing.set()
        self._has_news.set()

    def _is_over(self) -> bool:
        listeners = self.listeners
        for listener in listeners:
            if listener.defect is not None:
                raise listener.defect
        return self._closing.is_set() or (bool(listeners) and all(listener.has_ended for listener in listeners))

    def _add(self, name: str, open_it: OpenSource | None, first: Source | None) -> None:
        known = self._listeners.get(name)
        if known is not None and not known.has_ended:
            raise ConfigError(f"there are two sources called '{name}': give one of them another name")
        listener = Listener(self._parts, name, open_it, first, self._started_at, on_end=self._has_news.set)
        self._listeners[name] = listener
        if self._is_started:
            listener.start()

    def _add_address(self, name: str, address: str) -> None:
        def open_it() -> Source:
            return open_source(address, self.scorer.layout.rate_hz, self._speed)

        try:
            first: Source | None = open_it()
        except AudioError:
            if is_recording(address):
                raise
            first = None  # a camera that is off, a microphone that is not plugged in yet: it may come
        self.add_source(name, open_it, first)

    def _mend(self) -> None:
        """End what lasted when the monitor was stopped, and clean up after it."""
        for heard in self.store.unfinished():
            is_told = heard.outcome is Outcome.REPORTED
            stage, sinks = (EventStage.OVER, self.rules.sinks_of(heard.rule)) if is_told else (None, ())
            self._keeper.save(interrupted(heard), EventStage.OVER, stage, sinks)
        try:
            mend_clips(self.clips_folder, self.store)
        except StorageError as error:
            self._keeper.complain_of_disk(str(error))
        self._forget()

    def _watch(self) -> None:
        kept_at = time.monotonic()
        while not self._closing.wait(WATCH_EVERY_SECONDS):
            now = time.monotonic()
            for listener in self.listeners:
                listener.check(now)
            self._keeper.retry()
            if now - kept_at >= RETENTION_EVERY_SECONDS:
                kept_at = now
                self._forget()

    def _forget(self) -> None:
        try:
            self._retention.apply(datetime.now(UTC))
        except StorageError as error:
            self._keeper.complain_of_disk(str(error))


def interrupted(heard: HeardEvent) -> HeardEvent:
    """Return an event that lasted when the monitor was stopped, as over: it ends where it was last known to be."""
    seconds = heard.event.offset_seconds - heard.event.onset_seconds
    reason = f"{heard.reason}; interrupted: the monitor was stopped while it lasted"
    return replace(heard, offset=heard.onset + timedelta(seconds=seconds), reason=reason)


def is_recording(address: str) -> bool:
    """Return whether an address names a file, which ends and need not be waited for."""
    return "://" not in address and not address.startswith("mic:")
