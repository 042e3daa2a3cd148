"""The results file: everything comes back, and the same cells give the same bytes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aed.errors import DataError
from aed.study.predictions import Predictions
from aed.study.results import CellResult, read_results, write_results
from tests.study.made_study import made_cell
from tests.study.small_study import multi_label, single_label

LOG_P = np.log(np.array([[1, 0.5, 0.5, 0.25, 0.25], [1, 0.9, 0.1, 0.8, 0.1]], dtype=np.float32))


def cell(predictions: Predictions, fold: int = 1) -> CellResult:
    return made_cell("flat", 10, 2, fold, predictions, recipe="name: ärger\n", commit="", pretraining_seconds=2.5)


CELLS = (cell(single_label([4, 5, 2], [4, 4, 2])), cell(multi_label([[1, 1, 0, 1, -1]] * 2, LOG_P, [0, 3, 1, 2, 1]), 2))


def test_every_field_comes_back(tmp_path: Path) -> None:
    write_results(tmp_path / "r.parquet", CELLS)
    for before, after in zip(CELLS, read_results(tmp_path / "r.parquet"), strict=True):
        for field in fields(CellResult):
            if field.name != "predictions":
                assert getattr(after, field.name) == getattr(before, field.name)
        for field in fields(Predictions):
            first, second = getattr(before.predictions, field.name), getattr(after.predictions, field.name)
            np.testing.assert_array_equal(first, second)
            assert getattr(first, "shape", None) == getattr(second, "shape", None)


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    write_results(tmp_path / "one.parquet", CELLS)
    write_results(tmp_path / "two.parquet", read_results(tmp_path / "one.parquet"))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    write_results(tmp_path / "two.parquet", [replace(CELLS[0], seconds=2.0), CELLS[1]])
    assert (tmp_path / "one.parquet").read_bytes() != (tmp_path / "two.parquet").read_bytes()


def test_a_study_without_a_finished_cell_has_an_empty_file(tmp_path: Path) -> None:
    write_results(tmp_path / "r.parquet", ())
    assert read_results(tmp_path / "r.parquet") == ()


def test_what_is_no_results_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with pytest.raises(DataError, match=r"no results at .*: run 'aed study run' first"):
        read_results(path)
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="damaged or no results file"):
        read_results(path)
    pq.write_table(pa.table({"method": ["flat"]}), path)
    with pytest.raises(DataError, match="expected format 1 of results, got none"):
        read_results(path)
    write_results(path, CELLS)
    table = pq.read_table(path).drop_columns(["seconds"])
    pq.write_table(table, path)
    with pytest.raises(DataError, match="is damaged: 'seconds'"):
        read_results(path)
