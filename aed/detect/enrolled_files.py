"""Enrolled sounds as files: `NAME.json`, what it is and what can be promised, and `NAME.npz`, the numbers; no pickle.

They lie in the folder `enrolled` of the model's folder, or, for a model that is one file, in the user's own folder, by
the digest of that file. They hold for the weights that they were made with only.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from aed.detect.beside_weights import BesideWeights, parse_beside_weights, weights_digest
from aed.detect.enrolled import Background, FloatArray, Prototypes
from aed.detect.enrolled_tree import ID_PREFIX, EnrolledLeaf
from aed.errors import ConfigError, ModelError
from aed.storage import write_atomic

FOLDER_NAME = "enrolled"
LONGEST_NAME = 60
_DIGEST_DIGITS = 12
_ARRAYS = ("mean", "whitener", "prototypes", "offsets")
_BAD_SIGNS = re.compile(r"[\x00-\x1f\x7f/\\<>]")


class EnrolledSound(BesideWeights, frozen=True, kw_only=True):
    """One sound.

    Attributes:
        format: Version of this file.
        name: What people call it.
        under: Id of the node that it stands below.
        under_name: That node's name.
        clips: Names of the clips that it was enrolled from.
        threshold: Averaged similarity from which it is heard.
        heard_again: In how many of the clips it is found by the other ones; None where there is one clip only.
        false_alarms: How often it was heard where it is not; None where no recordings were named.
        hours: Length of those recordings.
        most_per_hour: How many false alarms an hour there are at most, with 95 % confidence; None without recordings.
        numbers: sha256 of the numbers beside it, 12 hex digits.
    """

    format: Literal[2] = 2
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    under: str
    under_name: str
    clips: tuple[str, ...]
    threshold: Annotated[float, Meta(ge=-2, le=2)]
    heard_again: int | None
    false_alarms: int | None
    hours: float
    most_per_hour: float | None
    numbers: str

    @property
    def id(self) -> str:
        """Its id in the tree."""
        return ID_PREFIX + file_stem(self.name)

    def leaf(self, prototypes: Prototypes) -> EnrolledLeaf:
        """Return it as a leaf of the tree."""
        return EnrolledLeaf(self.id, self.name, self.under, prototypes, self.threshold)


def check_name(name: str) -> str:
    """Return a sound's name without the spaces around it.

    Raises:
        ConfigError: It cannot be one.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or _BAD_SIGNS.search(name) or not file_stem(name):
        raise ConfigError(
            f"'{name}' cannot be the name of a sound: expected 1 to {LONGEST_NAME} signs, a letter or digit among "
            'them, none of / \\ < >, such as "our doorbell"'
        )
    return name


def file_stem(name: str) -> str:
    """Return what the files of a sound are called: "Our doorbell!" -> "our-doorbell"."""
    return re.sub(r"\W+", "-", name.casefold()).strip("-")


def enrolled_folder(model: Path) -> Path:
    """Return where the enrolled sounds of a model lie: in its folder, or in the user's own for a model of one file."""
    if model.is_dir():
        return model / FOLDER_NAME
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "aed" / FOLDER_NAME / model_digest(model)


def model_digest(model: Path) -> str:
    """Name the weights of a model, a folder or one file.

    Raises:
        ModelError: It cannot be read.
    """
    if model.is_dir():
        return weights_digest(model)
    try:
        return _digest(model.read_bytes())
    except OSError as error:
        raise ModelError(f"{model}: cannot be read ({error.strerror}); name a model's folder or .onnx file") from error


def pack(prototypes: Prototypes) -> bytes:
    """Return the numbers of a sound as the content of its `.npz` file."""
    content = io.BytesIO()
    background = prototypes.background
    np.savez(
        content,
        mean=background.mean,
        whitener=background.whitener,
        prototypes=prototypes.directions,
        offsets=prototypes.offsets,
    )
    return content.getvalue()


def write_enrolled(folder: Path, sound: EnrolledSound, numbers: bytes) -> Path:
    """Write a sound, in place of one of the same name.

    The numbers go first: a kill in between leaves a JSON that names other numbers, which is told and mended by
    enrolling anew.

    Returns:
        The JSON file.

    Raises:
        StorageError: The folder cannot be written.
    """
    path = folder / f"{file_stem(sound.name)}.json"
    write_atomic(path.with_suffix(".npz"), numbers)
    write_atomic(path, sound.to_json(indent=1) + "\n")
    return path


def read_enrolled(folder: Path, weights: str) -> list[tuple[EnrolledSound, Prototypes]]:
    """Read all sounds of a folder, by name; none where there is no such folder.

    Args:
        folder: Where they lie.
        weights: Digest of the model that they are to be heard with.

    Raises:
        ModelError: A file is damaged, or was made with other weights.
    """
    return [_read(path, weights) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _read(path: Path, weights: str) -> tuple[EnrolledSound, Prototypes]:
    try:
        sound = parse_beside_weights(path.read_bytes(), EnrolledSound, str(path))
        content = path.with_suffix(".npz").read_bytes()
    except OSError as error:
        raise ModelError(f"{error.filename}: cannot be read ({error.strerror}); {_anew(path)}") from error
    if sound.weights != weights:
        raise ModelError(f"{path}: enrolled with the model {sound.weights}, but this one is {weights}; {_anew(path)}")
    if _digest(content) != sound.numbers:
        raise ModelError(f"{path}: the numbers beside it are not those that it names; {_anew(path)}")
    return sound, _prototypes(content, path)


def _prototypes(content: bytes, path: Path) -> Prototypes:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays: Mapping[str, FloatArray] = {name: file[name].astype(np.float32) for name in _ARRAYS}
    except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.with_suffix('.npz')}: damaged ({error}); {_anew(path)}") from error
    return Prototypes(Background(arrays["mean"], arrays["whitener"]), arrays["prototypes"], arrays["offsets"])


def numbers_digest(numbers: bytes) -> str:
    """Name the numbers of a sound."""
    return _digest(numbers)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]


def _anew(path: Path) -> str:
    return f"enroll the sound anew with 'aed enroll', or remove {path}"
