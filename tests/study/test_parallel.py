"""Folds side by side: one that fails is reported and the others go on; an interrupt ends them all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import aed.study.parallel
from aed.study.parallel import FoldJob, last_line, train_folds
from tests.study.processes import WAIT_SECONDS, is_alive, wait_until


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aed.study.parallel, "_POLL_SECONDS", 0.02)


def fake_python(folder: Path, script: str) -> Path:
    """A program in place of Python: it is called with `-m aed` and the job's arguments."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def jobs(folder: Path, folds: int) -> list[FoldJob]:
    return [FoldJob(number, folder / f"fold{number}", (f"job{number}",)) for number in range(1, folds + 1)]


def test_a_failing_fold_is_reported_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "$@"; case $3 in job2) echo broken >&2; exit 3;; job3) kill -9 $$;; esac; echo well'
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, script)))
    polls: list[dict[int, str]] = []
    work = jobs(tmp_path, 4)
    assert train_folds(work, 2, polls.append) == {1: 0, 2: 3, 3: -signal.SIGKILL, 4: 0}
    assert [last_line(job.log) for job in work] == ["well", "broken", "-m aed job3", "well"]
    assert polls[-1] == {1: "well", 2: "broken", 3: "-m aed job3", 4: "well"}


def test_no_more_at_once_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = tmp_path / "running"
    running.mkdir()
    script = f"touch {running}/$$; ls {running} | wc -l; sleep 0.1; rm {running}/$$"
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, script)))
    work = jobs(tmp_path, 5)
    train_folds(work, 2, lambda lines: None)
    assert {last_line(job.log).strip() for job in work} <= {"1", "2"}


def test_the_log_of_a_run_that_goes_on_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, "echo again")))
    (job,) = jobs(tmp_path, 1)
    job.folder.mkdir()
    job.log.write_text("first\n")
    train_folds([job], 1, lambda lines: None)
    assert job.log.read_text() == "first\nagain\n"


def test_a_log_that_is_not_there_yet_has_no_line(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == ""


PARENT = """
import signal, sys
from pathlib import Path
from aed.study.parallel import FoldJob, train_folds
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
sys.executable = sys.argv[1]
train_folds([FoldJob(n, Path(sys.argv[2]) / f"fold{n}", ()) for n in (1, 2)], 2, lambda lines: None)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_children(number: signal.Signals, tmp_path: Path) -> None:
    program = fake_python(tmp_path, "echo $$; exec sleep 60")
    logs = [tmp_path / f"fold{fold}/train.log" for fold in (1, 2)]
    command = [sys.executable, "-c", PARENT, str(program), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as parent:
        wait_until(lambda: all(last_line(log) for log in logs))
        parent.send_signal(number)
        _, stderr = parent.communicate(timeout=WAIT_SECONDS)
    assert parent.returncode
    assert "KeyboardInterrupt" in stderr
    wait_until(lambda: not any(is_alive(int(last_line(log))) for log in logs))
