"""A live stream: samples of any rate, as they come, perhaps damaged, in; what begins, is over, and is wrong out.

It cleans, resamples and watches the stream, and leaves the rest to the detector. Any chunking gives exactly what the
whole file gives, for an undamaged stream bit for bit what `detect_file` finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from aed.audio.resample import Resampler
from aed.detect.detector import Detector, DetectorConfig
from aed.detect.event import Event
from aed.detect.health import Complaint, HealthEvent, HealthMonitor
from aed.detect.samples import one_channel
from aed.errors import AudioError
from aed.scorer.protocol import Scorer
from aed.timebase import samples_from_seconds, seconds_from_samples

LONGEST_FILLED_SECONDS = 10.0
"""A shorter gap is filled with silence; after a longer one the detector starts anew: what lies between is unknown."""
DRIFT_SHARE = 0.005
"""Sound cards are off by 0.01 %; half a percent is a wrong rate or lost samples, and half an hour a week."""
DRIFT_AFTER_SECONDS = 60.0
"""Over a shorter time, the buffers between microphone and program weigh more than any drift."""
SETTLED_AFTER_SECONDS = 10.0
"""A network stream begins with a burst of what it had in store."""

StreamRowsCallback = Callable[[np.ndarray, np.ndarray], None]
"""Called with smoothed P(node), `(row, node)`, and where each row ends, `(row,)` seconds of the stream, in order."""


class Heard(NamedTuple):
    """What became known.

    Attributes:
        begun: Events that have begun; their end is how far they have come.
        events: Events that are over.
        health: Complaints that were raised or withdrawn.
    """

    begun: list[Event]
    events: list[Event]
    health: list[HealthEvent]


class StreamDetector:
    """Finds events in one live stream.

    Args:
        scorer: The model.
        rate_hz: Sample rate of the stream.
        config: Settings of the detector.
        on_rows: Receives the probabilities that events are made of, before what they bring is returned.

    Raises:
        AudioError: The rate is not positive.
    """

    def __init__(
        self,
        scorer: Scorer,
        rate_hz: int,
        config: DetectorConfig | None = None,
        on_rows: StreamRowsCallback | None = None,
    ) -> None:
        if rate_hz <= 0:
            raise AudioError(f"a stream's rate must be positive, got {rate_hz} Hz")
        self._scorer, self._rate_hz = scorer, rate_hz
        self._config, self._on_rows = config or DetectorConfig(), on_rows
        self._health = HealthMonitor(rate_hz)
        self._num_samples = 0
        self._is_drifting = False
        self._settled: tuple[float, float] | None = None
        self._unsettled_since = 0.0
        self._heard = Heard([], [], [])
        self._start_seconds, self._num_rows = 0.0, 0
        self._start()
        self._complain_of_narrow_band()

    @property
    def seconds_seen(self) -> float:
        """Length of the stream so far, gaps included."""
        return seconds_from_samples(self._num_samples, self._rate_hz)

    @property
    def delay_seconds(self) -> float:
        """Longest time from a sound to its row's final probability; see `Detector.delay_seconds`."""
        return self._detector.delay_seconds

    def push(self, samples: np.ndarray) -> Heard:
        """Add samples.

        Args:
            samples: `(samples,)` float in [-1, 1], any length; what is no number counts as silence, and is told.

        Returns:
            What became known by them.

        Raises:
            AudioError: The samples are not of one channel, or no floats.
        """
        samples = _checked(samples)
        step = samples_from_seconds(1.0, self._rate_hz)
        for start in range(0, len(samples), step):  # memory is bounded by a second, whatever comes at once
            piece = samples[start : start + step]
            self._heard.health.extend(self._health.push(piece))
            self._listen(piece)
        return self._take()

    def gap(self, seconds: float) -> Heard:
        """Say that samples were lost here; a short gap counts as silence, a long one ends what was heard before."""
        lost = samples_from_seconds(seconds, self._rate_hz)
        onset = self.seconds_seen
        self._health.gap(seconds)
        self._settled, self._unsettled_since = None, onset
        if seconds <= LONGEST_FILLED_SECONDS:
            self._listen(np.zeros(lost, dtype=np.float32))
        else:
            self._finish()
            self._num_samples += lost
            self._start()
        self._heard.health.append(HealthEvent(Complaint.GAP, onset, self.seconds_seen, f"{seconds:.2f} s were lost"))
        return self._take()

    def clock(self, elapsed_seconds: float) -> Heard:
        """Compare the samples with a monotonic clock that started with the stream; to be called now and then."""
        now = (elapsed_seconds, self.seconds_seen)
        if self._settled is None:
            self._settled = now if elapsed_seconds - self._unsettled_since >= SETTLED_AFTER_SECONDS else None
            return self._take()
        elapsed, seen = (after - before for after, before in zip(now, self._settled, strict=True))
        if elapsed >= DRIFT_AFTER_SECONDS:
            self._judge_drift(elapsed, seen)
            self._settled = now
        return self._take()

    def _judge_drift(self, elapsed_seconds: float, seen_seconds: float) -> None:
        is_drifting = abs(seen_seconds / elapsed_seconds - 1) > DRIFT_SHARE
        if is_drifting != self._is_drifting:
            self._is_drifting = is_drifting
            message = (
                f"{seen_seconds:.1f} s of samples came in {elapsed_seconds:.1f} s: the source is not at "
                f"{self._rate_hz} Hz, or samples are lost or repeated"
                if is_drifting
                else "is over"
            )
            end = None if is_drifting else self.seconds_seen
            self._heard.health.append(HealthEvent(Complaint.DRIFT, self.seconds_seen, end, message))

    def lasting(self) -> list[Event]:
        """Return the stretches of nodes that have begun to count and are not over, as far as they have come.

        A node is among them beside the deeper one that speaks for it.
        """
        return [self._at_stream_time(event) for event in self._detector.lasting()]

    def flush(self) -> Heard:
        """End the stream: the events of the rest."""
        self._finish()
        return self._take()

    def _start(self) -> None:
        self._start_seconds, self._num_rows = self.seconds_seen, 0
        self._resampler = Resampler(self._rate_hz, self._scorer.layout.rate_hz)
        on_rows = None if self._on_rows is None else self._hand_on_rows
        self._detector = Detector(self._scorer, self._config, on_rows, on_begin=self._begin)

    def _listen(self, samples: np.ndarray) -> None:
        self._num_samples += len(samples)
        clean = without_nan(samples)
        self._detect(self._resampler.push(clean))

    def _detect(self, resampled: np.ndarray) -> None:
        found = self._detector.push(np.clip(resampled, -1.0, 1.0))  # as `aed.audio.read` does
        self._heard.events.extend(map(self._at_stream_time, found))

    def _finish(self) -> None:
        self._detect(self._resampler.flush())
        self._heard.events.extend(map(self._at_stream_time, self._detector.flush()))

    def _hand_on_rows(self, rows: np.ndarray) -> None:
        assert self._on_rows is not None
        first, self._num_rows = self._num_rows, self._num_rows + len(rows)
        ends = np.arange(first + 1, self._num_rows + 1) * self._scorer.layout.row_seconds
        self._on_rows(rows, self._start_seconds + ends)

    def _begin(self, event: Event) -> None:
        self._heard.begun.append(self._at_stream_time(event))

    def _at_stream_time(self, event: Event) -> Event:
        onset, offset = event.onset_seconds + self._start_seconds, event.offset_seconds + self._start_seconds
        return replace(event, onset_seconds=onset, offset_seconds=offset)

    def _take(self) -> Heard:
        heard, self._heard = self._heard, Heard([], [], [])
        return heard

    def _complain_of_narrow_band(self) -> None:
        needed = self._scorer.layout.rate_hz
        if self._rate_hz < needed:
            message = (
                f"the source has {self._rate_hz} Hz, the model listens up to {needed / 2:g} Hz: sounds above "
                f"{self._rate_hz / 2:g} Hz cannot be heard; choose a source of {needed} Hz or more"
            )
            self._heard.health.append(HealthEvent(Complaint.NARROW_BAND, 0.0, None, message))


def without_nan(samples: np.ndarray) -> np.ndarray:
    """Return `(samples,)` with silence for what is no number; as they are where all are, which is quickly seen."""
    return samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def _checked(samples: np.ndarray) -> np.ndarray:
    samples = one_channel(samples)
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"samples are {samples.dtype}: expected floats in [-1, 1]; divide integers by their full scale "
            "(samples / 32768 for 16 bit)"
        )
    return samples.astype(np.float32, copy=False)
