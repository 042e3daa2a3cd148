"""Writing so that nobody ever sees half a file: write beside the target, sync to the disk, rename over it.

Every writer of the package goes through here. What goes wrong while writing (disk full, no permission, a folder in the
way) becomes a `StorageError` that names the target; the temporary file is removed and what stood there before stays.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aed.errors import StorageError

_WRITE_ERRNOS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
    }
)
"""What an operating system answers when the fault lies with the storage and not with what our code asked for."""

_TOKEN_BYTES = 4
"""Of chance in a temporary's name: two processes may write one target at once."""
_STALE_SECONDS = 24 * 3600.0
"""A temporary that nobody touched for so long was left by a killed process; no write of ours takes a day."""

_HOW_TO_MEND = {
    errno.ENOENT: "choose a place where files can be made",
    errno.ENOSPC: "free some space or choose another place",
    errno.EDQUOT: "free some space or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def write_atomic(path: Path | str, data: str | bytes) -> None:
    """Write a whole file, replacing what is there only once everything is on the disk.

    Args:
        path: Target; missing folders above it are made.
        data: Text (written as UTF-8, line ends kept as they are, parts of file names that are no text as escapes) or
            bytes.

    Raises:
        StorageError: The target cannot be written; what stood there before is untouched.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; it takes the target's place on success and is removed on failure.

    The temporary name ends with the target's suffix, for writers that choose a format by it. The body must write the
    file. Where the target is a link, the file that it points to is replaced.

    Raises:
        StorageError: The target is not a plain file, or the body failed for want of space or permission.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "a device or pipe"
        raise StorageError(f"cannot write {target}: expected the name of a file, got {kind}; choose another name")
    with _replacing(target, _remove_file) as (temporary, resolved):
        yield temporary
        sync(temporary)
        temporary.replace(resolved)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder beside the target; on success it takes the place of the whole target folder.

    A folder cannot be renamed over another in one step: the old one is moved aside, the new one moved in, the old one
    deleted. A kill between the two renames leaves both whole, the old one under a name that starts with a dot.

    Raises:
        StorageError: The target is not a folder, or the body failed for want of space or permission.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise StorageError(f"cannot write the folder {target}: a file has that name; choose another name")
    with _replacing(target, _remove_folder) as (temporary, resolved):
        temporary.mkdir()
        yield temporary
        for folder, _, files in os.walk(temporary):
            for name in files:
                sync(Path(folder) / name)
            sync(Path(folder))
        _swap_folder(temporary, resolved)


def check_writable(path: Path | str) -> None:
    """Refuse a target that cannot be written, before the long work whose result it is for.

    Raises:
        StorageError: Its folder takes no new file.
    """
    with _replacing(Path(path), _remove_file) as (temporary, _):
        temporary.touch()


@contextmanager
def _replacing(target: Path, remove: Callable[[Path], None]) -> Iterator[tuple[Path, Path]]:
    """Hand out (temporary, resolved target) in an existing folder; clean up and explain on failure."""
    temporary: Path | None = None
    try:
        resolved = target.resolve()
        resolved.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(resolved, remove)
        before, after = _around_token(resolved)
        temporary = resolved.with_name(f"{before}{secrets.token_hex(_TOKEN_BYTES)}{after}")
        yield temporary, resolved
        sync(resolved.parent)
    except OSError as error:
        if error.errno not in _WRITE_ERRNOS and not (error.errno == errno.ENOENT and not _can_be_made(temporary)):
            raise
        raise _storage_error(target, error) from error
    finally:
        if temporary is not None:
            remove(temporary)


def _around_token(target: Path) -> tuple[str, str]:
    """Return what a temporary's name begins and ends with."""
    return f".{target.stem[:100]}.", f".tmp{target.suffix}"


def _remove_stale(target: Path, remove: Callable[[Path], None]) -> None:
    """Remove what killed writes of this target left; one that another process is at work on is too young."""
    before, after = map(re.escape, _around_token(target))
    pattern = re.compile(f"{before}[0-9a-f]{{{2 * _TOKEN_BYTES}}}{after}")
    with suppress(OSError):  # a leftover that cannot be removed is no reason not to write
        for path in target.parent.iterdir():
            if pattern.fullmatch(path.name) and time.time() - path.stat().st_mtime > _STALE_SECONDS:
                remove(path)


def _can_be_made(temporary: Path | None) -> bool:
    """Whether the folder takes files: some that the system makes up (/proc) answer that a new one does not exist."""
    if temporary is None:
        return False  # not even the folder could be made
    try:
        temporary.touch()
    except OSError:
        return False
    return True


def _storage_error(target: Path, error: OSError) -> StorageError:
    mend = _HOW_TO_MEND.get(error.errno or 0, "check the permissions of the folder or choose another place")
    return StorageError(
        f"cannot write {target}: {(error.strerror or str(error)).lower()}; what was there is unchanged; {mend}"
    )


def sync(path: Path) -> None:
    """Force a file or folder onto the disk; systems that cannot open a folder (Windows) need no sync of it.

    Raises:
        OSError: The system cannot, for want of space for one.
    """
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap_folder(new: Path, target: Path) -> None:
    old = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.old")
    had_old = target.exists()
    if had_old:
        target.replace(old)
    try:
        new.replace(target)
    except OSError:
        if had_old:
            old.replace(target)
        raise
    _remove_folder(old)


def _remove_file(path: Path) -> None:
    path.unlink(missing_ok=True)


def _remove_folder(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
