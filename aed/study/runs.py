"""What a run folder says about itself, read without loading the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed.errors import ModelError, OntologyError
from aed.json_object import read_json_object
from aed.ontology.taxonomy import Taxonomy

RUN_FILE, TAXONOMY_FILE = "run.json", "taxonomy.json"
_FOLD_FOLDER = re.compile(r"fold(\d+)")


@dataclass(frozen=True)
class Run:
    """A trained fold.

    Attributes:
        folder: Where it lies.
        recipe: Name of the recipe.
        recipe_hash: Hash of the resolved recipe.
        fold: The held-out fold; None where nothing was held out.
        is_inner: Whether a part of the fold's training clips was held out instead of the fold itself.
        seed: Seed of the training.
        commit: Commit of the code that trained it; None where that is unknown.
    """

    folder: Path
    recipe: str
    recipe_hash: str
    fold: int | None
    seed: int
    commit: str | None
    is_inner: bool = False


def find_runs(folder: Path) -> tuple[Run, ...]:
    """Return the run in this folder, or else the finished runs in its folders `fold1`, `fold2` and so on, in order.

    Raises:
        ModelError: There is no finished run, or the folds were trained with different recipes.
    """
    if (folder / RUN_FILE).is_file():
        return (read_run(folder),)
    runs = tuple(read_run(path) for _, path in sorted(_fold_folders(folder)) if (path / RUN_FILE).is_file())
    if not runs:
        raise ModelError(
            f"{folder}: no finished run here: expected {RUN_FILE}, or folders such as fold1 that hold one; "
            "train with 'aed train', or name another folder"
        )
    for run in runs[1:]:
        if run.recipe_hash != runs[0].recipe_hash:
            raise ModelError(
                f"{run.folder}: trained with another recipe than {runs[0].folder.name}: its hash is {run.recipe_hash}, "
                f"expected {runs[0].recipe_hash}; train all folds with one recipe, or evaluate them one by one"
            )
    return runs


def missing_folds(folder: Path, runs: tuple[Run, ...], recipe_folds: tuple[int, ...]) -> tuple[int, ...]:
    """Return the folds that a folder of folds lacks a finished run of.

    Args:
        folder: What `find_runs` was asked about; nothing is missing where it is itself a run.
        runs: What was found there.
        recipe_folds: Numbers of the folds that the recipe makes of the data.
    """
    if folder == runs[0].folder:
        return ()
    begun = {number for number, _ in _fold_folders(folder)}
    return tuple(sorted({*begun, *recipe_folds} - {run.fold for run in runs}))


def read_run(folder: Path) -> Run:
    """Read `run.json`.

    Raises:
        ModelError: The file is missing, damaged, or lacks a key.
    """
    record = _read_json(folder / RUN_FILE)
    try:
        return Run(
            folder=folder,
            recipe=str(record["recipe"]),
            recipe_hash=str(record["recipe_hash"]),
            fold=None if record["fold"] is None else int(record["fold"]),
            seed=int(record["seed"]),
            commit=record["commit"],
            is_inner=record.get("inner") is not None,  # runs of earlier versions do not say
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder / RUN_FILE}: damaged ({type(error).__name__}: {error}); train the run again"
        ) from error


def read_taxonomy(folder: Path) -> Taxonomy:
    """Read the tree that a run's model uses.

    Raises:
        ModelError: The file is missing or damaged.
    """
    path = folder / TAXONOMY_FILE
    try:
        return Taxonomy.from_dict(_read_json(path))
    except OntologyError as error:
        raise ModelError(f"{path}: {error}") from error


def _fold_folders(folder: Path) -> list[tuple[int, Path]]:
    """Number and path of the folders `fold1`, `fold2` and so on, finished or not."""
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return [(int(match[1]), path) for path in paths if (match := _FOLD_FOLDER.fullmatch(path.name))]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path, ModelError, "train the run again")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(f"{path} is missing: {path.parent} is no finished run; train it with 'aed train'") from error
