"""Folds trained side by side, a process each: every core is busy, and one fold's failure is not the others'."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aed.storage import write_atomic

LOG_FILE = "train.log"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class FoldJob:
    """One fold to train.

    Attributes:
        fold: Its number.
        folder: Its run folder; the log goes there.
        arguments: Command line after `aed`.
    """

    fold: int
    folder: Path
    arguments: tuple[str, ...]

    @property
    def log(self) -> Path:
        """Where the process writes."""
        return self.folder / LOG_FILE


def last_line(log: Path) -> str:
    """Newest line of a log, empty where there is none."""
    if not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else ""


def train_folds(jobs: Sequence[FoldJob], at_once: int, on_poll: Callable[[dict[int, str]], None]) -> dict[int, int]:
    """Run the jobs, some at once.

    Args:
        jobs: What to run, in order.
        at_once: Processes at the same time.
        on_poll: Told, about twice a second, each fold's newest log line.

    Returns:
        Exit code by fold. Where this process is interrupted or terminated, the others are ended too.
    """
    waiting = list(jobs)
    running: dict[int, subprocess.Popen[bytes]] = {}
    codes: dict[int, int] = {}
    with termination_as_interrupt():
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop(0)
                    running[job.fold] = _start(job)
                for fold in [fold for fold, process in running.items() if process.poll() is not None]:
                    codes[fold] = running.pop(fold).returncode
                on_poll({job.fold: last_line(job.log) for job in jobs})
                time.sleep(_POLL_SECONDS)
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait()
    return codes


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, so that its children end with it; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _start(job: FoldJob) -> subprocess.Popen[bytes]:
    """Start a job; a resumed run's log goes on where it ended."""
    if not job.log.exists():
        write_atomic(job.log, "")
    with job.log.open("ab") as log:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "aed", *job.arguments]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
