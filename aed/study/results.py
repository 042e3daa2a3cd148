"""The results of a study as one tidy file: a row for each cell, with what was predicted and all it takes to repeat it.

The file is the study's archive: tables, figures and comparisons are made from it alone. The same cells in the same
order give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aed.errors import DataError
from aed.storage import atomic_path
from aed.study.predictions import Predictions

FILE_NAME = "results.parquet"
_FORMAT_KEY, _FORMAT = b"aed_results_format", b"1"
_COMPRESSION = "zstd"
"""A clip's names and the recipe recur in every row: about a tenth of the size of a file without it."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """One cell of a study: a method trained with one label budget, tested on one fold.

    Attributes:
        study: Name of the study.
        method: Name of the method in the study's grid.
        title: What the method is, for people.
        labels_percent: Labelled share of the fold's training clips, rounded to whole percent, at least 1.
        label_draw: Which of the budget's draws.
        fold: The test fold.
        seed: Seed of the training.
        selection: Which weights were tested: `final`, or `test_fold` (the best snapshot on the test fold: optimistic).
        labelled_clips: Training clips whose labels were used.
        unlabelled_clips: Training clips that taught without their labels.
        labels_per_class: Mean number of labelled clips per class.
        steps: Optimiser steps.
        batch_size: Labelled clips per step.
        forward_clips: Clips that went forward through the network in training, views counted one by one.
        parameters: Trainable numbers of the network.
        seconds: Wall-clock time of the training, that of killed attempts included; without pretraining.
        recipe: The resolved recipe as YAML.
        recipe_hash: Its hash.
        commit: Commit of the code that trained; empty where that is unknown.
        environment: Software, precision, threads, device and parallel workers, as JSON.
        taxonomy: The tree, as JSON.
        test_looks: How often this cell was evaluated on its test fold.
        predictions: What the model said about the test fold.
        budget: Name of the label budget: `10percent`, `4perclass`.
        pretraining_seconds: Wall-clock time of the pretraining, which cells of one fold and seed share; 0 without.
    """

    study: str
    method: str
    title: str
    labels_percent: int
    label_draw: int
    fold: int
    seed: int
    selection: str
    labelled_clips: int
    unlabelled_clips: int
    labels_per_class: float
    steps: int
    batch_size: int
    forward_clips: int
    parameters: int
    seconds: float
    recipe: str
    recipe_hash: str
    commit: str
    environment: str
    taxonomy: str
    test_looks: int
    predictions: Predictions
    budget: str = ""
    pretraining_seconds: float = 0.0


_ARROW_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
_CELL_COLUMNS = {
    field.name: _ARROW_TYPES[str(field.type)] for field in fields(CellResult) if field.name != "predictions"
}
_PREDICTION_COLUMNS = {
    "taxonomy_digest": pa.string(),
    "clip_ids": pa.list_(pa.string()),
    "groups": pa.list_(pa.string()),
    "folds": pa.list_(pa.int64()),
    "log_p": pa.list_(pa.list_(pa.float32())),
    "target_nodes": pa.list_(pa.int64()),
    "node_targets": pa.list_(pa.list_(pa.int8())),
    "label_clips": pa.list_(pa.int64()),
}
_ARRAY_TYPES = {
    "clip_ids": np.str_,
    "groups": np.str_,
    "folds": np.int64,
    "log_p": np.float32,
    "target_nodes": np.int64,
    "node_targets": np.int8,
    "label_clips": np.int64,
}
_SCHEMA = pa.schema({**_CELL_COLUMNS, **_PREDICTION_COLUMNS}, metadata={_FORMAT_KEY: _FORMAT})


def write_results(path: Path, cells: Sequence[CellResult]) -> None:
    """Write the file, whole or not at all, its rows in the order given.

    Raises:
        StorageError: The file cannot be written.
    """
    table = pa.Table.from_pylist([_row(cell) for cell in cells], schema=_SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression=_COMPRESSION)


def read_results(path: Path) -> tuple[CellResult, ...]:
    """Read a file that `write_results` wrote, its rows in their order.

    Raises:
        DataError: The file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise DataError(f"no results at {path}: run 'aed study run' first, or name the folder of a study")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is damaged or no results file ({error}); run the study again") from error
    found = (table.schema.metadata or {}).get(_FORMAT_KEY, b"none").decode()
    if found != _FORMAT.decode():
        raise DataError(f"{path}: expected format {_FORMAT.decode()} of results, got {found}; run the study again")
    try:
        return tuple(_cell(row) for row in table.to_pylist())
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}; run the study again") from error


def _row(cell: CellResult) -> dict[str, Any]:
    values = {name: getattr(cell, name) for name in _CELL_COLUMNS}
    arrays = {name: getattr(cell.predictions, name) for name in _ARRAY_TYPES}
    lists = {name: None if array is None else array.tolist() for name, array in arrays.items()}
    return {**values, "taxonomy_digest": cell.predictions.taxonomy_digest, **lists}


def _cell(row: dict[str, Any]) -> CellResult:
    arrays: dict[str, Any] = {
        name: None if row[name] is None else np.array(row[name], dtype) for name, dtype in _ARRAY_TYPES.items()
    }
    predictions = Predictions(taxonomy_digest=row["taxonomy_digest"], **arrays)
    return CellResult(**{name: row[name] for name in _CELL_COLUMNS}, predictions=predictions)
