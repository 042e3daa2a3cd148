"""Where live sound comes from: a file, a microphone, or any address that ffmpeg can read.

    file:evening.wav                  a recording, at its own speed, faster, or as fast as the machine can
    mic:   mic:2   mic:USB            the default microphone, or another by number or name
    rtsp://camera/stream, http://...  through ffmpeg

A source yields pieces of one channel in order. What it lost before a piece (a full queue, a broken connection) it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from aed.errors import ConfigError

PIECE_SECONDS = 0.2
"""What a live source hands on at a time: short beside the delay of a detector, long beside the cost of waking."""


@dataclass(frozen=True)
class Piece:
    """Some samples of a stream.

    Attributes:
        samples: `(samples,)` float32.
        lost_seconds: How much of the stream was lost before them.
    """

    samples: np.ndarray
    lost_seconds: float = 0.0


class Source(Protocol):
    """Something to listen to."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def rate_hz(self) -> int:
        """Sample rate of its pieces."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether it goes on with the world's clock."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """Yield its pieces until it ends; to be called once.

        Raises:
            AudioError: It cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of the device or the connection; `pieces` ends then."""
        ...


def open_source(address: str, rate_hz: int, speed: float | None = 1.0) -> Source:
    """Open a source.

    Args:
        address: As above; the name of a file needs no `file:`.
        rate_hz: Rate to ask of a source that can choose.
        speed: How fast a file is played, 1 as it was recorded; None as fast as the machine can.

    Raises:
        AudioError: The file cannot be read, or there is no such microphone.
        ConfigError: The address is none.
        MissingExtraError: What the source takes is not installed.
    """
    from aed.monitor.sources.ffmpeg_source import FfmpegSource
    from aed.monitor.sources.file_source import FileSource
    from aed.monitor.sources.microphone import open_microphone

    kind, colon, rest = address.partition(":")
    if kind == "file" and rest:
        return FileSource(Path(rest), speed)
    if kind == "mic" and colon:
        return open_microphone(rest, rate_hz)
    if "://" in address:
        return FfmpegSource(address, [address], rate_hz)
    if Path(address).is_file():
        return FileSource(Path(address), speed)
    raise ConfigError(
        f"there is nothing to listen to at '{address}': expected a file, file:NAME, mic:, or an address such as "
        "rtsp://camera/stream"
    )
