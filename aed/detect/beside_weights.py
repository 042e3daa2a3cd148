"""What was found out about a model after its training: JSON files that hold for the weights beside them only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from aed.errors import ConfigError, ModelError
from aed.record import Record, parse_record
from aed.storage import write_atomic

_WEIGHTS = "model.safetensors"
_DIGEST_DIGITS = 12


class BesideWeights(Record, frozen=True, kw_only=True):
    """Content of such a file.

    Attributes:
        weights: sha256 of the weights that it holds for, 12 hex digits.
    """

    weights: str


_Content = TypeVar("_Content", bound=BesideWeights)


def write_beside_weights(path: Path, content: BesideWeights) -> None:
    """Write the file.

    Raises:
        StorageError: The folder cannot be written.
    """
    write_atomic(path, content.to_json(indent=1) + "\n")


def read_beside_weights(path: Path, form: type[_Content]) -> _Content | None:
    """Read the file; None where there is none.

    Raises:
        ModelError: It is damaged, or belongs to other weights.
    """
    if not path.exists():
        return None
    try:
        content = parse_beside_weights(path.read_bytes(), form, str(path))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); calibrate anew with 'aed calibrate'") from error
    if content.weights != (found := weights_digest(path.parent)):
        raise ModelError(
            f"{path}: made for weights {content.weights}, but those in this folder are {found}: calibrate anew with "
            "'aed calibrate', or remove it"
        )
    return content


def parse_beside_weights(content: bytes | str, form: type[_Content], name: str) -> _Content:
    """Read the content of such a file.

    Args:
        content: JSON.
        form: What it holds.
        name: Where it lies, for messages.

    Raises:
        ModelError: It is damaged.
    """
    try:
        return parse_record(content, form)
    except ConfigError as error:
        raise ModelError(f"{name}: damaged ({error}); remove it, or calibrate anew with 'aed calibrate'") from error


def weights_digest(folder: Path) -> str:
    """Name the weights of a model folder.

    Raises:
        ModelError: There are none.
    """
    try:
        return hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()[:_DIGEST_DIGITS]
    except OSError as error:
        raise ModelError(f"{folder}: {_WEIGHTS} cannot be read ({error.strerror}); copy the folder again") from error
