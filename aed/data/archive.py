"""Getting a data set's public archive: download, unpack in safety, count, and only then put it in its place."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from aed.data.download import Progress, download
from aed.data.registry import DATASETS, dataset_folder, dataset_spec
from aed.errors import DataError, StorageError
from aed.storage import atomic_folder

LARGEST_UNPACKED_BYTES = 20 << 30
"""An archive that claims more is no data set of ours (ESC-50 unpacks to 0.9 GB)."""


@dataclass(frozen=True)
class Archive:
    """A public archive: its address, and what must be in it for it to be the right one.

    Attributes:
        dataset: Name of the data set that it holds.
        url: Where it is; the archive is made anew by the server, so there is no checksum of it as a whole.
        top_folder: The one folder at its top, which is left out when unpacking.
    """

    dataset: str
    url: str
    top_folder: str


ARCHIVES = {
    "esc50": Archive("esc50", "https://github.com/karoldvl/ESC-50/archive/master.zip", "ESC-50-master"),
}


def find_archive(name: str) -> Archive:
    """Return the public archive of a data set.

    Raises:
        DataError: None is known; for a part of a data set the message names the whole.
    """
    if name in ARCHIVES:
        return ARCHIVES[name]
    spec = DATASETS.get(name)
    whole = next((a for a in ARCHIVES if spec and dataset_spec(a).info.folders == spec.info.folders), None)
    mend = f"it is a part of {whole}: aed data get {whole}" if whole else f"expected one of {', '.join(ARCHIVES)}"
    raise DataError(f"no public archive is known for '{name}': {mend}")


def get_dataset(
    name: str,
    root: Path,
    *,
    url: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download and unpack a data set's public archive.

    The zip's own checksums are verified while unpacking, and the data set must be complete, before it gets its place.

    Args:
        name: A name of `ARCHIVES`.
        root: The data root.
        url: Another address of the same archive.
        sha256: Checksum of the archive, for those who have one.
        progress: Is told how far the download is.

    Returns:
        The data set's folder.

    Raises:
        DataError: No archive is known, the data set is there already, the download broke off, or the archive is not it.
        StorageError: The disk is full or not writable.
    """
    archive, info = find_archive(name), dataset_spec(name).info
    here = dataset_folder(info, root)
    if here is not None:
        raise DataError(f"{name}: {here} is there already and stays as it is. Move it away to download it again")
    zip_path = download(url or archive.url, root / f"{name}.zip", sha256, progress)
    target = root / info.folders[0]
    with atomic_folder(target) as folder:
        unpack(zip_path, folder, archive.top_folder)
        _check_complete(name, folder)
    zip_path.unlink()
    return target


def unpack(zip_path: Path, folder: Path, top_folder: str) -> None:
    """Unpack a zip file into an existing folder without its top folder.

    Raises:
        DataError: It is no zip file, is damaged, or holds a name that leads out of its top folder, or a link.
        StorageError: There is not enough space.
    """
    try:
        with zipfile.ZipFile(zip_path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check_size(zip_path, sum(member.file_size for member in members), folder)
            for member in members:
                target = _target(zip_path, member, folder, top_folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"{zip_path}: not a whole zip file ({error}). Remove it and download it again") from error


def _check_size(zip_path: Path, unpacked_bytes: int, folder: Path) -> None:
    if unpacked_bytes > LARGEST_UNPACKED_BYTES:
        raise DataError(
            f"{zip_path}: unpacks to {unpacked_bytes} bytes: expected at most {LARGEST_UNPACKED_BYTES}. "
            "Check that it is the right archive"
        )
    free_bytes = shutil.disk_usage(folder).free
    if unpacked_bytes > free_bytes:
        raise StorageError(
            f"cannot unpack {zip_path}: it needs {unpacked_bytes} bytes, {free_bytes} are free. Free some space"
        )


def _target(zip_path: Path, member: zipfile.ZipInfo, folder: Path, top_folder: str) -> Path:
    unix_file_type = member.external_attr >> 28
    symbolic_link = 0o12
    target = (folder / member.filename.removeprefix(f"{top_folder}/")).resolve()
    if unix_file_type == symbolic_link or not target.is_relative_to(folder.resolve()):
        raise DataError(
            f"{zip_path}: '{member.filename}' leads out of the archive: nothing was unpacked. Check where it is from"
        )
    return target


def _check_complete(name: str, folder: Path) -> None:
    info = dataset_spec(name).info
    loaded = dataset_spec(name).load(info, folder)
    if loaded.missing or len(loaded.clips) != info.clips:
        raise DataError(
            f"{name}: the archive holds {len(loaded.clips)} clips, {len(loaded.missing)} of its list are missing: "
            f"expected {info.clips}. Download it again, or check the address"
        )
