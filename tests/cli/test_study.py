"""`aed study`: what it runs, prints, writes and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aed.cli import study as verb
from aed.cli.main import app
from aed.cli.study import find_study
from aed.errors import ConfigError
from aed.resources import recipes_folder
from aed.study.results import read_results
from aed.study.study_file import load_study
from aed.study.study_folder import Claim, StudyFolder
from tests.study import fake_worker
from tests.study.tiny_study import write_study


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))


def aed(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["study", *map(str, arguments)])


@pytest.fixture
def fake_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells cost nothing: the command's worker is replaced."""
    program = tmp_path / "python"
    command = f'exec "{sys.executable}" "{fake_worker.__file__}" "{tmp_path}/trace" 0 "$last"'
    program.write_text(f"#!/bin/sh\nfor last; do :; done\n{command}\n")  # the last argument is the study's folder
    program.chmod(0o755)
    monkeypatch.setattr(verb.sys, "executable", str(program))


@pytest.mark.training
def test_a_study_is_run_and_reported(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    result = aed("run", path, "--quick", "--out", out, "--workers", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "made/tiny_quick: 2 cells at once" in result.stderr
    assert "2 of 2 cells done, 0 running, 0 failed" in result.stderr
    assert f"2 of 2 cells are done; results in {out / 'results.parquet'}" in result.stdout
    cells = read_results(out / "results.parquet")
    assert {cell.method for cell in cells} == {"flat", "tree"}
    assert json.loads(cells[0].environment)["threads"] == 1
    assert len((out / "test_looks.jsonl").read_text().splitlines()) == 2
    again = aed("run", path, "--quick", "--out", out, "--device", "cpu")
    assert again.exit_code == 0
    assert len((out / "test_looks.jsonl").read_text().splitlines()) == 2  # nothing was repeated
    report = aed("report", out)
    assert report.exit_code == 0, report.output
    assert "report of 2 runs" in report.stdout
    assert (out / "report/report.html").is_file()
    archived = aed("report", (out / "results.parquet").rename(tmp_path / "archive.parquet"), "--out", tmp_path / "r")
    assert archived.exit_code == 0, archived.output
    assert (tmp_path / "r/report.html").is_file()


def test_a_failed_cell_is_named_with_its_log(tmp_path: Path, fake_workers: None) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    (tmp_path / "tree-100percent-draw1-fold2-seed1.error").touch()
    result = aed("run", path, "--out", out, "--workers", 1)
    assert result.exit_code == 1
    log = out / "cells/tree-100percent-draw1-fold2-seed1/cell.log"
    line = f"aed: error: cell tree-100percent-draw1-fold2-seed1 failed: no such sound; see {log}"
    assert result.stderr.splitlines()[-1] == line
    assert "11 of 12 cells are done" in result.stdout
    status = aed("status", out)
    assert status.exit_code == 0
    assert status.stdout.splitlines() == ["11 of 12 cells done, 0 running, 1 failed", line]
    content = json.loads(aed("status", out, "--json").stdout)
    assert (content["cells"], len(content["done"]), content["seconds_left"]) == (12, 11, None)
    assert content["failed"] == [
        {"name": "tree-100percent-draw1-fold2-seed1", "log": str(log), "error": "no such sound"}
    ]


def test_some_methods_alone(tmp_path: Path, fake_workers: None) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    assert aed("run", path, "--out", out, "--method", "tree").exit_code == 0
    assert {cell.method for cell in read_results(out / "results.parquet")} == {"tree"}
    refused = aed("run", path, "--out", out, "--method", "forest")
    assert refused.exit_code == 2
    assert "there is no method 'forest': expected one of flat, tree" in refused.stderr


def test_finished_cells_of_another_folder_are_taken_over(tmp_path: Path, fake_workers: None) -> None:
    path, out, results = write_study(tmp_path), tmp_path / "out", tmp_path / "elsewhere/results.parquet"
    assert aed("run", path, "--out", results.parent, "--method", "tree").exit_code == 0
    result = aed("run", path, "--out", out, "--adopt", results)
    assert result.exit_code == 0
    assert f"took over 6 of the 6 cells in {results}" in result.stdout
    assert len((tmp_path / "trace").read_text().splitlines()) == 2 * 12  # begin and end, each cell once
    assert len(read_results(out / "results.parquet")) == 12
    missing = aed("run", path, "--out", out, "--adopt", tmp_path / "no.parquet")
    assert (missing.exit_code, missing.stderr.startswith("aed: error: no results at")) == (2, True)


def test_status_while_cells_run(tmp_path: Path) -> None:
    grid = load_study(write_study(tmp_path)).grid()
    study = StudyFolder(tmp_path / "out")
    study.write_grid(grid)
    cell = grid.cells[2]
    folder = study.cell(cell)
    with study.claim(cell):
        folder.write_claim(Claim(1, "run"))
        folder.log.write_text("step 3/5  loss 1.0\n")
        lines = aed("status", tmp_path / "out").stdout.splitlines()
    assert lines == ["0 of 12 cells done, 1 running, 0 failed", f"  {cell.name}: step 3/5  loss 1.0"]


def test_a_wrong_study_is_refused_before_anything_runs(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("folds: [1, 2]", "folds: [1, 7]"))
    result = aed("run", path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"aed: error: {path}, line 17: there is no fold 7")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_study_without_results_has_no_report(tmp_path: Path) -> None:
    StudyFolder(tmp_path / "out").write_grid(load_study(write_study(tmp_path)).grid())
    result = aed("report", tmp_path / "out")
    assert result.exit_code == 2
    assert "holds no results yet: 'aed study status" in result.stderr
    assert aed("status", tmp_path).exit_code == 2


def test_a_shipped_study_goes_by_its_name() -> None:
    assert find_study(Path("label_efficiency/esc10")) == recipes_folder() / "label_efficiency/esc10/study.yaml"
    with pytest.raises(ConfigError, match=r"study nowhere does not exist: .*label_efficiency/esc10"):
        find_study(Path("nowhere"))
