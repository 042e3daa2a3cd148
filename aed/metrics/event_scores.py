"""PSDS, collar F1 and segment F1 of events, computed by the library `sed_scores_eval`, fed node by node.

PSDS (Bilen et al., ICASSP 2020) looks at all thresholds of the probabilities at once, exactly (Ebbers et al., ICASSP
2022); the two F1 judge the events that the detector gave. What is ours is only what the library does not know of:

- Where it is unknown whether a node sounds, its probability counts as 0; an event more than half of which is there and
  that touches no true one is left out.
- Classes are the nodes that labels name. A supercategory sounds whenever something below it does, so it takes no part
in
  their PSDS; it gets a PSDS of its own beside those of them that are not its kin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aed.errors import missing_extra
from aed.metrics.event_truth import EventScene
from aed.metrics.events import row_states
from aed.metrics.spans import Spans, intersect, total_seconds, union
from aed.ontology.labels import UNKNOWN
from aed.ontology.taxonomy import Taxonomy

Progress = Callable[[str, int, int], None]
"""Told of (what is done, how many are done, how many there are)."""

COLLAR_SECONDS = 0.2
COLLAR_SHARE = 0.2
"""A found event may begin `COLLAR_SECONDS` off, and end by the larger of that and this share of the true one's length:
DCASE's task 4."""
SEGMENT_SECONDS = 1.0
_FOUND = 0.5
"""Events are handed over as scores of 0 and 1."""
_CROSS = "cts\\"
"""How the library calls the counts of cross triggers, before the name of the other class."""
_STAND_IN = ""
_AT_ONCE = 16
"""Recordings between two reports of progress."""


@dataclass(frozen=True)
class PsdsRule:
    """Parameters of PSDS, in the words of its paper.

    Attributes:
        dtc: Share of a detection that must lie in true events.
        gtc: Share of a true event that detections must cover.
        cttc: Share of a wrong detection in another class's events from which it is a cross trigger; None: not counted.
        alpha_ct: Weight of cross triggers.
        alpha_st: Weight of the spread over classes.
    """

    dtc: float
    gtc: float
    cttc: float | None
    alpha_ct: float
    alpha_st: float


PSDS1 = PsdsRule(0.7, 0.7, None, 0.0, 1.0)
"""DCASE's task 4, scenario 1: when an event begins and ends."""
PSDS2 = PsdsRule(0.1, 0.1, 0.3, 0.5, 1.0)
"""Scenario 2: which event it is."""


@dataclass(frozen=True)
class F1:
    """F1 of the detector's events.

    Attributes:
        macro: Mean over the classes; nan without one.
        of_node: Of each node.
    """

    macro: float
    of_node: dict[int, float]


@dataclass(frozen=True)
class Psds:
    """PSDS.

    Attributes:
        score: Over the classes; nan without one.
        of_node: Area under the curve of each node alone.
    """

    score: float
    of_node: dict[int, float]


class PsdsCurves:
    """What PSDS needs of many recordings, counted once for any selection of them.

    Args:
        scenes: All recordings.
        nodes: All nodes to score; each has an event.
        rule: Parameters.
        taxonomy: Says who is kin.
        progress: Told of each recording.
    """

    def __init__(
        self,
        scenes: Sequence[EventScene],
        nodes: Sequence[int],
        rule: PsdsRule,
        taxonomy: Taxonomy,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        self._scenes = {scene.name: scene for scene in scenes}
        self._rule, self._taxonomy = rule, taxonomy
        self._deltas = _deltas(scenes, nodes, rule, progress) if nodes else {}

    def score(self, names: Sequence[str], classes: Sequence[int], nodes: Sequence[int]) -> Psds:
        """Return PSDS over some recordings.

        Args:
            names: The recordings.
            classes: Nodes that the score is taken over, each with an event there.
            nodes: Nodes to score alone, classes or above them, each with an event there.
        """
        if not classes:
            return Psds(float("nan"), {})
        score, alone = self._psds(names, classes)
        for node in set(nodes) - set(classes):
            rivals = [other for other in classes if not self._kin(node, other)]
            alone[node] = self._psds(names, [node, *rivals])[1][node]
        return Psds(score, {node: alone[node] for node in nodes})

    def _kin(self, node: int, other: int) -> bool:
        above = self._taxonomy.ancestor_matrix
        return bool(above[node, other] or above[other, node])

    def _psds(self, names: Sequence[str], classes: Sequence[int]) -> tuple[float, dict[int, float]]:
        intersection_based = _library().intersection_based
        keys, rule = {str(node) for node in classes}, self._rule
        counts_cross = rule.cttc is not None and len(classes) > 1
        score, alone, *_ = intersection_based.psds(
            scores=None,
            deltas={name: _only(self._deltas[name], keys) for name in names},
            ground_truth={name: _truth(self._scenes[name], classes) for name in names},
            audio_durations={name: self._scenes[name].duration_seconds for name in names},
            dtc_threshold=rule.dtc,
            gtc_threshold=rule.gtc,
            cttc_threshold=rule.cttc if counts_cross else None,
            alpha_ct=rule.alpha_ct if counts_cross else 0.0,
            alpha_st=rule.alpha_st,
        )
        return float(score), {int(key): float(value) for key, value in alone.items()}


def collar_f1(scenes: Sequence[EventScene], classes: Sequence[int], nodes: Sequence[int]) -> F1:
    """Return F1 where a detection is right whose beginning and end are; see `COLLAR_SECONDS`.

    Args:
        scenes: The recordings.
        classes: Nodes that the mean is taken over, each with an event there.
        nodes: Nodes to score, classes among them, each with an event there.
    """
    if not nodes:
        return F1(float("nan"), {})
    found, *_ = _library().collar_based.fscore(
        _found_frames(scenes, nodes),
        _truths(scenes, nodes),
        _FOUND,
        onset_collar=COLLAR_SECONDS,
        offset_collar=COLLAR_SECONDS,
        offset_collar_rate=COLLAR_SHARE,
    )
    return _f1(found, classes, nodes)


def segment_f1(scenes: Sequence[EventScene], classes: Sequence[int], nodes: Sequence[int]) -> F1:
    """Return F1 of pieces of `SEGMENT_SECONDS`; arguments as of `collar_f1`."""
    if not nodes:
        return F1(float("nan"), {})
    found, *_ = _library().segment_based.fscore(
        _found_frames(scenes, nodes),
        _truths(scenes, nodes),
        {scene.name: scene.duration_seconds for scene in scenes},
        _FOUND,
        segment_length=SEGMENT_SECONDS,
    )
    return _f1(found, classes, nodes)


def judged_detections(scene: EventScene, node: int) -> Spans:
    """Return a node's detections without those of which nobody can say whether they are right."""
    kept = [
        span
        for span in scene.detections[node]
        if len(intersect(span[None], scene.truth[node]))
        or total_seconds(intersect(span[None], scene.unknown[node])) <= (span[1] - span[0]) / 2
    ]
    return intersect(union(kept), union([(0.0, scene.duration_seconds)]))


def _library() -> Any:
    try:
        import sed_scores_eval
    except ImportError as error:
        raise missing_extra("Scoring events (PSDS, F1)", "eval") from error
    return sed_scores_eval


def _deltas(scenes: Sequence[EventScene], nodes: Sequence[int], rule: PsdsRule, progress: Progress) -> dict[str, Any]:
    """Of each recording and node, where the counts change with the threshold.

    The library refuses a class without any event, so a recording of silence that no figure uses stands in for all
    others.
    """
    count, deltas = _library().intersection_based.intermediate_statistics_deltas, {}
    events = [(2.0 * place, 2.0 * place + 1.0, str(node)) for place, node in enumerate(nodes)]
    nothing = _frame(np.zeros((1, len(nodes))), np.array([0.0, 2.0 * len(nodes)]), nodes)
    for start in range(0, len(scenes), _AT_ONCE):
        some = scenes[start : start + _AT_ONCE]
        found = count(
            {_STAND_IN: nothing, **{scene.name: _probability_frame(scene, nodes) for scene in some}},
            {_STAND_IN: events, **_truths(some, nodes)},
            dtc_threshold=rule.dtc,
            gtc_threshold=rule.gtc,
            cttc_threshold=rule.cttc,
        )
        deltas.update({scene.name: found[scene.name] for scene in some})
        progress("counting for PSDS", start + len(some), len(scenes))
    return deltas


def _only(of_scene: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    """Leave out the other classes, and the cross triggers with them."""
    return {
        key: (of_scene[key][0], {name: counts for name, counts in of_scene[key][1].items() if _stays(name, keys)})
        for key in of_scene
        if key in keys
    }


def _stays(name: str, keys: set[str]) -> bool:
    return not name.startswith(_CROSS) or name.removeprefix(_CROSS) in keys


def _probability_frame(scene: EventScene, nodes: Sequence[int]) -> Any:
    asked = np.asarray(nodes, dtype=np.int64)
    scores = np.where(row_states(scene, asked) == UNKNOWN, 0.0, scene.probabilities[:, asked].astype(np.float64))
    times = np.minimum(np.arange(len(scores) + 1) * scene.row_seconds, scene.duration_seconds)
    return _frame(scores, times, nodes)


def _found_frames(scenes: Sequence[EventScene], nodes: Sequence[int]) -> dict[str, Any]:
    return {scene.name: _found_frame(scene, nodes) for scene in scenes}


def _found_frame(scene: EventScene, nodes: Sequence[int]) -> Any:
    """Detections as rows of 0 and 1 between all moments at which one begins or ends."""
    found = [judged_detections(scene, node) for node in nodes]
    times = np.unique(np.concatenate([[0.0, scene.duration_seconds], *(spans.ravel() for spans in found)]))
    middles = (times[1:] + times[:-1]) / 2
    inside = np.stack([((spans[:, :1] <= middles) & (middles < spans[:, 1:])).any(axis=0) for spans in found], axis=1)
    return _frame(inside.astype(np.float64), times, nodes)


def _frame(scores: npt.NDArray[np.float64], times: npt.NDArray[np.float64], nodes: Sequence[int]) -> Any:
    return _library().base_modules.scores.create_score_dataframe(scores, times, [str(node) for node in nodes])


def _truths(scenes: Sequence[EventScene], nodes: Sequence[int]) -> dict[str, list[tuple[float, float, str]]]:
    return {scene.name: _truth(scene, nodes) for scene in scenes}


def _truth(scene: EventScene, nodes: Sequence[int]) -> list[tuple[float, float, str]]:
    return [(float(onset), float(offset), str(node)) for node in nodes for onset, offset in scene.truth[node]]


def _f1(found: Mapping[str, float], classes: Sequence[int], nodes: Sequence[int]) -> F1:
    of_node = {node: float(found[str(node)]) for node in nodes}
    return F1(float(np.mean([of_node[node] for node in classes])) if classes else float("nan"), of_node)
