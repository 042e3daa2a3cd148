r"""One unbroken stream, from its samples to entries in the monitor's memory.

    samples -> StreamDetector -> what begins and is over -> OpenSounds -> rules -> store and bus
            \-> levels -> loud sounds ----------------------------------^      \-> clips

Everything is decided in the time of the stream, as far as the model has heard it, and in its order: a recording at any
speed and the same sound live bring the same entries.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from aed.detect.detector import FittedDetectorConfig
from aed.detect.event import Event
from aed.detect.health import HealthEvent
from aed.detect.stream import Heard, StreamDetector, without_nan
from aed.monitor.hearing.clock import StreamClock
from aed.monitor.hearing.levels import LevelMeter
from aed.monitor.hearing.loud import LoudStretch, LoudTracker
from aed.monitor.hearing.open_sounds import OpenSound, OpenSounds
from aed.monitor.hearing.row_history import RowHistory
from aed.monitor.memory.clip_cutter import ClipCutter, ring_seconds
from aed.monitor.memory.clips import ClipsConfig, ClipWriter
from aed.monitor.memory.keeper import Keeper
from aed.monitor.messages import EventStage, HeardEvent, LevelMessage, Outcome
from aed.monitor.rules.rule_config import LoudSoundConfig
from aed.monitor.rules.rules import Decision, RuleBook, Sound
from aed.monitor.sources.source import PIECE_SECONDS
from aed.scorer.protocol import Scorer
from aed.timebase import samples_from_seconds

LOUD_NAME = "Loud sound"
LEVEL_EVERY_SECONDS = 0.9 * PIECE_SECONDS
"""At most so often a level is shown, by the clock: of a live source for each piece, also where they come in
bursts; a recording at full speed would bring thousands a second."""
HISTORY_SECONDS = 120.0
"""How far back probabilities and levels are known; what is told later than that is judged by its score alone."""
TOLD_KEPT = 50
_ID_BYTES = 2


@dataclass(frozen=True)
class HearingParts:
    """What all streams of a monitor share.

    Attributes:
        scorer: The model.
        detector: Settings of the detector.
        rules: What is told.
        loud_sound: The rule for loud sounds; None without.
        clips: What is kept of the sound.
        voice_node: Node whose probability says that somebody speaks; None where the tree has none.
        keeper: Where entries go.
        clip_writer: Where clips go.
    """

    scorer: Scorer
    detector: FittedDetectorConfig
    rules: RuleBook
    loud_sound: LoudSoundConfig | None
    clips: ClipsConfig
    voice_node: int | None
    keeper: Keeper
    clip_writer: ClipWriter


class Hearing:
    """Listens to one stream.

    Args:
        parts: What all streams share.
        source: Name of the source.
        rate_hz: Of its samples.
        is_live: Whether it must not be kept waiting.
        clock: When its seconds were.
        on_health: Told what is wrong with it.
    """

    def __init__(
        self,
        parts: HearingParts,
        source: str,
        rate_hz: int,
        *,
        is_live: bool,
        clock: StreamClock,
        on_health: Callable[[HealthEvent], None],
    ) -> None:
        layout, taxonomy = parts.scorer.layout, parts.scorer.taxonomy
        self._parts, self._source, self._clock, self._on_health = parts, source, clock, on_health
        self._piece_samples = max(1, samples_from_seconds(PIECE_SECONDS, rate_hz))
        kept_seconds = max(HISTORY_SECONDS, ring_seconds(parts.clips, layout.delay_seconds + HISTORY_SECONDS))
        self._rows = RowHistory(taxonomy.num_nodes, layout.row_seconds, kept_seconds)
        self._stream = StreamDetector(parts.scorer, rate_hz, parts.detector, self._rows.push)
        self._levels = LevelMeter(rate_hz, HISTORY_SECONDS)
        self._open = OpenSounds(taxonomy, layout.row_seconds, parts.detector.absorb_seconds)
        self._cutter = ClipCutter(
            parts.clips, rate_hz, self._stream.delay_seconds, self._voice_probability, is_live=is_live
        )
        loud = parts.loud_sound
        self._loud = None if loud is None else LoudTracker(loud.level, loud.hold_seconds)
        self._loud_open: OpenSound | None = None
        self._frames: deque[tuple[float, float]] = deque()
        self._told: deque[OpenSound] = deque(maxlen=TOLD_KEPT)
        self._show_due, self._shown_dbfs = 0.0, -np.inf

    @property
    def seconds_seen(self) -> float:
        """Length of the stream so far, gaps included."""
        return self._stream.seconds_seen

    @property
    def rows(self) -> RowHistory:
        """The last probabilities."""
        return self._rows

    def push(self, samples: np.ndarray) -> list[float]:
        """Hear samples, `(samples,)`, any length; returns the level of each tenth of a second that is whole now."""
        levels_dbfs: list[float] = []
        for start in range(0, len(samples), self._piece_samples):
            piece = samples[start : start + self._piece_samples]
            clean = without_nan(piece)
            self._cutter.push(clean)
            frames = self._levels.push(clean)
            self._frames.extend(frames if self._loud is not None else [])
            known_seconds = self._rows.end_seconds
            heard = self._stream.push(piece)
            self._clock.mark(self._stream.seconds_seen)
            self._take(heard, is_new=self._rows.end_seconds != known_seconds)
            self._show(frames)
            levels_dbfs.extend(level for _, level in frames)
        return levels_dbfs

    def gap(self, seconds: float) -> None:
        """Say that so much was lost here."""
        heard = self._stream.gap(seconds)
        self._levels.gap(seconds)
        self._cutter.gap(seconds, self._stream.seconds_seen)
        self._clock.mark(self._stream.seconds_seen)
        self._take(heard, is_new=True)

    def compare_clock(self, elapsed_seconds: float) -> None:
        """Compare the samples with a monotonic clock that started with the stream."""
        self._take(self._stream.clock(elapsed_seconds), is_new=False)

    def finish(self) -> None:
        """End the stream: what lasts is over."""
        self._take(self._stream.flush(), is_new=True)
        if self._loud is not None:
            self._loud_over(self._loud.flush())
        for sound in self._open.all:
            self._end(sound.event)
        self._cut(np.inf)

    def _take(self, heard: Heard, *, is_new: bool) -> None:
        for complaint in heard.health:
            self._on_health(complaint)
        told = [(event.offset_seconds, False, event) for event in heard.begun]
        told += [(event.offset_seconds, True, event) for event in heard.events]
        for _, is_over, event in sorted(told, key=lambda each: each[:2]):
            if is_over:
                self._end(event)
            else:
                self._begin(event)
        if is_new:
            self._follow_lasting()
            self._follow_loud()
            self._cut(self._rows.end_seconds)

    def _begin(self, event: Event) -> None:
        sound = self._open.begin(event, self._new_sound)
        is_new = sound.decision is None
        self._look_at(sound)
        self._judge(sound, self._parts.rules.judge, shown=EventStage.BEGUN if is_new else EventStage.CHANGED)

    def _end(self, event: Event) -> None:
        sound = self._open.end(event) or self._new_sound(event)
        self._look_at(sound)
        self._judge(sound, self._parts.rules.judge)
        self._over(sound)

    def _follow_lasting(self) -> None:
        """See how far the open sounds have come, and ask the rules again about those that are not told yet."""
        if not self._open.all:
            return
        lasting = {(event.node, event.onset_seconds): event for event in self._stream.lasting()}
        for sound in self._open.all:
            known = lasting.get((sound.event.node, sound.event.onset_seconds))
            if known is not None and known != sound.event:
                sound.event = known
                self._look_at(sound)
                self._judge(sound, self._parts.rules.judge)

    def _follow_loud(self) -> None:
        if self._loud is None:
            return
        while self._frames and self._frames[0][0] <= self._rows.end_seconds:
            self._loud_over(self._loud.push(*self._frames.popleft()))
            if self._loud.lasting is not None:
                self._loud_lasts(self._loud.lasting)

    def _loud_lasts(self, stretch: LoudStretch) -> None:
        event, is_new = self._loud_event(stretch), self._loud_open is None
        sound = self._loud_open or self._new_sound(event)
        self._loud_open, sound.event = sound, event
        self._look_at(sound)
        if is_new or (sound.decision is not None and not sound.decision.is_reported):
            self._judge(sound, self._judge_loud, shown=EventStage.BEGUN if is_new else None)

    def _loud_over(self, stretch: LoudStretch | None) -> None:
        if stretch is not None and self._loud_open is not None:
            sound, self._loud_open = self._loud_open, None
            self._over(sound)

    def _judge_loud(self, sound: Sound) -> Decision:
        """A loud sound that was told by its name is not told once more."""
        event = sound.event
        for told in self._told:
            if told.event.onset_seconds < event.offset_seconds and event.onset_seconds < told.event.offset_seconds:
                reason = f"it was told already as {told.event.name} ({told.id})"
                assert self._parts.loud_sound is not None
                return Decision(Outcome.HELD_BACK, self._parts.loud_sound.name, reason)
        return self._parts.rules.judge_loud(sound)

    def _judge(self, sound: OpenSound, judge: Callable[[Sound], Decision], shown: EventStage | None = None) -> None:
        """Ask the rules about a sound that is not told yet; write it down where it is new, changed or told now."""
        if sound.decision is not None and sound.decision.is_reported:
            if shown is not None:
                self._save(sound, shown)
            return
        sound.decision = judge(self._as_sound(sound))
        if sound.decision.is_reported:
            if sound is not self._loud_open:
                self._told.append(sound)
            self._save(sound, EventStage.BEGUN, EventStage.BEGUN)
        elif shown is not None:
            self._save(sound, shown)

    def _over(self, sound: OpenSound) -> None:
        sound.is_over = True
        assert sound.decision is not None
        self._save(sound, EventStage.OVER, EventStage.OVER if sound.decision.is_reported else None)

    def _save(self, sound: OpenSound, shown: EventStage, stage: EventStage | None = None) -> None:
        assert sound.decision is not None
        self._parts.keeper.save(self._entry(sound), shown, stage, sound.decision.sinks if stage else ())

    def _cut(self, until_seconds: float) -> None:
        """Hand on the clips that are whole by now."""
        for sound, clip in self._cutter.take(until_seconds):
            self._parts.clip_writer.put(self._entry(sound), clip, may_wait=self._cutter.may_wait)

    def _new_sound(self, event: Event) -> OpenSound:
        began = self._clock.utc(event.onset_seconds)
        name = self._source.replace("_", "-")
        moment = f"{began:%Y%m%d-%H%M%S}-{began.microsecond // 1000:03d}"
        sound = OpenSound(
            id=f"{moment}-{name}-{secrets.token_hex(_ID_BYTES)}",
            event=event,
            began_seconds=event.onset_seconds,
            began=began,
            peak=np.zeros(self._parts.scorer.taxonomy.num_nodes, dtype=np.float32),
            level_dbfs=-np.inf,
        )
        self._cutter.add(sound)
        return sound

    def _look_at(self, sound: OpenSound) -> None:
        """Take in how sure the model was, and how loud it was, as far as the sound has come."""
        stretch = sound.event.onset_seconds, sound.event.offset_seconds
        sound.peak = np.maximum(sound.peak, self._rows.peak(*stretch))
        sound.level_dbfs = max(sound.level_dbfs, self._levels.loudest(*stretch))

    def _as_sound(self, sound: OpenSound) -> Sound:
        return Sound(sound.id, self._source, sound.event, sound.peak, sound.level_dbfs, self._onset(sound))

    def _onset(self, sound: OpenSound) -> datetime:
        return sound.began + timedelta(seconds=sound.event.onset_seconds - sound.began_seconds)

    def _entry(self, sound: OpenSound) -> HeardEvent:
        assert sound.decision is not None
        onset, event = self._onset(sound), sound.event
        length = timedelta(seconds=event.offset_seconds - event.onset_seconds)
        return HeardEvent(
            id=sound.id,
            source=self._source,
            event=event,
            onset=onset,
            offset=onset + length if sound.is_over else None,
            level_dbfs=sound.level_dbfs,
            outcome=sound.decision.outcome,
            rule=sound.decision.rule,
            reason=sound.decision.reason,
        )

    def _loud_event(self, stretch: LoudStretch) -> Event:
        root = self._parts.scorer.taxonomy.nodes[0]
        return Event(stretch.onset_seconds, stretch.offset_seconds, 0, root.id, LOUD_NAME, (LOUD_NAME,), 1.0)

    def _voice_probability(self, from_seconds: float, to_seconds: float) -> float | None:
        node = self._parts.voice_node
        return None if node is None else float(self._rows.peak(from_seconds, to_seconds)[node])

    def _show(self, frames: list[tuple[float, float]]) -> None:
        """Publish the level, not more often than anybody can see."""
        if not frames:
            return
        bus, now = self._parts.keeper.bus, time.monotonic()
        self._shown_dbfs = max(self._shown_dbfs, *(level for _, level in frames))
        if now < self._show_due:
            return
        bus.note_level(self._source, self._shown_dbfs)
        if bus.is_wanted(LevelMessage):
            bus.publish(self._level_message())
        self._show_due, self._shown_dbfs = max(self._show_due + LEVEL_EVERY_SECONDS, now), -np.inf

    def _level_message(self) -> LevelMessage:
        return LevelMessage(
            source=self._source,
            time=self._clock.utc(self._stream.seconds_seen),
            level_dbfs=self._shown_dbfs,
            spectrum_db=self._levels.spectrum_db(),
            probabilities=self._rows.newest,
        )
