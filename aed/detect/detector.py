"""The detector: samples in, events out, the same for a live stream and a file.

    samples -> blocks (BlockReader) -> log P (scorer) -> smoothed P (Smoother) -> answers (Hedge) -> events
    (EventTracker) -> events of alarms named by their beat (AlarmBeats), which hears the samples too

Everything after the blocks sees whole blocks in order, so the chunking of the samples cannot change the events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, field

from aed.audio.read import stream_audio
from aed.detect.alarm_beats import AlarmBeats
from aed.detect.belief import Belief
from aed.detect.event import Event, EventTracker, RowEvent, by_onset
from aed.detect.hedge import Hedge
from aed.detect.smooth import Smoother, SmoothingKind
from aed.detect.window import BlockReader
from aed.errors import ConfigError
from aed.ontology.structure import Taxonomy
from aed.record import Record
from aed.scorer.protocol import Scorer, open_stream
from aed.timebase import rows_from_seconds, samples_from_seconds, seconds_from_samples

SHORTEST_EVENT_SECONDS = 0.08
"""Of a model that decides every 80 ms: one decision. A bark or a pane that breaks is often sure in one or two alone; to
ask for three cost 6 to 9 of 100 events at the same false alarms (recipes/home/README.md)."""
_SMOOTHING_SHARE, _EDGE_SHARE = 1 / 2, 2 / 3
READ_SECONDS = 5.12
"""What is decoded of a file at a time, and scored at most at once: eight blocks of 0.64 s."""

_Seconds = Annotated[float, Meta(ge=0)]
ProgressCallback = Callable[[float], None]
"""Called with the seconds of the recording that are done."""
RowsCallback = Callable[[np.ndarray], None]
"""Called with smoothed P(node), `(row, node)`, in order."""
BeginCallback = Callable[[Event], None]
"""Called with an event that has begun; its end is how far it has come."""


class DetectorConfig(Record, frozen=True, kw_only=True):
    """Settings of the detector; times in seconds, rounded to whole rows of the scorer.

    Attributes:
        min_probability: A node starts to be believed in from this probability on.
        node_probabilities: Nodes, by name or id, that have another one.
        release_ratio: Once believed in, a node stays so down to this share of that probability (hysteresis).
        smoothing: Moving "median" or "mean" over the rows, or "none".
        smoothing_seconds: Length of that window; half of what a row looks at where nobody says.
        causal: Smooth over the past only: no delay, but events lag by half a window.
        min_event_seconds: Shorter events are dropped. A click fills every row that looks at it: what is shorter than
            two thirds of what a row looks at is the edge of a sound, not a sound. That, or `SHORTEST_EVENT_SECONDS`,
            where nobody says.
        node_min_event_seconds: Nodes, by name or id, that have another shortest event.
        merge_gap_seconds: Shorter gaps between two events of one node are closed.
        absorb_seconds: A supercategory heard for at most this long beside a deeper answer is the same sound.
        max_event_seconds: Longer events are told in parts of this length; without it, an event ends with its sound.
    """

    min_probability: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    node_probabilities: Mapping[str, Annotated[float, Meta(gt=0, le=1)]] = field(default_factory=dict)
    release_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.7
    smoothing: SmoothingKind = "median"
    smoothing_seconds: _Seconds | None = None
    causal: bool = False
    min_event_seconds: _Seconds | None = None
    node_min_event_seconds: Mapping[str, _Seconds] = field(default_factory=dict)
    merge_gap_seconds: _Seconds = 0.5
    absorb_seconds: _Seconds = 5.0
    max_event_seconds: Annotated[float, Meta(gt=0)] | None = None

    def for_window(self, window_seconds: float) -> FittedDetectorConfig:
        """Return the settings with those that nobody stated, for a model whose rows look at so much.

        Raises:
            ConfigError: The longest event is not longer than the shortest.
        """
        smoothing, least = self.smoothing_seconds, self.min_event_seconds
        smoothing = _SMOOTHING_SHARE * window_seconds if smoothing is None else smoothing
        least = max(SHORTEST_EVENT_SECONDS, _EDGE_SHARE * window_seconds) if least is None else least
        if self.max_event_seconds is not None and self.max_event_seconds <= least:
            raise ConfigError(
                f"the longest event must be above {least:g} s, the shortest, got {self.max_event_seconds:g}"
            )
        return FittedDetectorConfig(**self.to_dict() | {"smoothing_seconds": smoothing, "min_event_seconds": least})

    def probabilities(self, taxonomy: Taxonomy) -> np.ndarray:
        """Probability from which each node is believed in, `(node,)` float32.

        Raises:
            OntologyError: The tree has no node of that name.
        """
        found = np.full(taxonomy.num_nodes, self.min_probability, dtype=np.float32)
        for name, probability in self.node_probabilities.items():
            found[taxonomy.find(name)] = probability
        return found


class FittedDetectorConfig(DetectorConfig, frozen=True, kw_only=True):
    """Settings of which none is left open; made by `DetectorConfig.for_window`."""

    smoothing_seconds: _Seconds
    min_event_seconds: _Seconds

    def min_events_seconds(self, taxonomy: Taxonomy) -> list[float]:
        """Shortest event of each node.

        Raises:
            OntologyError: The tree has no node of that name.
        """
        found = [self.min_event_seconds] * taxonomy.num_nodes
        for name, seconds in self.node_min_event_seconds.items():
            found[taxonomy.find(name)] = seconds
        return found


class Detector:
    """Finds events in one stream of samples.

    Args:
        scorer: The model.
        config: Settings.
        on_rows: Receives the smoothed probabilities, for drawing.
        on_begin: Receives each event as soon as it counts, as far as it has come; see `aed.detect.event`.
    """

    def __init__(
        self,
        scorer: Scorer,
        config: DetectorConfig,
        on_rows: RowsCallback | None = None,
        on_begin: BeginCallback | None = None,
    ) -> None:
        layout = scorer.layout
        settings = config.for_window(layout.window_seconds)
        self._scorer, self._stream, self._config = scorer, open_stream(scorer), settings
        self._on_rows, self._on_begin = on_rows, on_begin
        self._reader = BlockReader(layout)
        smoothing_rows = self._rows(settings.smoothing_seconds)
        smoothing_rows += 1 if not config.causal and smoothing_rows % 2 == 0 else 0
        self._smoother = Smoother(config.smoothing, max(1, smoothing_rows), causal=config.causal)
        self._belief = Belief(config.probabilities(scorer.taxonomy), config.release_ratio)
        self._hedge = Hedge(scorer.taxonomy)
        self._tracker = EventTracker(
            scorer.taxonomy,
            least_rows=[max(1, self._rows(seconds)) for seconds in settings.min_events_seconds(scorer.taxonomy)],
            gap_rows=self._rows(config.merge_gap_seconds),
            absorb_rows=self._rows(config.absorb_seconds),
            most_rows=None if config.max_event_seconds is None else self._rows(config.max_event_seconds),
        )
        self._num_rows = self._num_judged = 0
        self._beats = AlarmBeats(scorer.taxonomy, layout.rate_hz)

    @property
    def delay_seconds(self) -> float:
        """Longest time from a sound to its row's final probability; an event comes when its merge gap is over too."""
        layout = self._scorer.layout
        return layout.delay_seconds + self._smoother.delay_rows * layout.row_seconds

    @property
    def seconds_seen(self) -> float:
        """Length of the stream so far."""
        return seconds_from_samples(self._reader.num_samples, self._scorer.layout.rate_hz)

    def push(self, samples: np.ndarray) -> list[Event]:
        """Add samples.

        Args:
            samples: `(samples,)` at the scorer's rate, any length; a long array is taken in pieces.

        Returns:
            The events that are over now.

        Raises:
            AudioError: The samples are no single channel of finite numbers.
        """
        step = samples_from_seconds(READ_SECONDS, self._scorer.layout.rate_hz)
        pieces = [samples[start : start + step] for start in range(0, len(samples), step)] or [samples]
        return [event for piece in pieces for event in self._hear(piece)]

    def lasting(self) -> list[Event]:
        """Return the stretches of nodes that have begun to count and are not over, as far as they have come."""
        return [self._event(event) for event in self._tracker.lasting()]

    def flush(self) -> list[Event]:
        """End the stream: the events of the rest."""
        events = self._score(self._reader.flush())
        events += self._track(self._smoother.flush()) if self._num_rows else []
        events += [self._event(event) for event in self._tracker.flush()]
        return self._beats.name(events) + self._beats.flush()

    def _hear(self, samples: np.ndarray) -> list[Event]:
        blocks = self._reader.push(samples)  # which refuses what is no sound
        self._beats.push(samples)
        return self._beats.name(self._score(blocks))

    def _score(self, blocks: np.ndarray) -> list[Event]:
        if len(blocks) == 0:
            return []
        log_p = self._stream.score_blocks(blocks)
        rows = np.exp(log_p.reshape(-1, log_p.shape[-1]))
        rows = rows[: self._scorer.layout.num_rows(self._reader.num_samples) - self._num_rows]
        self._num_rows += len(rows)
        return self._track(self._smoother.push(rows))

    def _track(self, rows: np.ndarray) -> list[Event]:
        if self._on_rows is not None:
            self._on_rows(rows)
        believed = self._belief.push(rows)
        self._beats.watch(believed, self._row_ends(len(rows)))
        answers = self._hedge.answers(rows, believed)
        over = [self._event(event) for event in self._tracker.push(rows, answers)]
        for event in self._tracker.take_begun():
            if self._on_begin is not None:
                self._on_begin(self._event(event))
        return over

    def _event(self, event: RowEvent) -> Event:
        layout, taxonomy = self._scorer.layout, self._scorer.taxonomy
        node = taxonomy.nodes[event.node]
        return Event(
            onset_seconds=layout.row_start_seconds(event.first_row),
            offset_seconds=min(layout.row_start_seconds(event.last_row + 1), self.seconds_seen),
            node=event.node,
            node_id=node.id,
            name=node.name,
            path=tuple(taxonomy.path_names(event.node)),
            score=event.score,
        )

    def _row_ends(self, count: int) -> np.ndarray:
        """Where the next so many rows end, (row,) seconds."""
        first, self._num_judged = self._num_judged, self._num_judged + count
        layout = self._scorer.layout
        return np.arange(first + 1, self._num_judged + 1) * layout.row_samples / layout.rate_hz

    def _rows(self, seconds: float) -> int:
        return rows_from_seconds(seconds, self._scorer.layout.row_seconds)


def detect_file(
    scorer: Scorer,
    path: Path | str,
    config: DetectorConfig | None = None,
    *,
    on_rows: RowsCallback | None = None,
    on_samples: RowsCallback | None = None,
    progress: ProgressCallback | None = None,
) -> list[Event]:
    """Find the events of a recording of any length in constant memory.

    Args:
        scorer: The model.
        path: The audio file.
        config: Settings; the default ones without.
        on_rows: Receives the smoothed probabilities `(row, node)`, for drawing.
        on_samples: Receives the samples `(samples,)` at the scorer's rate, for drawing.
        progress: Receives the seconds that are done.

    Returns:
        The events by onset, longer ones first where two begin together.

    Raises:
        AudioError: The file cannot be read as audio.
    """
    detector = Detector(scorer, config if config is not None else DetectorConfig(), on_rows)
    events: list[Event] = []
    for samples in stream_audio(path, scorer.layout.rate_hz, READ_SECONDS):
        events += detector.push(samples)
        if on_samples is not None:
            on_samples(samples)
        if progress is not None:
            progress(detector.seconds_seen)
    events += detector.flush()
    return by_onset(events)
