"""Thresholds by false alarms: counted as the detector would, promised only where there is enough sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import aed.api
from aed.api import LoadedModel
from aed.cli.main import app
from aed.detect.detector import Detector, DetectorConfig
from aed.detect.thresholds import read_thresholds
from aed.errors import DataError, ModelError
from aed.study.alarm_thresholds import CANDIDATES, alarm_thresholds, count_stretches, least_hours, threshold_for
from tests.fake_scorer import LAYOUT, FakeScorer, scene, small_scorer, small_taxonomy


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.69, 0.7, 0.9]), max_size=60),
    st.floats(0.5, 1.0),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_it_counts_as_row_by_row(rows: list[float], release: float, least: int, gap: int) -> None:
    thresholds = np.array([0.95, 0.7, 0.4, 0.05])
    found = count_stretches(np.array(rows), thresholds, release_ratio=release, least_rows=least, gap_rows=gap)
    assert found.tolist() == [slowly(rows, at, release * at, least, gap) for at in thresholds]


def slowly(rows: list[float], on_from: float, off_below: float, least: int, gap: int) -> int:
    believed, events = False, list[list[int]]()
    for number, p in enumerate(rows):
        believed = p >= on_from or (believed and p >= off_below)
        if not believed:
            continue
        if events and number - events[-1][1] - 1 <= gap:
            events[-1][1] = number
        else:
            events.append([number, number])
    return sum(last - first + 1 >= least for first, last in events)


def test_the_lowest_threshold_that_keeps_the_wish_all_higher_ones_keeping_it_too() -> None:
    counts = np.array([0, 0, 1, 0, 2, 7, 9])
    # 95 % bounds in 100 hours: 0 -> 0.72 a day, 1 -> 1.14, 2 -> 1.51
    assert threshold_for(counts, 100.0, 0.8, 0.95) == 1
    assert threshold_for(counts, 100.0, 1.2, 0.95) == 3
    assert threshold_for(counts, 100.0, 1.6, 0.95) == 4
    assert threshold_for(counts, 100.0, 0.1, 0.95) == 1  # no promise: none so far is the best there is
    assert threshold_for(np.zeros(5, dtype=int), 100.0, 1.0, 0.95) == 4
    assert threshold_for(np.array([3, 3]), 100.0, 1.0, 0.95) == 0


def test_the_rule_of_three() -> None:
    assert least_hours(0.5, 0.95) == pytest.approx(143.8, abs=0.1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model"


def recorded(folder: Path, name: str, samples: np.ndarray) -> Path:
    soundfile.write(folder / name, samples, LAYOUT.rate_hz, subtype="FLOAT")
    return folder / name


def multi_scorer() -> FakeScorer:
    """Code 0: nothing; 1: dog 0.6; 2: glass 0.9."""
    table = np.full((3, 5), 1e-4)
    table[:, 0] = 1
    tree = small_taxonomy("multi")
    table[1, [tree.index("a"), tree.index("d")]] = 0.6
    table[2, tree.index("g")] = 0.9
    return FakeScorer(tree, table)


def test_what_was_set_is_kept_with_the_weights_and_holds(model: Path, tmp_path: Path) -> None:
    story = scene((0, 300.0), (1, 2.0), (0, 100.0), (2, 2.0), (0, 300.0))
    files = [recorded(tmp_path, f"{number}.wav", story) for number in range(2)]
    scorer = multi_scorer()
    found = alarm_thresholds(model, scorer, files, per_day=200.0, confidence=0.9)
    assert read_thresholds(model) == found
    assert (found.recordings, found.hours) == (2, pytest.approx(2 * 704 / 3600, abs=1e-3))
    assert set(found.nodes) == {"a", "g", "d", "c"}
    by_name = {name: found.nodes[name] for name in found.nodes}
    assert by_name["d"].min_probability > 0.6
    assert by_name["g"].min_probability > 0.9
    assert by_name["c"].min_probability == pytest.approx(CANDIDATES[-1])
    assert all(node.false_alarms == 0 and node.most_per_day < 200 for node in found.nodes.values())
    assert found.is_promised
    shortest = DetectorConfig().for_window(scorer.layout.window_seconds).min_event_seconds
    assert found.min_event_seconds == shortest
    other = found.with_changes(min_event_seconds=1.5)
    assert LoadedModel(scorer, None, other).detector_config.min_event_seconds == 1.5
    detector = Detector(scorer, DetectorConfig(node_probabilities=found.node_probabilities))
    assert detector.push(story) + detector.flush() == []
    assert not alarm_thresholds(model, scorer, files, per_day=1.0, confidence=0.9).is_promised
    (model / "model.safetensors").write_bytes(b"others")
    with pytest.raises(ModelError, match=r"thresholds\.json: made for weights"):
        read_thresholds(model)


def test_on_the_command_line(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aed.api, "load_folder_scorer", lambda folder, device: multi_scorer())
    (tmp_path / "quiet").mkdir()
    recorded(tmp_path / "quiet", "a.wav", scene((0, 100.0), (1, 2.0), (0, 100.0)))
    arguments = ["calibrate", "--model", str(model), "--on", str(tmp_path / "quiet"), "--false-alarms-per-day"]
    result = CliRunner().invoke(app, [*arguments, "0.5"])
    assert result.exit_code == 0, result.output
    assert "are too few to promise at most 0.5 false alarms a day: that takes 144 hours" in " ".join(
        result.stdout.split()
    )
    loaded = aed.api.load(model)
    assert loaded.thresholds is not None
    assert loaded.detector_config.node_probabilities == loaded.thresholds.node_probabilities
    found = json.loads(CliRunner().invoke(app, [*arguments, "5000", "--json"]).stdout)
    assert found["nodes"]["d"]["false_alarms"] == 1
    for wrong, words in (
        ([*arguments, "0"], "--false-alarms-per-day 0: expected a number above 0"),
        (arguments[:-1], "expected either --accuracy or --false-alarms-per-day"),
        ([*arguments[:3], arguments[-1], "1"], "--false-alarms-per-day and --on belong together"),
        ([*arguments, "1", "--accuracy", "0.9"], "expected either --accuracy or --false-alarms-per-day"),
    ):
        refused = CliRunner().invoke(app, wrong)
        assert (refused.exit_code, words in refused.stderr) == (2, True), refused.output


def test_nothing_to_count_in_is_refused(model: Path) -> None:
    with pytest.raises(DataError, match="no recordings to count false alarms in"):
        alarm_thresholds(model, small_scorer(), [], 1.0, 0.95)
