"""The report comes from the results file alone, and the same file gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aed.errors import ConfigError, DataError
from aed.study.results import CellResult, write_results
from aed.study.study_report import StudyReport, write_study_report
from tests.study.made_study import made_study
from tests.study.small_study import multi_label, multi_tree

KINDS = {".png": b"\x89PNG", ".svg": b"<?xml"}


def small_study() -> list[CellResult]:
    return made_study(methods={"flat": 1.0, "ours": 1.6})


def report_of(cells: list[CellResult], folder: Path, **options: str) -> StudyReport:
    write_results(folder / "results.parquet", cells)
    return write_study_report(folder / "results.parquet", folder / "report", **options)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> StudyReport:
    return report_of(small_study(), tmp_path_factory.mktemp("study"))


def test_every_picture_is_there_as_png_and_svg(written: StudyReport) -> None:
    names = {path.stem for path in written.pictures}
    assert names == {
        *("accuracy", "differences", "operating_curves", "risk_coverage", "calibration"),
        *(f"confusion_{method}_{percent}percent" for method in ("flat", "ours") for percent in (10, 100)),
    }
    assert len(written.pictures) == 2 * len(names)
    for path in written.pictures:
        assert path.read_bytes().startswith(KINDS[path.suffix])
    markdown = written.markdown.read_text()
    assert all(f"](figures/{name}.svg)" in markdown for name in names)
    assert written.html.read_text().count("data:image/svg+xml;base64,") == len(names)


def test_pictures_name_methods_budgets_and_selection(written: StudyReport) -> None:
    for path in written.pictures:
        if path.suffix == ".svg":
            words = path.read_text()
            assert "selection: final" in words, path.name
            if not path.stem.startswith("confusion"):
                assert "ours method" in words, path.name
                assert "10 %" in words, path.name


def test_every_table_prints_the_protocol(written: StudyReport) -> None:
    tables = json.loads(written.json.read_text())["tables"]
    assert len(tables) == 6
    for table in tables:
        assert "Protocol: weights at the last step (selection: final); folds 1-2; seeds 1;" in table["note"]
        assert all(len(row) == len(table["header"]) for row in table["rows"])
    assert written.markdown.read_text().count("Protocol: ") == len(tables)


def test_the_report_names_its_source_and_no_date(written: StudyReport) -> None:
    results = written.markdown.parent.parent / "results.parquet"
    digest = hashlib.sha256(results.read_bytes()).hexdigest()
    for path in (written.markdown, written.html):
        assert digest in path.read_text()
    assert (written.runs, written.missing) == (12, ())
    assert "What is missing" not in written.markdown.read_text()


def test_comparisons_are_counted_and_corrected(written: StudyReport) -> None:
    table = next(t for t in json.loads(written.json.read_text())["tables"] if "p corrected" in t["header"])
    assert table["title"] == "Accuracy minus that of 'flat method'"
    assert "this table makes 2 comparisons" in table["note"]
    assert [row[:2] for row in table["rows"]] == [["ours method", "10 %"], ["ours method", "100 %"]]


def test_the_numbers_can_be_had_as_numbers(written: StudyReport) -> None:
    (part,) = json.loads(written.json.read_text())["parts"]
    assert (part["selection"], part["reference"]) == ("final", "flat")
    outcome, comparison = part["outcomes"][1], part["comparisons"][0]
    assert (outcome["method"], outcome["budget"]["label"], outcome["accuracy"]["runs"]) == ("ours", "10 %", 4)
    assert outcome["figures"]["leaf_accuracy"] == pytest.approx(outcome["accuracy"]["mean"])
    assert comparison["difference"]["over_clips"]["low"] <= comparison["difference"]["difference"]


def test_the_same_results_give_the_same_bytes_in_another_process(written: StudyReport, tmp_path: Path) -> None:
    results = written.markdown.parent.parent / "results.parquet"
    program = (
        "import sys; from pathlib import Path; from aed.study.study_report import write_study_report\n"
        "write_study_report(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", program, results, tmp_path], check=True, env=environment)
    first = {path.relative_to(written.markdown.parent): path for path in written.markdown.parent.rglob("*.*")}
    second = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*.*")}
    assert first.keys() == second.keys()
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_an_unfinished_study_gives_a_report_that_names_what_is_missing(tmp_path: Path) -> None:
    cells = [cell for cell in small_study() if (cell.method, cell.labels_percent, cell.fold) != ("flat", 100, 2)]
    cells = [cell for cell in cells if (cell.method, cell.labels_percent) != ("ours", 100)]
    found = report_of(cells, tmp_path)
    assert found.missing == (
        "flat, 100 %, label draw 1, seed 1: fold 2",
        "ours, 100 %, label draw 1, seed 1: folds 1, 2",
    )
    for path in (found.markdown, found.html):
        text = path.read_text()
        assert "What is missing" in text
        assert all(line in text for line in found.missing)


def test_a_single_cell_is_a_study_too(tmp_path: Path) -> None:
    found = report_of(made_study(methods={"ours": 1.0}, budgets={10: (1,)}, folds=(3,)), tmp_path)
    text = found.markdown.read_text()
    assert "no supervised method with all labels" in text
    assert "Differences from" not in text


def test_the_optimistic_number_stands_only_under_its_name(tmp_path: Path) -> None:
    cells = made_study(methods={"flat": 1.0, "ours": 1.5}, budgets={100: (1,)})
    best = made_study(methods={"flat": 2.0, "ours": 2.5}, budgets={100: (1,)}, selection="test_fold", test_looks=10)
    found = report_of([*cells, *best], tmp_path)
    text = found.markdown.read_text()
    honest, optimistic = text.split("\n## Optimistic: best snapshot on the test fold (selection: test_fold)\n")
    assert "selection: test_fold" not in honest
    assert "selection: final" not in optimistic
    tables = json.loads(found.json.read_text())["tables"]
    for table in tables[len(tables) // 2 :]:
        assert "test_fold" in table["title"]
    of_optimistic = [path for path in found.pictures if path.name.startswith("test_fold_")]
    assert 2 * len(of_optimistic) == len(found.pictures)
    assert "44 by the runs of this study" in honest


def test_clips_with_several_labels_have_a_report_without_pairs(tmp_path: Path) -> None:
    log_p = -np.array([[0, 0.1, 0.1, 0.1, 0.1], [0, 0.2, 0.2, 0.2, 0.2], [0, 0.3, 0.3, 0.3, 0.3]])
    predictions = multi_label([[1, 1, 0, 1, 0], [1, 0, 1, 0, 0], [1, 1, 0, 0, 1]], log_p, [0, 0, 12, 10, 9])
    single = made_study(multi_tree(), methods={"flat": 1, "ours": 1}, budgets={10: (1,)}, folds=(1,))
    found = report_of([replace(cell, predictions=predictions) for cell in single], tmp_path)
    assert {path.stem for path in found.pictures} == {"accuracy"}
    assert "Mean average precision, %" in found.markdown.read_text()


def test_the_reference_can_be_named(tmp_path: Path) -> None:
    cells = made_study(methods={"flat": 1, "ours": 1}, budgets={10: (1,)}, folds=(1,))
    found = report_of(cells, tmp_path, reference="ours")
    assert "Differences from 'ours method'" in found.markdown.read_text()
    with pytest.raises(ConfigError, match="no method 'best' in the results"):
        report_of(cells, tmp_path, reference="best")


def test_results_without_a_cell_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished cell"):
        report_of([], tmp_path)
