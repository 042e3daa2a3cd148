"""What a measurement says of a model, and that a bad model is named."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from aed.bench.cost import measure
from aed.cli.main import app
from aed.export.export import Export
from aed.scorer.onnx import load_scorer

Made = tuple[Path, Export]


def test_a_model_is_measured(multi_export: Made) -> None:
    path = multi_export[1].path
    cost = measure(path, sound_seconds=4.0, threads=1, streams=2)
    layout = load_scorer(path).layout
    assert (cost.backend, cost.streams, cost.hop_seconds) == ("onnx", 2, layout.advance_samples / layout.rate_hz)
    assert cost.delay_seconds == layout.delay_seconds
    assert 0 < cost.hop_milliseconds <= cost.slow_hop_milliseconds
    speeds = cost.times_real_time, cost.times_real_time_of_core, cost.quiet_times_real_time_of_core
    assert min(*speeds, cost.load_seconds) > 0
    assert cost.peak_mib > 20


def test_every_case_is_a_line_of_its_own(multi_export: Made) -> None:
    options = ["--seconds", "2", "--streams", "2", "--json"]
    answer = CliRunner().invoke(app, ["bench", "--model", str(multi_export[1].path), *options])
    assert answer.exit_code == 0, answer.output
    assert [case["streams"] for case in json.loads(answer.stdout)] == [2]


def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["bench", "--model", str(tmp_path / "none.onnx")])
    assert answer.exit_code == 2
    assert "none.onnx: cannot be measured" in answer.output
