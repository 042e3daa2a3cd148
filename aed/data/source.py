"""Where a recipe's clips come from: a known data set, `made`, `folder:<path>`, `csv:<path>` or `strong:<path>`."""

from __future__ import annotations

from pathlib import Path

from aed.data.folder import folder_info, load_folder
from aed.data.made_sounds import MADE_INFO, load_made_sounds
from aed.data.manifest import read_manifest
from aed.data.records import DatasetInfo, LoadedDataset
from aed.data.registry import data_root, dataset_spec, load_dataset
from aed.data.strong_folder import is_strong, load_strong, strong_info, strong_path


def load_source(source: str, root: Path | None = None) -> LoadedDataset:
    """Load the clips of a source.

    Args:
        source: Name of a known data set, `made` (sounds made by formula), `folder:<path>` (a folder of folders),
            `csv:<path>` (a manifest whose paths start from the manifest's own folder) or `strong:<path>` (recordings of
            which it is known when what sounds; see `aed.data.strong_folder`).
        root: Data root for a known data set; from the environment by default.

    Raises:
        DataError: There is no such source.
        ManifestError: A table has a wrong row.
    """
    kind, _, rest = source.partition(":")
    if kind == "folder" and rest:
        return load_folder(Path(rest))
    if kind == "csv" and rest:
        path = Path(rest)
        return LoadedDataset(folder_info(path), tuple(read_manifest(path, path.parent)))
    if is_strong(source):
        return load_strong(strong_path(source))
    if source == MADE_INFO.name:
        return load_made_sounds()
    dataset_spec(source)  # before the data root: a wrong name is the nearer mistake
    return load_dataset(source, root or data_root())


def known_info(source: str) -> DatasetInfo:
    """Return the card of a known data set, of the sounds made by formula, or of strongly labelled recordings.

    Raises:
        DataError: Unknown name, or the recordings are not there.
    """
    if is_strong(source):
        return strong_info(strong_path(source))
    return MADE_INFO if source == MADE_INFO.name else dataset_spec(source).info
