"""The exception tree: what `aed` raises when the person at the keyboard can mend it.

Every message says what is wrong, where, what was expected, what was got and how to mend it. The command line prints the
message as one line and exits with code 2; a defect of ours stays a plain Python exception with a traceback.
"""

from __future__ import annotations


class AedError(Exception):
    """Base of all errors that a user can mend."""


class ConfigError(AedError):
    """A recipe, a setting or a command-line value is wrong."""


class OntologyError(AedError):
    """A concept, a taxonomy or a label map is wrong or unknown."""


class DataError(AedError):
    """A data set, its folder or its split is missing or wrong."""


class ManifestError(DataError):
    """A manifest or split file has a wrong row or column."""


class AudioError(AedError):
    """A file cannot be read as audio."""


class ModelError(AedError):
    """A model folder or checkpoint is missing, damaged or belongs to something else."""


class HubError(AedError):
    """A model hub cannot be reached, has not what was asked for, or does not allow it."""


class StorageError(AedError):
    """A file cannot be written: disk full, no permission."""


class TellingError(AedError):
    """Somebody who is to be told of an event cannot be reached now.

    Args:
        message: What is wrong.
        pause_seconds: How long to wait before the next attempt; None where the sink may choose.
    """

    def __init__(self, message: str, pause_seconds: float | None = None) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds


class RefusedError(TellingError):
    """Who was to be told of an event was reached, and will not have this message."""


class MissingExtraError(AedError):
    """An optional part of the package is not installed."""


def missing_extra(what: str, extra: str) -> MissingExtraError:
    """Return the error for an optional part that is not installed.

    Args:
        what: What the user wanted, as the subject of a sentence ("Drawing a picture").
        extra: Name of the extra in `pyproject.toml` that brings it.
    """
    return MissingExtraError(f"{what} needs an optional part that is not installed: pip install 'aed[{extra}]'")
