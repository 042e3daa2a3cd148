"""What a killed run needs to go on as if nothing had happened: one file, never half-written, never a pickle of code."""

from __future__ import annotations

import io
import pickle
import zipfile
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
        # not straight into the file: on a full disk torch raises an error of its own that says nothing of the disk
        content = io.BytesIO()
        torch.save(state, content)
        temporary.write_bytes(content.getbuffer())


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
        _check_sums(path)
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, ValueError, LookupError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise damaged_checkpoint(folder, error) from error
    if not isinstance(state, dict):
        raise damaged_checkpoint(folder, TypeError(f"expected named entries, got {type(state).__name__}"))
    for name, value in expected.items():
        if state.get(name) != value:
            raise ModelError(
                f"{path}: checkpoint of another run: its {name} is {state.get(name)}, this run's is {value}; "
                "use the recipe and data it was made with, or another --out folder"
            )
    return state


def _check_sums(path: Path) -> None:
    """Compare the checksums that `torch.save` wrote, which `torch.load` does not."""
    with zipfile.ZipFile(path) as archive:
        if (part := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {part}")


def damaged_checkpoint(folder: Path, error: Exception) -> ModelError:
    """Say that the checkpoint of a run folder cannot be gone on from, and why."""
    why = f"{type(error).__name__}: {error}".splitlines()[0]
    return ModelError(f"{folder / FILE_NAME}: damaged, or no checkpoint ({why}); delete it to start anew")
