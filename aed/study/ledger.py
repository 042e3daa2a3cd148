"""The ledger of test looks: one line for every time that a model is measured on a fold it was to be tested on.

Each look at a test set spends some of its worth: who looks often enough picks a winner by luck. So no look goes
unrecorded, and every table prints how many there were. The ledger is `recipes/test_looks.jsonl` of the checkout, where
it is committed with the code; where `aed` is installed from a wheel, or the checkout is read-only, it lies beside the
runs.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from aed.errors import DataError, StorageError
from aed.resources import LEDGER_NAME, recipes_folder

_NEW_FILE_MODE = 0o644


@dataclass(frozen=True)
class TestLook:
    """One measurement on a test fold.

    Attributes:
        date: When, ISO 8601 with its time zone.
        commit: Commit of the code that trained the model; None where that is unknown.
        recipe: Name of the recipe.
        recipe_hash: Hash of the resolved recipe.
        fold: The test fold.
        seed: Seed of the training.
        clips: Number of clips looked at.
        result: Headline figures by name.
    """

    __test__ = False  # its name begins with Test, yet it is not for pytest to collect

    date: str
    commit: str | None
    recipe: str
    recipe_hash: str
    fold: int
    seed: int
    clips: int
    result: dict[str, float | None]


def ledger_path(run_folder: Path) -> Path:
    """Return where looks at this run go: the checkout's `recipes/` if there is one to write to, else beside the run."""
    recipes = recipes_folder()
    in_checkout = (recipes.parent / ".git").exists() and os.access(recipes, os.W_OK)
    return (recipes if in_checkout else run_folder.resolve().parent) / LEDGER_NAME


def append_look(look: TestLook, path: Path) -> None:
    """Append a look in one write, so that processes that evaluate at the same time do not mix their lines.

    Raises:
        StorageError: The ledger cannot be written.
    """
    line = (json.dumps(asdict(look), allow_nan=False) + "\n").encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _NEW_FILE_MODE)
        try:
            written = os.write(handle, line)
            if written != len(line):  # the disk is full: leave no half line that nobody can read
                os.ftruncate(handle, os.fstat(handle).st_size - written)
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageError(
            f"cannot record the test look in {path}: {error.strerror}; make the file writable"
        ) from error
    if written != len(line):
        raise StorageError(
            f"the disk is full: the test look cannot be recorded in {path}; free some space and evaluate again"
        )


def read_looks(path: Path) -> list[TestLook]:
    """Return all recorded looks, oldest first; none where there is no ledger yet.

    Raises:
        DataError: A line is not a look.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_parse(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]


def count_looks(path: Path, recipe: str, fold: int | None = None) -> int:
    """Return how often the test folds were looked at with a recipe of this name, or one fold of them."""
    return sum(look.recipe == recipe and fold in (None, look.fold) for look in read_looks(path))


def _parse(line: str, path: Path, number: int) -> TestLook:
    try:
        return TestLook(**json.loads(line))
    except (json.JSONDecodeError, TypeError) as error:
        raise DataError(
            f"{path}, line {number}: not a record of a test look ({error}); mend or remove the line"
        ) from error
