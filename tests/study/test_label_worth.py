"""What a coarse label is worth, on curves that can be read by eye."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aed.cli.main import app
from aed.errors import DataError
from aed.study.figure_worth import draw_worth
from aed.study.label_worth import label_worth, same_accuracy_labels
from aed.study.results import CellResult, write_results
from aed.study.study_cells import by_selection
from tests.study.made_study import made_cell
from tests.study.small_study import single_label, small_tree

DOG, CAT, CLIPS = 4, 5, 40


def cell(method: str, percent: int, right: int, coarse: int = 0, draw: int = 1) -> CellResult:
    """A fold of 40 dogs, of which the first so many are answered right."""
    made = made_cell(method, percent, draw, 1, single_label([DOG] * right + [CAT] * (CLIPS - right), [DOG] * CLIPS))
    settings = f"data: {{coarse: {{percent: {coarse}, depth: 1}}}}\n" if coarse else "data: {}\n"
    return replace(made, recipe=settings, taxonomy=json.dumps(small_tree().to_dict()))


STUDY = [
    *(cell("tree", 10, 20), cell("tree", 40, 30), cell("tree", 100, 36)),  # 3, 12 and 30 labels per class
    cell("coarse", 10, 25, coarse=50),
]


def test_it_is_read_off_the_curve() -> None:
    found = label_worth(by_selection(STUDY)[0], "tree")
    (point,) = found.points
    assert (point.labels, point.coarse, point.alone) == (3.0, 13.5, pytest.approx(0.5))
    assert point.accuracy == pytest.approx(0.625)
    assert point.same_as == pytest.approx(6.0)  # half way from 20 to 30 right is half way from 3 to 12 in the logarithm
    assert point.worth == pytest.approx(3 / 13.5)
    assert point.low < point.worth < point.high
    assert not point.beyond


def test_beyond_the_curve_it_is_a_lower_bound() -> None:
    (point,) = label_worth(by_selection([*STUDY[:3], cell("coarse", 40, 38, coarse=100)])[0], "tree").points
    assert (point.beyond, point.same_as) == (True, pytest.approx(30.0))
    assert point.worth == pytest.approx(1.0)


def test_draws_of_a_budget_are_averaged() -> None:
    cells = [*STUDY, cell("coarse", 10, 15, coarse=50, draw=2)]
    (point,) = label_worth(by_selection(cells)[0], "tree").points
    assert (point.accuracy, point.worth) == pytest.approx((0.5, 0.0))


def test_the_curve_is_of_the_same_label_draws() -> None:
    cells = [*STUDY, cell("tree", 10, 0, draw=2)]
    (point,) = label_worth(by_selection(cells)[0], "tree").points
    assert (point.alone, point.worth) == (pytest.approx(0.5), pytest.approx(3 / 13.5))


def test_a_curve_that_falls_is_levelled_and_fewer_labels_are_enough() -> None:
    labels, accuracy = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.2, 0.6, 0.4, 0.8])
    assert same_accuracy_labels(labels, accuracy, 0.5) == pytest.approx(2.0)
    assert same_accuracy_labels(labels, accuracy, 0.1) == 1.0
    assert same_accuracy_labels(labels, accuracy, 0.9) == pytest.approx(8.0)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(DataError, match="'tree' has results at 1 label budgets"):
        label_worth(by_selection([STUDY[0], STUDY[3]])[0], "tree")
    with pytest.raises(DataError, match="no method in the results has coarse labels"):
        label_worth(by_selection(STUDY[:3])[0], "tree")


def test_table_and_picture(tmp_path: Path) -> None:
    write_results(tmp_path / "results.parquet", STUDY[3:])
    write_results(tmp_path / "curve.parquet", [replace(cell, study="another") for cell in STUDY[:3]])
    files = [str(tmp_path), str(tmp_path / "curve.parquet")]
    result = CliRunner().invoke(app, ["study", "worth", *files, "--draw", str(tmp_path / "worth")])
    assert result.exit_code == 0, result.output
    assert "0.22" in result.stdout
    assert {path.name for path in tmp_path.glob("worth.*")} == {"worth.png", "worth.svg"}
    found = label_worth(by_selection(STUDY)[0], "tree")
    _, svg = draw_worth(found, tmp_path, "again")
    assert "coarse method" in svg.read_text()
