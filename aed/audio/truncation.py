"""Finding files that were cut off: libsndfile reads a truncated Ogg or WAV file to its torn end and says nothing.

An Ogg file is whole when its last page ends with the file and carries the end-of-stream flag (RFC 3533, section 6). A
RIFF file is whole when its data chunk fits into the file; writers that did not know the length in advance leave a very
large number there.
"""

from __future__ import annotations

import struct
from pathlib import Path

from aed.errors import AudioError

OGG_LARGEST_PAGE_BYTES = 65_307
"""27 header bytes, 255 segment sizes, 255 segments of 255 bytes."""
OGG_HEADER_BYTES = 27
OGG_END_OF_STREAM = 0x04
RIFF_LENGTH_UNKNOWN = 0x7FFF_0000
"""Recorders that write to a pipe put 0x7FFFF000, 0x80000000 or 0xFFFFFFFF as length: from here on it is no claim."""


def check_whole(path: Path) -> None:
    """Raise when a file is evidently cut off.

    Args:
        path: A readable file; formats other than Ogg and RIFF pass, the decoder notices their end.

    Raises:
        AudioError: The file stops before its own structure says so.
    """
    with path.open("rb") as file:
        magic = file.read(4)
        if magic == b"OggS":
            _check_ogg(path)
        elif magic == b"RIFF":
            _check_riff(path)


def truncated(path: Path, expected: str, got: str) -> AudioError:
    """Return the error for a file that stops too early."""
    return AudioError(f"{path}: the file is cut off: expected {expected}, got {got}. Copy or download it again")


def _check_ogg(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - OGG_LARGEST_PAGE_BYTES))
        tail = file.read()
    start = _last_page(tail)
    if start < 0:
        raise truncated(path, "an Ogg page near the end", "none")
    segments = tail[start + 26]
    page_end = start + OGG_HEADER_BYTES + segments + sum(tail[start + OGG_HEADER_BYTES :][:segments])
    if page_end > len(tail):
        raise truncated(path, f"{page_end - len(tail)} more bytes in the last Ogg page", "the end of the file")
    if not tail[start + 5] & OGG_END_OF_STREAM:
        raise truncated(path, "a last Ogg page with the end-of-stream mark", "the end of the file")


def _last_page(tail: bytes) -> int:
    """Position of the last whole Ogg page header (version 0, all segment sizes present), -1 without one."""
    start = tail.rfind(b"OggS\x00")
    while start >= 0:
        header = tail[start : start + OGG_HEADER_BYTES]
        if len(header) == OGG_HEADER_BYTES and start + OGG_HEADER_BYTES + header[26] <= len(tail):
            return start
        start = tail.rfind(b"OggS\x00", 0, start)
    return -1


def _check_riff(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            position += 8
            if name == b"data":
                if length < RIFF_LENGTH_UNKNOWN and position + length > size:
                    raise truncated(path, f"{length} bytes of samples", f"{size - position}")
                return
            position += length + length % 2
