"""The library is fed as it should be: another library and slow counts of our own say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.data.scape_tables import TruthRow, write_durations, write_truth
from aed.metrics.event_scores import (
    COLLAR_SECONDS,
    COLLAR_SHARE,
    PSDS1,
    PSDS2,
    SEGMENT_SECONDS,
    PsdsCurves,
    PsdsRule,
    collar_f1,
    judged_detections,
    segment_f1,
)
from aed.metrics.event_truth import EventScene
from aed.metrics.spans import intersect, total_seconds, union
from aed.ontology.taxonomy import Node, Taxonomy
from tests.metrics.event_scenes import random_scene

pytest.importorskip("sed_scores_eval", reason="needs the extra 'eval'")

FLAT = Taxonomy(
    (
        Node("s", "Sound", -1, 0, "root"),
        *(Node(name, name, 0, 1, "concept") for name in "abc"),
    ),
    "multi",
)
DEEP = Taxonomy(
    (
        *(Node("s", "Sound", -1, 0, "root"), Node("x", "X", 0, 1, "concept"), Node("c", "C", 0, 1, "concept")),
        *(Node("a", "A", 1, 2, "concept"), Node("b", "B", 1, 2, "concept")),
    ),
    "multi",
)
NODES = [1, 2, 3]


def scenes_with_events(seed: int, count: int = 3, *, known: bool = True) -> list[EventScene]:
    generator = np.random.default_rng(seed)
    found = [random_scene(generator, 4, str(number)) for number in range(count)]
    first = replace(found[0], truth=tuple(spans if len(spans) else union([(2, 4)]) for spans in found[0].truth))
    found = [first, *found[1:]]
    nothing = union([])
    return [replace(scene, unknown=(nothing,) * 4) if known else scene for scene in found]


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_f1_is_what_sed_eval_says(seed: int) -> None:
    sed_eval = pytest.importorskip("sed_eval", reason="needs the extra 'dev'")
    scenes = scenes_with_events(seed)
    labels = [str(node) for node in NODES]
    by_event = sed_eval.sound_event.EventBasedMetrics(
        labels, t_collar=COLLAR_SECONDS, percentage_of_length=COLLAR_SHARE, event_matching_type="optimal"
    )
    by_segment = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=SEGMENT_SECONDS)
    for scene in scenes:
        true, found = event_list(scene, "truth"), event_list(scene, "detections")
        by_event.evaluate(true, found)
        by_segment.evaluate(true, found, evaluated_length_seconds=scene.duration_seconds)
    for ours, theirs in (
        (collar_f1(scenes, NODES, NODES), by_event),
        (segment_f1(scenes, NODES, NODES), by_segment),
    ):
        expected = {node: theirs.results_class_wise_metrics()[str(node)]["f_measure"]["f_measure"] for node in NODES}
        assert ours.of_node == pytest.approx({node: np.nan_to_num(value) for node, value in expected.items()})
        assert ours.macro == pytest.approx(np.mean(list(ours.of_node.values())))


def event_list(scene: EventScene, kind: str) -> object:
    dcase_util = pytest.importorskip("dcase_util")
    return dcase_util.containers.MetaDataContainer(
        [
            {"filename": scene.name, "onset": float(onset), "offset": float(offset), "event_label": str(node)}
            for node in NODES
            for onset, offset in getattr(scene, kind)[node]
        ]
    )


def slow_psds(scenes: list[EventScene], classes: list[int], rule: PsdsRule) -> float:
    """PSDS by its definition, threshold by threshold, as an area under stairs."""
    curves = [slow_curve(scenes, node, classes, rule) for node in classes]
    rates = np.unique(np.concatenate([[0.0], *(curve[:, 1] for curve in curves)]))
    rates = rates[rates <= 100.0]
    of_class = np.array([[max(tp for tp, rate in curve if rate <= most) for most in rates] for curve in curves])
    heights = np.maximum(of_class.mean(axis=0) - rule.alpha_st * of_class.std(axis=0), 0.0)
    return float((heights * np.diff(np.append(rates, 100.0))).sum() / 100.0)


def slow_curve(scenes: list[EventScene], node: int, classes: list[int], rule: PsdsRule) -> np.ndarray:
    hours = sum(scene.duration_seconds for scene in scenes) / 3600
    points = [(0.0, 0.0)]
    for threshold in np.unique(np.concatenate([scene.probabilities[:, node] for scene in scenes])):
        found = [detected(scene, node, threshold) for scene in scenes]
        hits, false, cross = 0, 0, dict.fromkeys([other for other in classes if other != node], 0)
        for scene, spans in zip(scenes, found, strict=True):
            right = [shared(span, scene.truth[node]) >= rule.dtc - 1e-6 for span in spans]
            false += len(right) - sum(right)
            relevant = union([span for span, is_right in zip(spans, right, strict=True) if is_right])
            hits += sum(shared(event, relevant) >= rule.gtc - 1e-6 for event in scene.truth[node])
            for other in cross:
                wrong = [span for span, is_right in zip(spans, right, strict=True) if not is_right]
                cross[other] += sum(shared(span, scene.truth[other]) >= (rule.cttc or 2) - 1e-6 for span in wrong)
        rate = false / hours
        if rule.cttc is not None and cross:
            lengths = {other: sum(total_seconds(scene.truth[other]) for scene in scenes) / 3600 for other in cross}
            rate += rule.alpha_ct * np.mean([cross[other] / lengths[other] for other in cross])
        points.append((hits / sum(len(scene.truth[node]) for scene in scenes), rate))
    return np.array(points)


def detected(scene: EventScene, node: int, threshold: float) -> np.ndarray:
    rows = np.flatnonzero(scene.probabilities[:, node] >= threshold)
    return union(np.round([(row * scene.row_seconds, (row + 1) * scene.row_seconds) for row in rows], 6))


def shared(span: np.ndarray, others: np.ndarray) -> float:
    return total_seconds(intersect(span[None], others)) / (span[1] - span[0])


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from([PSDS1, PSDS2]))
def test_psds_is_what_its_definition_says(seed: int, rule: PsdsRule) -> None:
    generator = np.random.default_rng(seed)
    scenes = [
        replace(scene, probabilities=smooth(scene, generator), duration_seconds=12.0)
        for scene in scenes_with_events(seed)
    ]
    curves = PsdsCurves(scenes, NODES, rule, FLAT)
    found = curves.score([scene.name for scene in scenes], NODES, NODES)
    assert found.score == pytest.approx(slow_psds(scenes, NODES, rule), abs=1e-6)
    some = [scene.name for scene in scenes[:1]]
    assert curves.score(some, NODES, NODES).score == pytest.approx(slow_psds(scenes[:1], NODES, rule), abs=1e-6)


def smooth(scene: EventScene, generator: np.random.Generator) -> np.ndarray:
    """A model that knows something: high in events, with noise of few levels."""
    middles = (np.arange(len(scene.probabilities)) + 0.5) * scene.row_seconds
    truth = np.stack(
        [((spans[:, :1] <= middles) & (middles < spans[:, 1:])).any(axis=0) for spans in scene.truth], axis=1
    )
    return np.round(np.clip(0.6 * truth + 0.4 * generator.random(truth.shape), 0, 1), 1).astype(np.float32)


def perfect(scene: EventScene) -> EventScene:
    middles = (np.arange(len(scene.probabilities)) + 0.5) * scene.row_seconds
    rows = np.stack(
        [((spans[:, :1] <= middles) & (middles < spans[:, 1:])).any(axis=0) for spans in scene.truth], axis=1
    )
    return replace(scene, detections=scene.truth, probabilities=rows.astype(np.float32))


def hierarchical_scene() -> EventScene:
    """A at 2-4 s, B at 6-8 s, X is either."""
    a, b, nothing = union([(2, 4)]), union([(6, 8)]), union([])
    truth = (nothing, union([(2, 4), (6, 8)]), union([(9, 10)]), a, b)
    return perfect(EventScene("a", 12.0, truth, (nothing,) * 5, truth, np.zeros((60, 5), dtype=np.float32), 0.2))


def test_a_perfect_model_scores_one_and_its_supercategory_too() -> None:
    scene = hierarchical_scene()
    for rule in (PSDS1, PSDS2):
        found = PsdsCurves([scene], [1, 2, 3, 4], rule, DEEP).score(["a"], [2, 3, 4], [1, 2, 3, 4])
        assert found.score == 1.0
        assert found.of_node == dict.fromkeys([1, 2, 3, 4], 1.0)
    assert collar_f1([scene], [2, 3, 4], [1, 2, 3, 4]).macro == 1.0
    assert segment_f1([scene], [2, 3, 4], [1, 2, 3, 4]).of_node[1] == 1.0


def test_a_right_supercategory_with_a_wrong_leaf() -> None:
    """The model says A where B is: right for X, a miss of B and a false A."""
    scene = hierarchical_scene()
    wrong = replace(scene, detections=(*scene.detections[:3], scene.detections[1], union([])))
    found = collar_f1([wrong], [2, 3, 4], [1, 2, 3, 4])
    assert found.of_node == {1: 1.0, 2: 1.0, 3: pytest.approx(2 / 3), 4: 0.0}


def test_what_nobody_knows_changes_no_figure() -> None:
    scene = hierarchical_scene()
    unknown = (*scene.unknown[:3], union([(9.5, 12)]), scene.unknown[4])
    louder = scene.probabilities.copy()
    louder[48:, 3] = 1.0
    heard = replace(scene, unknown=unknown, probabilities=louder)
    heard = replace(heard, detections=(*scene.detections[:3], union([(2, 4), (9.6, 12)]), scene.detections[4]))
    assert judged_detections(heard, 3).tolist() == [[2, 4]]
    for score in (collar_f1, segment_f1):
        assert score([heard], [3], [3]).macro == 1.0
        assert score([replace(heard, unknown=scene.unknown)], [3], [3]).macro < 1.0
    for rule in (PSDS1, PSDS2):
        assert PsdsCurves([heard], [2, 3, 4], rule, DEEP).score(["a"], [2, 3, 4], [3]).of_node == {3: 1.0}


def test_without_events_there_is_no_score() -> None:
    scene = replace(hierarchical_scene(), truth=(union([]),) * 5)
    assert np.isnan(PsdsCurves([scene], [], PSDS1, DEEP).score(["a"], [], []).score)
    assert np.isnan(collar_f1([scene], [], []).macro)
    assert np.isnan(segment_f1([scene], [], []).macro)


def test_the_library_reads_the_truth_that_we_write(tmp_path: Path) -> None:
    rows = [TruthRow("a.flac", 0.5, 1.25, "Baby cry, infant cry"), TruthRow("b.flac")]
    write_truth(tmp_path / "truth.tsv", rows)
    write_durations(tmp_path / "durations.tsv", [("a.flac", 60.0), ("b.flac", 59.5)])
    io = pytest.importorskip("sed_scores_eval").io
    expected = {"a": [[0.5, 1.25, "Baby cry, infant cry"]], "b": []}
    assert io.read_ground_truth_events(tmp_path / "truth.tsv") == expected
    assert io.read_audio_durations(tmp_path / "durations.tsv") == {"a": 60.0, "b": 59.5}
