"""Decoding what libsndfile does not know (M4A, WebM, video, ...) with PyAV, the extra `formats`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aed.audio.read import AudioInfo
from aed.errors import AudioError, missing_extra

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

OTHER_FORMAT_SUFFIXES = frozenset(
    {".3gp", ".aac", ".ac3", ".amr", ".avi", ".m4a", ".mka", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm", ".wma"}
)
"""Common names of what libsndfile lacks: without PyAV these get the advice to install it."""


def inspect_with_pyav(path: Path) -> AudioInfo:
    """Read the header of the first audio stream.

    Raises:
        AudioError: Not audio, or damaged.
        MissingExtraError: PyAV is not installed and the name says that it is needed.
    """
    with _first_audio_stream(path) as (container, stream):
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / 1_000_000  # FFmpeg counts a container's duration in microseconds
        return AudioInfo(path, stream.rate, stream.channels, round(seconds * stream.rate))


def decode_with_pyav(path: Path) -> Iterator[np.ndarray]:
    """Yield `(samples, channel)` float32 of the first audio stream at its own rate.

    Raises:
        AudioError: Not audio, or damaged.
        MissingExtraError: PyAV is not installed and the name says that it is needed.
    """
    import av

    with _first_audio_stream(path) as (container, stream):
        to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        for frame in container.decode(stream):
            for piece in to_float.resample(frame):
                yield piece.to_ndarray().T


@contextmanager
def _first_audio_stream(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        import av
    except ImportError as error:
        if path.suffix.lower() in OTHER_FORMAT_SUFFIXES:
            raise missing_extra(f"Reading {path}", "formats") from error
        raise _not_audio(path, "libsndfile does not know its format") from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio or not container.streams.audio[0].rate:
                raise _not_audio(path, "no audio stream in it")
            yield container, container.streams.audio[0]
    except av.error.FFmpegError as error:
        raise _not_audio(path, f"FFmpeg: {error.strerror}") from error


def _not_audio(path: Path, reason: str) -> AudioError:
    return AudioError(
        f"{path}: the file cannot be read as audio ({reason}): expected WAV, FLAC, Ogg, MP3 or the like. "
        "Convert it, or check that it is the right file"
    )
