"""Downloading a file over HTTP so that a broken line costs nothing: resume, check, rename.

Bytes gather in `<target>.part`; the target appears only when it is whole. A server that cannot resume sends the file
from the start again, which is noticed.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from pathlib import Path

from aed.errors import DataError, StorageError

CHUNK_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
"""A connection that is silent for so long counts as broken."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes in all (None where the server does not say)."""


def download(url: str, target: Path, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Download a file, going on from where an earlier attempt broke off.

    Args:
        url: An `http` or `https` address.
        target: Where the file goes; a file that is there already is only checked.
        sha256: Expected checksum, 64 hex digits; None where the source gives none.
        progress: Is told how far it is.

    Returns:
        The target.

    Raises:
        DataError: The server refuses, the connection breaks (what came is kept), or the checksum is another one.
        StorageError: The disk is full or not writable.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"cannot download {url}: expected an http or https address. Correct the address")
    if target.is_file():
        _check(target, sha256, "Move the file away, or correct the checksum")
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, progress or (lambda done, total: None))
        try:
            _check(part, sha256, f"It came from {url} and was removed: download it again, or correct the checksum")
        except DataError:
            part.unlink()
            raise
        part.replace(target)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _broken(url, part, getattr(error, "reason", None) or error) from error
    except OSError as error:
        raise StorageError(f"cannot write {part}: {error.strerror}. Free some space or choose another place") from error
    return target


def _fetch(url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise DataError(f"cannot download {url}: the server answers {error.code} {error.reason}") from error
        if _total_bytes(error.headers) == have:
            return  # everything came, only the renaming was left
        part.unlink()
        _fetch(url, part, progress)
        return
    with response:
        resumed = response.status == HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        total = _total_bytes(response.headers) if resumed else _length(response.headers)
        with part.open("ab" if resumed else "wb") as file:
            progress(have, total)
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                progress(have, total)
    if total is not None and have != total:
        raise _broken(url, part, f"{have} of {total} bytes came")


def _length(headers: Message) -> int | None:
    value = headers.get("Content-Length")
    return int(value) if value is not None else None


def _total_bytes(headers: Message) -> int | None:
    """Whole length from `Content-Range: bytes 100-199/200` or `bytes */200`."""
    match = re.search(r"/(\d+)$", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _check(file: Path, sha256: str | None, mend: str) -> None:
    if sha256 is None:
        return
    with file.open("rb") as content:
        got = hashlib.file_digest(content, "sha256").hexdigest()
    if got != sha256.lower():
        raise DataError(f"{file}: expected the checksum (SHA-256) {sha256}, got {got}. {mend}")


def _broken(url: str, part: Path, reason: object) -> DataError:
    kept = f"{part.stat().st_size} bytes are kept" if part.is_file() else "nothing came yet"
    return DataError(
        f"the download of {url} broke off ({reason}); {kept}: run the same command again to go on from there"
    )
