"""A study run by worker processes: killed and gone on with, run twice at once, with failing cells, and interrupted."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from aed.errors import AedError
from aed.study import runner
from aed.study.ledger import read_looks
from aed.study.progress import StudyProgress, study_progress
from aed.study.results import read_results
from aed.study.runner import run_study
from aed.study.study_file import load_study
from aed.study.study_folder import Claim, StudyFolder
from tests.study import fake_worker, killed_study
from tests.study.processes import WAIT_SECONDS, is_alive, wait_until
from tests.study.tiny_study import write_study

CELL_SECONDS = 0.3
CELLS = 12


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.05)


def fake_command(folder: Path, seconds: float) -> list[str]:
    return [sys.executable, fake_worker.__file__, str(folder / "trace"), str(seconds)]


def run_command(folder: Path, worker: list[str]) -> subprocess.Popen[str]:
    """Start a study with two workers in a process of its own, which Ctrl-C reaches even where these tests run in the
    background: a shell lets what it starts there ignore SIGINT, and children inherit it.
    """
    StudyFolder(folder / "out").write_grid(load_study(folder / "study.yaml").grid())
    command = [sys.executable, killed_study.__file__, str(folder / "out"), "2", *worker]
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, former)


def run_here(folder: Path) -> StudyProgress:
    grid = load_study(folder / "study.yaml").grid()
    return run_study(StudyFolder(folder / "out"), grid, fake_command(folder, 0.0), 2, lambda progress: None)


def names(path: Path) -> list[str]:
    return [
        f"{cell.method}-{cell.budget}-draw{cell.label_draw}-fold{cell.fold}-seed{cell.seed}"
        for cell in read_results(path)
    ]


def finished(folder: Path) -> list[Path]:
    return list((folder / "out/cells").glob("*/result.parquet"))


def traced(folder: Path, word: str) -> Counter[str]:
    lines = (folder / "trace").read_text().splitlines() if (folder / "trace").exists() else []
    return Counter(line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} "))


def asked_for(folder: Path) -> list[str]:
    return [cell.name for cell in load_study(folder / "study.yaml").grid().cells]


def worker_ids(folder: Path) -> set[int]:
    claims = (folder / "out/cells").glob("*/claim.json")
    return {json.loads(path.read_text())["process"] for path in claims}


def test_a_study_killed_at_random_moments_ends_with_each_cell_once(tmp_path: Path) -> None:
    write_study(tmp_path)
    chance, kills = random.Random(0), 2
    for done in (1, 5):
        with run_command(tmp_path, fake_command(tmp_path, CELL_SECONDS)) as process:
            wait_until(lambda done=done: len(finished(tmp_path)) >= done)
            time.sleep(chance.uniform(0, CELL_SECONDS))
            process.kill()
        assert 0 < len(finished(tmp_path)) < CELLS
    workers = worker_ids(tmp_path)
    assert run_here(tmp_path).is_settled
    assert names(tmp_path / "out/results.parquet") == asked_for(tmp_path)
    assert set(traced(tmp_path, "end")) == set(asked_for(tmp_path))
    repeated = sum(traced(tmp_path, "begin").values()) - CELLS
    assert repeated <= kills * 2  # no more than were at work when they were killed
    wait_until(lambda: not any(map(is_alive, workers)))


def test_two_commands_share_a_folder(tmp_path: Path) -> None:
    write_study(tmp_path)
    worker = fake_command(tmp_path, 0.5)
    with run_command(tmp_path, worker) as first, run_command(tmp_path, worker) as second:
        outputs = [process.communicate(timeout=WAIT_SECONDS) for process in (first, second)]
    assert [out for out, _ in outputs] == [f"{CELLS} 0\n"] * 2, outputs
    assert names(tmp_path / "out/results.parquet") == asked_for(tmp_path)
    assert traced(tmp_path, "begin") == dict.fromkeys(asked_for(tmp_path), 1)
    assert len(worker_ids(tmp_path)) > 2


def test_failing_cells_stop_no_other_and_the_next_run_tries_them_again(tmp_path: Path) -> None:
    write_study(tmp_path)
    error, crash, kill, *others = asked_for(tmp_path)
    for name, how in ((error, "error"), (crash, "crash"), (kill, "kill")):
        (tmp_path / f"{name}.{how}").touch()
    progress = run_here(tmp_path)
    assert set(progress.done) == set(others)
    assert {cell.name: cell.error for cell in progress.failed} == {
        error: "no such sound",
        crash: "ended with code 1; its last line: RuntimeError: a defect",
        kill: f"ended by SIGKILL; its last line: working on {kill}",
    }
    assert all(cell.log.read_text().count(f"working on {cell.name}") == 1 for cell in progress.failed)
    assert names(tmp_path / "out/results.parquet") == others
    for path in tmp_path.glob("*.error"), tmp_path.glob("*.crash"), tmp_path.glob("*.kill"):
        next(path).unlink()
    progress = run_here(tmp_path)
    assert (len(progress.done), progress.failed) == (CELLS, ())
    assert names(tmp_path / "out/results.parquet") == asked_for(tmp_path)
    assert {name: count for name, count in traced(tmp_path, "begin").items() if count > 1} == {
        error: 2,
        crash: 2,
        kill: 2,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_workers_and_collects_what_is_done(number: signal.Signals, tmp_path: Path) -> None:
    write_study(tmp_path)
    with run_command(tmp_path, fake_command(tmp_path, 0.4)) as process:
        wait_until(lambda: len(finished(tmp_path)) >= 2)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode, stderr
    assert "KeyboardInterrupt" in stderr
    wait_until(lambda: not any(map(is_alive, worker_ids(tmp_path))))
    study = StudyFolder(tmp_path / "out")
    progress = study_progress(study, study.read_grid())
    assert progress.failed == progress.running == ()
    assert 2 <= len(progress.done) < CELLS
    assert set(names(study.results)) == set(progress.done)


def test_the_cell_of_a_dead_worker_is_noted_even_if_somebody_looks_at_that_moment(tmp_path: Path) -> None:
    grid, study = load_study(write_study(tmp_path)).grid(), StudyFolder(tmp_path / "out")
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(3)"])
    process.wait()
    folder = study.cell(grid.cells[0])
    folder.write_claim(Claim(process.pid, "run"))
    worker = runner.Worker(process, tmp_path / "worker.log")
    with study.claim(grid.cells[0]):
        assert not runner._has_ended(worker, "run", study, grid)
        assert folder.failure is None
    assert runner._has_ended(worker, "run", study, grid)
    assert folder.failure == "ended with code 3; its last line: (none)"


def test_a_worker_that_cannot_start_ends_the_run(tmp_path: Path) -> None:
    grid = load_study(write_study(tmp_path)).grid()
    command = [sys.executable, "-c", "import sys; sys.exit('no memory for you')"]
    with pytest.raises(AedError, match=r"a worker ended before it began a cell: ended with code 1.*no memory for you"):
        run_study(StudyFolder(tmp_path / "out"), grid, command, 1, lambda progress: None)


def test_progress_is_told_while_it_runs_and_read_by_others(tmp_path: Path) -> None:
    write_study(tmp_path)
    study, grid = StudyFolder(tmp_path / "out"), load_study(tmp_path / "study.yaml").grid()
    told: list[StudyProgress] = []

    def tell(progress: StudyProgress) -> None:
        told.append(progress)
        if progress.done and progress.running:
            seen = study_progress(study, grid)
            assert len(seen.done) >= len(progress.done)

    run_study(study, grid, fake_command(tmp_path, 0.3), 2, tell)
    middle = [progress for progress in told if progress.done and progress.running]
    assert middle
    assert all(progress.seconds_left is not None and progress.seconds_left <= CELLS * 0.3 for progress in middle)
    assert max(len(progress.running) for progress in told) <= 2
    assert any(cell.line.startswith("working on") for progress in middle for cell in progress.running)
    assert (len(told[-1].done), told[-1].running) == (CELLS, ())


@pytest.mark.slow
def test_sixty_trained_cells_killed_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = ", ".join(map(str, range(1, 16)))
    write_study(tmp_path, ("  1perclass: [1, 2]\n", ""), ("seeds: [1]", f"seeds: [{seeds}]"))
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    ledger, chance = tmp_path / "looks.jsonl", random.Random(0)
    worker = [sys.executable, "-m", "aed", "study", "worker", "--device", "cpu", "--ledger", str(ledger)]
    for done in (1, 15, 35):
        with run_command(tmp_path, worker) as process:
            wait_until(lambda done=done: len(finished(tmp_path)) >= done)
            time.sleep(chance.uniform(0, 3))
            process.kill()
        assert len(finished(tmp_path)) < 60
    with run_command(tmp_path, worker) as process:
        assert process.communicate(timeout=10 * WAIT_SECONDS)[0] == "60 0\n"
    assert len(asked_for(tmp_path)) == 60
    assert names(tmp_path / "out/results.parquet") == asked_for(tmp_path)
    looks = read_looks(ledger)
    cells = read_results(tmp_path / "out/results.parquet")
    assert {(look.recipe_hash, look.fold) for look in looks} == {(cell.recipe_hash, cell.fold) for cell in cells}
    assert 60 <= len(looks) <= 60 + 3 * 2 * 2
