"""A program for a test to kill: trains, says so at the place where it is to be killed, and waits there.

Arguments: recipe, run folder, workers, and the place: `step` (in step 4 of 5, checkpoints lie behind it) or `write`
(the third checkpoint is written but has not taken the second one's place).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

import aed.storage
from aed.train.checkpoint import FILE_NAME
from aed.train.recipe import load_recipe
from aed.train.run import RunOptions, train_run

HERE = "kill me here"
STEP = 4
WRITE = 3


def wait() -> None:
    print(HERE, flush=True)
    time.sleep(60)


class WaitsInStep:
    def __init__(self, step: int) -> None:
        self._step = step

    def on_decode(self, what: str, done: int, total: int) -> None: ...

    def on_start(self, *what: object) -> None: ...

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        if done == self._step:
            wait()


def wait_in_write() -> None:
    written, sync = 0, aed.storage.sync

    def slow_sync(path: Path) -> None:
        nonlocal written
        sync(path)
        written += path.is_file() and path.name.startswith(f".{Path(FILE_NAME).stem}")
        if written == WRITE:
            wait()

    aed.storage.sync = slow_sync


def main(recipe: str, folder: str, workers: str, place: str) -> None:
    torch.set_num_threads(1)
    if place == "write":
        wait_in_write()
    options = RunOptions(Path(folder), accelerator="cpu", workers=int(workers), checkpoint_seconds=0)
    train_run(load_recipe(recipe), 1, None, options, WaitsInStep(STEP if place == "step" else 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
