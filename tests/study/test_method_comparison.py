"""Two methods of a study, in accuracy and in how well they hedge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aed.cli.main import app
from aed.errors import ConfigError
from aed.metrics.operating_curve import operating_curve
from aed.study.method_comparison import compare_methods
from aed.study.predictions import pool
from aed.study.results import write_results
from tests.study.made_study import made_study
from tests.study.small_study import small_tree


def test_the_areas_are_those_of_the_pooled_predictions() -> None:
    cells = made_study(folds=(1, 2), budgets={10: (1, 2), 100: (1,)}, clips=60)
    few, all_labels = compare_methods(cells, "ours", "flat")
    assert (few.budget.label, all_labels.budget.label) == ("10 %", "100 %")
    expected = {}
    for method in ("ours", "flat"):
        areas = []
        for draw in (1, 2):
            of_run = [c.predictions for c in cells if (c.method, c.labels_percent, c.label_draw) == (method, 10, draw)]
            pooled = pool(of_run)
            assert pooled.target_nodes is not None
            areas.append(operating_curve(pooled.log_p, pooled.target_nodes, small_tree()).area)
        expected[method] = sum(areas) / 2
    assert (few.area.first, few.area.second) == pytest.approx((expected["ours"], expected["flat"]))
    assert few.area.interval.low < few.area.first - few.area.second < few.area.interval.high
    assert few.area.interval.low > 0  # made to be much better
    assert few.accuracy.difference > 0


def test_only_cells_that_both_have_are_compared() -> None:
    cells = made_study(methods={"one": 1.0}, clips=40)
    kept = [cell for cell in cells if (cell.label_draw, cell.fold) != (2, 2)]
    twins = [*cells, *(replace(cell, method="two", title="two") for cell in kept)]
    for each in compare_methods(twins, "one", "two"):
        assert each.area.first == each.area.second


def test_equal_methods_do_not_differ() -> None:
    cells = made_study(methods={"one": 1.0}, clips=40)

    twins = [*cells, *(replace(cell, method="two", title="two") for cell in cells)]
    for each in compare_methods(twins, "one", "two"):
        assert each.area.interval.low == each.area.interval.high == 0
        assert each.area.interval.p_value == 1


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ConfigError, match="no method 'theirs' in the results: expected one of flat, tree, ours"):
        compare_methods(made_study(), "theirs", "flat")


def test_on_the_command_line(tmp_path: Path) -> None:
    write_results(tmp_path / "results.parquet", made_study(clips=40))
    result = CliRunner().invoke(app, ["study", "compare", str(tmp_path), "ours", "flat"])
    assert result.exit_code == 0, result.output
    assert "ours minus flat" in result.stdout
    found = json.loads(CliRunner().invoke(app, ["study", "compare", str(tmp_path), "ours", "flat", "--json"]).stdout)
    assert found[0]["budget"]["label"] == "10 %"
