"""Trying an alarm: its test button is pressed, and it is told what of it was heard, how clearly, and how soon.

All times are those of the stream, from the first moment in which the alarm's tone sounds: a recording of the trial,
kept with what was found, gives the same figures again with another model, and so is a test of it for good.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import numpy as np
from pydantic import Field

from aed.detect.alarm_beats import ALARM, KINDS_OF_ALARM, LOWEST_RATE_HZ, SAFETY_ALARM
from aed.detect.beat import BeatDecoder, BeatKind
from aed.detect.detector import DetectorConfig
from aed.detect.stream import StreamDetector
from aed.errors import ConfigError
from aed.monitor.tone import BandPowers
from aed.ontology.structure import Taxonomy
from aed.scorer.protocol import Scorer
from aed.settings import Settings

Kind = Literal["smoke", "carbon monoxide"]
VERDICTS: dict[BeatKind, Kind] = {BeatKind.TEMPORAL_THREE: "smoke", BeatKind.TEMPORAL_FOUR: "carbon monoxide"}


class Trial(Settings):
    """What a trial found; kept as JSON beside its recording.

    Attributes:
        format: Version of this file.
        room: Where.
        source: What listened.
        time: When, UTC, ISO 8601.
        seconds: Length of the recording.
        tone_hz: Middle of the third-octave band in which the alarm stands out most; None where nothing does.
        snr_db: Power in that band while it sounds over that while it pauses; None where nothing stands out.
        heard_as: Path of the first event that is an alarm, joined by " > "; None where none was heard.
        report_delay_seconds: From the first moment of the tone to that event's report.
        verdict: "smoke" or "carbon monoxide", by the beat; None where no beat was recognised.
        verdict_delay_seconds: From the first moment of the tone to the verdict.
    """

    format: Literal[1] = 1
    room: str = Field(min_length=1)
    source: str
    time: str
    seconds: float
    tone_hz: float | None
    snr_db: float | None
    heard_as: str | None
    report_delay_seconds: float | None
    verdict: Kind | None
    verdict_delay_seconds: float | None

    @property
    def is_passed(self) -> bool:
        """Whether an alarm was heard."""
        return self.heard_as is not None


class AlarmTrial:
    """Listens to one trial.

    Args:
        scorer: The model.
        config: Settings of the detector.
        rate_hz: Of the samples.

    Raises:
        ConfigError: The model's tree has no alarm.
    """

    def __init__(self, scorer: Scorer, config: DetectorConfig, rate_hz: int) -> None:
        self._alarms = alarm_nodes(scorer.taxonomy)
        self._stream = StreamDetector(scorer, rate_hz, config)
        self._rate_hz = rate_hz
        self._decoder = BeatDecoder(rate_hz) if rate_hz >= LOWEST_RATE_HZ else None
        self._bands = BandPowers(rate_hz)
        self._heard: tuple[float, tuple[str, ...]] | None = None
        self._verdict: tuple[float, BeatKind] | None = None

    @property
    def seconds_seen(self) -> float:
        """Length of what was heard so far."""
        return self._stream.seconds_seen

    @property
    def is_settled(self) -> bool:
        """Whether an alarm was heard and its kind is known."""
        return self._heard is not None and self._verdict is not None

    @property
    def words(self) -> str:
        """What is known so far, for people."""
        heard = "nothing yet" if self._heard is None else " > ".join(self._heard[1])
        return heard if self._verdict is None else f"{heard}, by its beat: {VERDICTS[self._verdict[1]]}"

    def push(self, samples: np.ndarray) -> None:
        """Hear samples, `(samples,)` float32."""
        heard = self._stream.push(samples)
        now = self._stream.seconds_seen
        for event in (*heard.begun, *heard.events):
            if self._heard is None and event.node in self._alarms:
                self._heard = (now, event.path)
        self._bands.push(samples)
        for verdict in self._decoder.push(samples) if self._decoder is not None else ():
            if self._verdict is None and verdict.kind in VERDICTS:
                self._verdict = (now, verdict.kind)

    def finish(self, room: str, source: str, time: datetime) -> Trial:
        """End the trial; returns what it found."""
        for event in self._stream.flush().events:
            if self._heard is None and event.node in self._alarms:
                self._heard = (self._stream.seconds_seen, event.path)
        tone = self._bands.tone()
        began = 0.0 if tone is None else tone.onset_seconds
        return Trial(
            room=room,
            source=source,
            time=time.isoformat(timespec="seconds"),
            seconds=round(self._stream.seconds_seen, 3),
            tone_hz=None if tone is None else round(tone.centre_hz, 1),
            snr_db=None if tone is None else round(tone.snr_db, 1),
            heard_as=None if self._heard is None else " > ".join(self._heard[1]),
            report_delay_seconds=None if self._heard is None else round(self._heard[0] - began, 2),
            verdict=None if self._verdict is None else VERDICTS[self._verdict[1]],
            verdict_delay_seconds=None if self._verdict is None else round(self._verdict[0] - began, 2),
        )


def alarm_nodes(taxonomy: Taxonomy) -> frozenset[int]:
    """Nodes that say that an alarm sounds: *Safety alarm* and what is below it, else *Alarm*.

    Raises:
        ConfigError: The tree has none.
    """
    concepts = (SAFETY_ALARM, *(concept for kinds in KINDS_OF_ALARM.values() for concept in kinds if concept != ALARM))
    tops = [node for node in map(taxonomy.node_for_concept, dict.fromkeys(concepts)) if node is not None]
    alarm = taxonomy.node_for_concept(ALARM)
    tops = tops or ([] if alarm is None else [alarm])
    if not tops:
        raise ConfigError("this model's tree has no alarm, so that none can be tried; choose a model that knows alarms")
    above = [] if alarm is None else [alarm]  # the answer may stop short of the safety alarm
    return frozenset({*np.flatnonzero(taxonomy.ancestor_matrix[:, tops].any(axis=1)).tolist(), *above})
