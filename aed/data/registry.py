"""The data sets that `aed` knows, by name, and how to load one from the data root."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from aed.data import audioset, dcase2016, esc50, glass_break, sesa
from aed.data.groups import content_groups_path, read_content_groups, with_content_groups
from aed.data.records import DatasetInfo, LoadedDataset, Loader
from aed.errors import DataError

DATA_ROOT_VARIABLE = "AED_DATA_ROOT"


@dataclass(frozen=True)
class DatasetSpec:
    """A data set that `aed` knows: its card and its loader."""

    info: DatasetInfo
    load: Loader


_SPECS = (
    DatasetSpec(esc50.ESC50_INFO, esc50.load_esc50),
    DatasetSpec(
        esc50.esc_subset("esc10", "ESC-10: the ten classes that ESC-50 flags", esc50.ESC10_CLASSES),
        esc50.load_esc_classes(esc50.ESC10_CLASSES),
    ),
    DatasetSpec(
        esc50.esc_subset("esc21", "ESC-21: ESC-10 and eleven development classes", esc50.ESC21_CLASSES),
        esc50.load_esc_classes(esc50.ESC21_CLASSES),
    ),
    DatasetSpec(
        esc50.esc_subset("esc11dev", "ESC-21 without ESC-10: to tune on", esc50.ESC11_DEVELOPMENT_CLASSES),
        esc50.load_esc_classes(esc50.ESC11_DEVELOPMENT_CLASSES),
    ),
    DatasetSpec(audioset.AUDIOSET_INFO, audioset.load_audioset),
    DatasetSpec(sesa.SESA_INFO, sesa.load_sesa),
    DatasetSpec(glass_break.GLASS_BREAK_INFO, glass_break.load_glass_break),
    DatasetSpec(dcase2016.DCASE2016_INFO, dcase2016.load_dcase2016),
)

DATASETS: dict[str, DatasetSpec] = {spec.info.name: spec for spec in _SPECS}


def data_root() -> Path:
    """Return the folder with all data sets, from the environment.

    Raises:
        DataError: The variable is not set, or names no folder.
    """
    value = os.environ.get(DATA_ROOT_VARIABLE)
    if not value:
        raise DataError(
            f"no data root: {DATA_ROOT_VARIABLE} is not set. Set it to the folder that holds the data sets "
            f"(export {DATA_ROOT_VARIABLE}=/path/to/data)"
        )
    if not Path(value).is_dir():
        raise DataError(f"{DATA_ROOT_VARIABLE}={value}: expected a folder, but there is none. Correct the variable")
    return Path(value).resolve()


def dataset_spec(name: str) -> DatasetSpec:
    """Return a data set by name.

    Raises:
        DataError: Unknown name, with the nearest known ones.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = get_close_matches(name, DATASETS, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise DataError(
        f"unknown data set '{name}': {hint}expected one of {', '.join(DATASETS)}, folder:<path>, csv:<path> or "
        "strong:<path>"
    )


def dataset_folder(info: DatasetInfo, root: Path) -> Path | None:
    """Return the data set's folder under the data root; None where it is not there."""
    return next((root / name for name in info.folders if (root / name).is_dir()), None)


def load_dataset(name: str, root: Path) -> LoadedDataset:
    """Load a data set: the clips that are present, with their content groups, and what is missing.

    Args:
        name: A name of `DATASETS`; a user's own sounds come through `aed.data.source`.
        root: The data root.

    Raises:
        DataError: Unknown name, or the data set's folder is not there. Single absent files are no error.
    """
    spec = dataset_spec(name)
    folder = dataset_folder(spec.info, root)
    if folder is None:
        source = f"Get it from {spec.info.source_url}" if spec.info.source_url else "Put it there"
        raise DataError(
            f"{name}: expected the folder {root / spec.info.folders[0]}, but it is not there. "
            f"{source}, or correct the data root"
        )
    return _grouped(spec.load(spec.info, folder))


def _grouped(loaded: LoadedDataset) -> LoadedDataset:
    path = content_groups_path()
    return (
        loaded if path is None else replace(loaded, clips=with_content_groups(loaded.clips, read_content_groups(path)))
    )
