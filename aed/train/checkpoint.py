"""What a killed run needs to go on as if nothing had happened: one file, never half-written, never a pickle of code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from aed.errors import ModelError
from aed.storage import atomic_path

FILE_NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers and strings.

    Raises:
        StorageError: The file cannot be written; a former checkpoint stays whole.
    """
    with atomic_path(folder / FILE_NAME) as temporary:
        torch.save(state, temporary)


def load_checkpoint(folder: Path, expected: dict[str, Any]) -> dict[str, Any] | None:
    """Read a run's checkpoint; None where there is none.

    Args:
        folder: Run folder.
        expected: Entries that must be equal in the checkpoint (recipe, fold, taxonomy).

    Raises:
        ModelError: The file is damaged or belongs to another run.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path}: damaged or no checkpoint ({str(error).splitlines()[0]}); delete it to start anew"
        ) from error
    for name, value in expected.items():
        if state.get(name) != value:
            raise ModelError(
                f"{path}: checkpoint of another run: its {name} is {state.get(name)}, this run's is {value}; "
                "use the recipe it was made with, or another --out folder"
            )
    return state
