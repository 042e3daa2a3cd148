"""What a measurement says of a model, and that a bad model is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from aed.bench.cost import measure, peak_mib
from aed.cli.main import app
from aed.export.export import Export
from aed.scorer.onnx import load_scorer

Made = tuple[Path, Export]


def test_a_model_is_measured(multi_export: Made) -> None:
    path = multi_export[1].path
    cost = measure(path, sound_seconds=4.0, threads=1)
    layout = load_scorer(path).layout
    assert (cost.backend, cost.hop_seconds) == ("onnx", layout.advance_samples / layout.rate_hz)
    assert cost.delay_seconds == layout.delay_seconds
    assert 0 < cost.hop_milliseconds <= cost.slow_hop_milliseconds
    speeds = cost.times_real_time, cost.times_real_time_of_core, cost.quiet_times_real_time_of_core
    assert min(*speeds, cost.load_seconds) > 0


def test_the_peak_of_memory_is_that_of_this_process() -> None:
    before = peak_mib()
    filled = np.ones(100 << 20, dtype=np.uint8)
    assert peak_mib() >= before
    assert 20 < peak_mib() < 1 << 16
    del filled


def test_every_case_is_a_line_of_its_own(multi_export: Made) -> None:
    options = ["--only", "speed", "--seconds", "2", "--json"]
    answer = CliRunner().invoke(app, ["bench", "--model", str(multi_export[1].path), *options])
    assert answer.exit_code == 0, answer.output
    (cost,) = json.loads(answer.stdout)["speed"]
    assert (cost["threads"], cost["sound_seconds"]) == (1, 2.0)


def test_a_table_is_printed(multi_export: Made) -> None:
    options = ["--only", "streams", "--streams", "2"]
    answer = CliRunner().invoke(app, ["bench", "--model", str(multi_export[1].path), *options])
    assert answer.exit_code == 0, answer.output
    assert "a stream" in answer.stdout


def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["bench", "--only", "speed", "--model", str(tmp_path / "none.onnx")])
    assert answer.exit_code == 2
    assert "none.onnx: cannot be measured" in answer.output
