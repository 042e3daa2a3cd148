"""Which alarm is it? The decoder of alarm beats: samples in, verdicts out, the same for a live stream and a file.

    samples -> levels of narrow bands (ToneRows, BeatLevels) -> periods of a beat (three finders) -> verdicts

An "alarm" that a verdict overlaps is a smoke alarm (temporal three), a carbon monoxide alarm (temporal four) or an
alarm whose battery is low (chirp). Without a verdict it stays an alarm: one that sounds on, another beat, or not two
periods yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from aed.detect.beat.chirp import ChirpFinder
from aed.detect.beat.four import FourFinder
from aed.detect.beat.levels import BeatLevels, Beats
from aed.detect.beat.rows import ROW_SECONDS, Rows, ToneRows
from aed.detect.beat.three import ThreeFinder

LEAST_PERIODS = 2
PERIODS_APART = 1.5
"""Two finds of one beat that lie further apart are two alarms, or one that began anew."""


class BeatKind(StrEnum):
    """The beats that say which alarm it is."""

    TEMPORAL_THREE = "temporal_three"
    """Smoke or fire: evacuate (ISO 8201, NFPA 72)."""
    TEMPORAL_FOUR = "temporal_four"
    """Carbon monoxide (NFPA 72)."""
    CHIRP = "chirp"
    """The alarm's battery is low."""


@dataclass(frozen=True)
class BeatVerdict:
    """A beat that was recognised.

    Attributes:
        kind: Which beat.
        start_seconds: First onset of the stretch that the verdict rests on, from the start of the stream.
        end_seconds: End of its last pulse.
        tone_hz: The tone that beats; of several partials the clearest.
        num_periods: Periods in the stretch, at least two.
    """

    kind: BeatKind
    start_seconds: float
    end_seconds: float
    tone_hz: float
    num_periods: int


class BeatDecoder:
    """Recognises the beats of alarms in one stream of samples.

    Args:
        rate_hz: Sampling rate, at least 8 kHz.

    Raises:
        ConfigError: The rate is too low.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rows = ToneRows(rate_hz)
        self._levels = BeatLevels(self._rows.num_bands)
        self._finders: dict[BeatKind, ThreeFinder | FourFinder | ChirpFinder] = {
            BeatKind.TEMPORAL_THREE: ThreeFinder(self._levels),
            BeatKind.TEMPORAL_FOUR: FourFinder(self._levels),
            BeatKind.CHIRP: ChirpFinder(self._levels),
        }
        self._stretches: dict[BeatKind, _Stretch] = {}

    def push(self, samples: np.ndarray) -> list[BeatVerdict]:
        """Add samples.

        Args:
            samples: `(samples,)` real numbers, any length, also 0; a long array is taken in pieces.

        Returns:
            What became known. A beat is told as soon as two periods are there and again with every further one: the
            later verdict of the same kind and start takes the place of the earlier.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
            RuntimeError: The stream was flushed before.
        """
        samples = np.asarray(samples)
        step = self._rows.block_samples
        pieces = [samples[start : start + step] for start in range(0, len(samples), step)]
        return [verdict for piece in pieces for rows in self._rows.push(piece) for verdict in self._find(rows)]

    def flush(self) -> list[BeatVerdict]:
        """End the stream: what its end still tells."""
        rest = self._rows.flush()
        verdicts = self._find(rest) if len(rest) else []
        for kind, finder in self._finders.items():
            verdicts += self._news(kind, finder.flush())
        return verdicts

    def _find(self, rows: Rows) -> list[BeatVerdict]:
        self._levels.append(rows)
        return [verdict for kind, finder in self._finders.items() for verdict in self._news(kind, finder.find())]

    def _news(self, kind: BeatKind, found: list[Beats]) -> list[BeatVerdict]:
        """Join what was found in one block to the stretch before it; returns the stretches that grew by a period."""
        news: dict[float, BeatVerdict] = {}
        for beats in sorted(found, key=lambda beats: (beats.end_seconds, beats.margin_db)):
            stretch = self._stretches.get(kind)
            if stretch is None or not stretch.reaches(beats):
                stretch = self._stretches[kind] = _Stretch(beats)
            if stretch.add(beats):
                news[stretch.start_seconds] = self._verdict(kind, stretch)
        return list(news.values())

    def _verdict(self, kind: BeatKind, stretch: _Stretch) -> BeatVerdict:
        scale = self._rows.row_seconds / ROW_SECONDS  # rows are whole samples, not exactly 16 ms
        return BeatVerdict(
            kind=kind,
            start_seconds=stretch.start_seconds * scale,
            end_seconds=stretch.end_seconds * scale,
            tone_hz=self._rows.band_hz(stretch.clearest.band),
            num_periods=stretch.num_periods,
        )


class _Stretch:
    """A beat that goes on.

    Args:
        beats: Its first find.
    """

    def __init__(self, beats: Beats) -> None:
        self.start_seconds = beats.start_seconds
        self.end_seconds = beats.end_seconds
        self.num_periods = 0
        self.clearest = beats

    def reaches(self, beats: Beats) -> bool:
        """Whether a find goes on with this stretch."""
        return beats.start_seconds <= self.end_seconds + PERIODS_APART * beats.period_seconds

    def add(self, beats: Beats) -> bool:
        """Add a find; returns whether the stretch holds a period more now."""
        self.end_seconds = max(self.end_seconds, beats.end_seconds)
        self.clearest = max(self.clearest, beats, key=lambda beats: beats.margin_db)
        length_seconds = self.end_seconds - self.start_seconds + beats.rest_seconds
        periods = max(LEAST_PERIODS, round(length_seconds / beats.period_seconds))
        grew, self.num_periods = periods > self.num_periods, max(periods, self.num_periods)
        return grew


def decode_beats(samples: np.ndarray, rate_hz: int) -> list[BeatVerdict]:
    """Return the beats in a recording, one verdict for each stretch, by start.

    Args:
        samples: `(samples,)` real numbers.
        rate_hz: Sampling rate, at least 8 kHz.

    Raises:
        AudioError: The samples are no single channel of finite numbers.
        ConfigError: The rate is too low.
    """
    decoder = BeatDecoder(rate_hz)
    verdicts = [*decoder.push(samples), *decoder.flush()]
    last = {(verdict.kind, verdict.start_seconds): verdict for verdict in verdicts}
    return sorted(last.values(), key=lambda verdict: (verdict.start_seconds, verdict.kind))
