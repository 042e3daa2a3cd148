"""Set each node's threshold by the false alarms that it makes in recordings in which nothing is to be reported.

A node's false alarms at a threshold are the stretches in which it alone would be an event: believed in from the
threshold on, with the detector's hysteresis, gaps and shortest length. (A deeper node may speak for it: then there are
fewer.) Thresholds are tried from the highest down, and the last one before the first at which the upper bound of the
rate is above the wish is taken: learn then test in a fixed sequence (Angelopoulos et al. 2021, arXiv 2110.01052), so
that with the stated confidence the node's rate is at most the bound, though many thresholds were looked at.

In T hours without a false alarm the bound at 95 % is 3 / T an hour: half a false alarm a day takes 144 hours. Where the
recordings are too short, the lowest threshold without a false alarm is taken, and its bound says what can be promised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.data.records import Clip
from aed.detect.beside_weights import weights_digest
from aed.detect.detector import DetectorConfig, detect_file
from aed.detect.hedge import reportable_nodes
from aed.detect.stretches import EventRows, count_runs
from aed.detect.thresholds import NodeThreshold, NodeThresholds, write_thresholds
from aed.errors import DataError
from aed.metrics.false_alarms import HOURS_A_DAY, poisson_upper_bound
from aed.ontology.labels import ABSENT
from aed.scorer.protocol import BlockLayout, Scorer
from aed.timebase import rows_from_seconds

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Told of (recordings done, recordings in all)."""

CANDIDATES: FloatArray = 1 / (1 + np.exp(-np.linspace(8.0, -4.0, 61)))
"""Thresholds that are tried, from 0.9997 down to 0.018, a fifth of a logit apart."""
LEAST_PROBABILITY = 0.5
_SECONDS_AN_HOUR = 3600.0


def count_stretches(
    probabilities: FloatArray, thresholds: FloatArray, *, release_ratio: float, least_rows: int, gap_rows: int
) -> IntArray:
    """Count the events that a node would make at each threshold.

    Args:
        probabilities: Smoothed P(node) over time, (row,).
        thresholds: (threshold,).
        release_ratio: Once believed in, the node stays so down to this share of the threshold.
        least_rows: Shortest event, in rows.
        gap_rows: Longest gap that is closed, in rows.

    Returns:
        (threshold,) int64.
    """
    rows = EventRows(least_rows, gap_rows)
    counts, possible = np.zeros(len(thresholds), dtype=np.int64), thresholds <= probabilities.max(initial=0.0)
    counts[possible] = [count_runs(probabilities, at, release_ratio * at, rows) for at in thresholds[possible]]
    return counts


def threshold_for(counts: IntArray, hours: float, per_day: float, confidence: float) -> int:
    """Find the place of the lowest candidate that keeps the wish, all higher ones keeping it too.

    Args:
        counts: False alarms at each candidate, the highest candidate first, (threshold,).
        hours: In how much sound.
        per_day: Wished false alarms a day.
        confidence: Probability of the bound.

    Returns:
        The place; where not even silence keeps the wish, that of the lowest candidate without a false alarm so far, and
        the highest candidate where even that has one.
    """
    allowed = 0
    while poisson_upper_bound(allowed + 1, hours, confidence) * HOURS_A_DAY <= per_day:
        allowed += 1
    too_many = np.flatnonzero(counts > allowed)
    return max(0, int(too_many[0]) - 1) if len(too_many) else len(counts) - 1


def alarm_thresholds(
    model: Path,
    scorer: Scorer,
    recordings: Sequence[Path],
    per_day: float,
    confidence: float,
    progress: Progress = lambda done, total: None,
) -> NodeThresholds:
    """Set a model's thresholds and write them into its folder.

    Args:
        model: Its folder.
        scorer: The model.
        recordings: Files in which nothing is to be reported.
        per_day: Wished false alarms a day, for each node by itself.
        confidence: Probability of each node's bound.
        progress: Told of each recording.

    Raises:
        AudioError: A recording cannot be read.
        DataError: There is none.
        StorageError: The folder cannot be written.
    """
    if not recordings:
        raise DataError("no recordings to count false alarms in: name files or folders with --on")
    everywhere = np.ones((len(recordings), scorer.taxonomy.num_nodes), dtype=bool)
    return _set(model, scorer, recordings, everywhere, per_day, confidence, CANDIDATES, progress)


def held_out_thresholds(
    model: Path,
    scorer: Scorer,
    clips: Sequence[Clip],
    targets: npt.NDArray[np.int8],
    per_day: float,
    confidence: float,
    progress: Progress = lambda done, total: None,
) -> NodeThresholds:
    """Set a model's thresholds on labelled clips: a node's negatives are those in which it is known to be absent.

    They are no lower than `LEAST_PROBABILITY`: a rare node without any false alarm would else be answered at every hint
    of it, in place of its supercategory.

    Args:
        model: Its folder, into which they are written.
        scorer: The model.
        clips: Clips that taught it nothing.
        targets: 1 present, 0 absent, -1 unknown, (clip, node).
        per_day: Wished false alarms a day of such clips, for each node by itself.
        confidence: Probability of each node's bound.
        progress: Told of each clip.

    Raises:
        AudioError: A clip cannot be read.
        DataError: There is none.
        StorageError: The folder cannot be written.
    """
    if not clips:
        raise DataError("the training held out no clip: train with folds, or name recordings with --on")
    likely, paths = CANDIDATES[CANDIDATES >= LEAST_PROBABILITY], [clip.path for clip in clips]
    return _set(model, scorer, paths, targets == ABSENT, per_day, confidence, likely, progress)


def _set(
    model: Path,
    scorer: Scorer,
    recordings: Sequence[Path],
    is_absent: npt.NDArray[np.bool_],
    per_day: float,
    confidence: float,
    candidates: FloatArray,
    progress: Progress,
) -> NodeThresholds:
    """Count the false alarms of each node where it is absent, (recording, node), and keep what they allow."""
    taxonomy, layout = scorer.taxonomy, scorer.layout
    nodes = np.flatnonzero(reportable_nodes(taxonomy))
    counts, num_rows = np.zeros((len(nodes), len(candidates)), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64)
    for done, (recording, absent) in enumerate(zip(recordings, is_absent, strict=True)):
        progress(done, len(recordings))
        rows = smoothed_rows(scorer, recording)
        for place in np.flatnonzero(absent[nodes]):
            counts[place] += count_events(rows[:, nodes[place]], layout)[: len(candidates)]
            num_rows[place] += len(rows)
    hours = num_rows * layout.row_seconds / _SECONDS_AN_HOUR
    found = NodeThresholds(
        weights=weights_digest(model),
        false_alarms_per_day=per_day,
        confidence=confidence,
        hours=float(hours.min()),
        recordings=len(recordings),
        min_event_seconds=DetectorConfig().for_window(layout.window_seconds).min_event_seconds,
        nodes={
            taxonomy.nodes[node].id: _threshold(of_node, of_hours, per_day, confidence)
            for node, of_node, of_hours in zip(nodes, counts, hours.tolist(), strict=True)
            if of_hours > 0
        },
    )
    write_thresholds(model, found)
    return found


def least_hours(per_day: float, confidence: float) -> float:
    """Hours of recordings that a promise takes even if there is no false alarm in them."""
    return poisson_upper_bound(0, 1.0, confidence) * HOURS_A_DAY / per_day


def _threshold(counts: IntArray, hours: float, per_day: float, confidence: float) -> NodeThreshold:
    place = threshold_for(counts, hours, per_day, confidence)
    return NodeThreshold(
        min_probability=float(CANDIDATES[place]),
        false_alarms=int(counts[place]),
        most_per_day=poisson_upper_bound(int(counts[place]), hours, confidence) * HOURS_A_DAY,
    )


def count_events(probabilities: FloatArray, layout: BlockLayout) -> IntArray:
    """Count the events that a node would make at each of `CANDIDATES`, with the detector's own settings.

    Args:
        probabilities: Smoothed P(node) over time, (row,).
        layout: Of the model.

    Returns:
        (threshold,) int64.
    """
    config = DetectorConfig().for_window(layout.window_seconds)
    return count_stretches(
        probabilities,
        CANDIDATES,
        release_ratio=config.release_ratio,
        least_rows=max(1, rows_from_seconds(config.min_event_seconds, layout.row_seconds)),
        gap_rows=rows_from_seconds(config.merge_gap_seconds, layout.row_seconds),
    )


def smoothed_rows(scorer: Scorer, recording: Path) -> FloatArray:
    """Return P(node) of a recording as the detector smooths it, (row, node).

    Raises:
        AudioError: The file cannot be read.
    """
    rows: list[np.ndarray] = []
    detect_file(scorer, recording, DetectorConfig(), on_rows=rows.append)
    return np.concatenate(rows) if rows else np.zeros((0, scorer.taxonomy.num_nodes), dtype=np.float32)
