"""Reading audio files: any length, rate and channel count -> mono float32 in [-1, 1] at the rate that is asked for.

libsndfile decodes (WAV, FLAC, Ogg, MP3, AIFF, CAF, ...); formats that it does not know go to PyAV where that extra is
installed. The level is left as it is: channels are averaged, nothing is normalised to the file's peak. Reading a whole
file is the sum of its stream, so both give the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from aed.audio.resample import Resampler
from aed.audio.truncation import check_whole, truncated
from aed.errors import AudioError
from aed.timebase import samples_from_seconds, seconds_from_samples

BLOCK_SECONDS = 10.0
LOWEST_RATE_HZ = 1_000
HIGHEST_RATE_HZ = 768_000
"""Beyond these a header is damaged: below 1 kHz hardly anything can be heard, no recorder goes above 768 kHz."""
LOUDEST_SAMPLE = 16.0
"""24 dB over full scale; float files beyond it hold unscaled integers, and clipping would destroy them in silence."""
UNKNOWN_FORMAT_CODES = (1, 4)
"""libsndfile's SF_ERR_UNRECOGNISED_FORMAT and SF_ERR_UNSUPPORTED_ENCODING: another decoder may know the format."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Attributes:
        path: The file.
        rate_hz: Sample rate in Hz.
        channels: Number of channels.
        frames: Samples per channel; an estimate for the formats of the `formats` extra.
    """

    path: Path
    rate_hz: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return seconds_from_samples(self.frames, self.rate_hz)


def inspect(path: Path | str) -> AudioInfo:
    """Read a file's header without decoding it.

    Raises:
        AudioError: The file is missing, empty, cut off, not audio, or claims an impossible rate.
    """
    path = Path(path)
    _check_file(path)
    try:
        with _open(path) as file:
            return _checked_info(path, file)
    except _UnknownFormatError:
        from aed.audio.pyav import inspect_with_pyav

        return inspect_with_pyav(path)


def read_audio(path: Path | str, rate_hz: int, *, max_seconds: float | None = None) -> np.ndarray:
    """Read a file as one channel.

    Args:
        path: The file.
        rate_hz: Rate of the result in Hz.
        max_seconds: Read only this much from the start.

    Returns:
        `(samples,)` float32 in [-1, 1], `resampled_length_samples` of the file's length.

    Raises:
        AudioError: The file is missing, empty, cut off, not audio, or holds samples that are no numbers.
    """
    return np.concatenate(list(_resampled(Path(path), rate_hz, BLOCK_SECONDS, max_seconds)))


def stream_audio(path: Path | str, rate_hz: int, block_seconds: float = BLOCK_SECONDS) -> Iterator[np.ndarray]:
    """Read a file of any length in constant memory.

    Args:
        path: The file.
        rate_hz: Rate of the result in Hz.
        block_seconds: How much to decode at a time.

    Yields:
        `(samples,)` float32 in [-1, 1]; joined they are what `read_audio` returns.

    Raises:
        AudioError: As for `read_audio`; damage far into the file shows only when the stream gets there.
    """
    return _resampled(Path(path), rate_hz, block_seconds, None)


def stream_at_own_rate(info: AudioInfo, block_seconds: float = BLOCK_SECONDS) -> Iterator[np.ndarray]:
    """Read a file of any length in constant memory, one channel at the file's own rate, as it is decoded.

    Args:
        info: What `inspect` says of the file.
        block_seconds: How much to decode at a time.

    Yields:
        `(samples,)` float32; lossy decoding may leave [-1, 1] a little.

    Raises:
        AudioError: As for `read_audio`.
    """
    read_samples = 0
    for block in _decoded(info, max(1, samples_from_seconds(block_seconds, info.rate_hz))):
        mono = _mono(info.path, block, read_samples, info.rate_hz)
        read_samples += len(mono)
        yield mono
    if read_samples == 0:
        raise AudioError(f"{info.path}: the file holds no samples: expected at least one. Record or export it again")


def _resampled(path: Path, rate_hz: int, block_seconds: float, max_seconds: float | None) -> Iterator[np.ndarray]:
    info = inspect(path)
    resampler = Resampler(info.rate_hz, rate_hz)
    left = None if max_seconds is None else samples_from_seconds(max_seconds, info.rate_hz)
    for mono in stream_at_own_rate(info, block_seconds):
        yield from _not_empty(resampler.push(mono[:left]))
        left = None if left is None else left - len(mono)
        if left is not None and left <= 0:
            break
    yield from _not_empty(resampler.flush())


def _not_empty(samples: np.ndarray) -> Iterator[np.ndarray]:
    if len(samples):
        yield np.clip(samples, -1.0, 1.0)  # lossy decoding and resampling overshoot a little


def _mono(path: Path, block: np.ndarray, start_samples: int, rate_hz: int) -> np.ndarray:
    """Average the channels of `(samples, channel)` after checking that every sample is a plausible number."""
    if len(block) and not np.abs(block).max() <= LOUDEST_SAMPLE:  # a comparison with NaN is false
        raise _implausible(path, block, start_samples, rate_hz)
    channels = block.shape[1]
    mono = block[:, 0].copy()
    for channel in range(1, channels):  # column by column: ten times faster than a mean along the short axis
        mono += block[:, channel]
    mono /= channels
    return mono


def _implausible(path: Path, block: np.ndarray, start_samples: int, rate_hz: int) -> AudioError:
    first, channel = np.argwhere(~(np.abs(block) <= LOUDEST_SAMPLE))[0]
    second = seconds_from_samples(start_samples + int(first), rate_hz)
    return AudioError(
        f"{path}: the sample at second {second:.3f} is {block[first, channel]:g}: expected numbers in [-1, 1]. "
        "Export the file again"
    )


def _decoded(info: AudioInfo, block_samples: int) -> Iterator[np.ndarray]:
    """Yield `(samples, channel)` float32 at the file's own rate."""
    try:
        with _open(info.path) as file:
            yield from _libsndfile_blocks(info, file, block_samples)
    except _UnknownFormatError:
        from aed.audio.pyav import decode_with_pyav

        yield from decode_with_pyav(info.path)


def _libsndfile_blocks(info: AudioInfo, file: soundfile.SoundFile, block_samples: int) -> Iterator[np.ndarray]:
    read_samples = 0
    while len(block := file.read(block_samples, dtype="float32", always_2d=True)):
        read_samples += len(block)
        yield block
    if read_samples < info.frames:
        raise truncated(
            info.path,
            f"{info.seconds:.3f} seconds",
            f"{seconds_from_samples(read_samples, info.rate_hz):.3f} seconds",
        )


_HEADERLESS_SUFFIX = ".raw"
"""What libsndfile reads without looking for a header."""


class _UnknownFormatError(Exception):
    """libsndfile does not know the format; PyAV may."""


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    try:
        # not its name as text: that of a file need not be valid in the system's encoding
        with soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path)) as file:
            yield file
    except soundfile.LibsndfileError as error:
        if error.code in UNKNOWN_FORMAT_CODES:
            raise _UnknownFormatError from error
        raise AudioError(
            f"{path}: the file cannot be read as audio ({_reason(error)}): it is damaged, cut off or not audio. "
            "Copy, export or convert it again"
        ) from error


def _reason(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's words, and plain ones where they say nothing to a user."""
    words = str(error.error_string).rstrip(".")
    if "SF_INFO struct incomplete" in words:
        return "its header claims a sample rate of 0 Hz or no channels"
    return "libsndfile: " + words.removeprefix("Error : ")


def _check_file(path: Path) -> None:
    if not path.is_file():
        kind = "it is a folder" if path.is_dir() else "no such file"
        raise AudioError(f"{path}: expected an audio file, but {kind}. Check the path")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes). Copy or record it again")
    if path.suffix.lower() == _HEADERLESS_SUFFIX:
        raise AudioError(f"{path}: a raw file does not say its sample rate and format. Convert it to .wav")
    try:
        check_whole(path)
    except OSError as error:
        raise AudioError(f"{path}: the file cannot be opened ({error.strerror}). Check its permissions") from error


def _checked_info(path: Path, file: soundfile.SoundFile) -> AudioInfo:
    if not LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"{path}: the header claims a sample rate of {file.samplerate} Hz: expected {LOWEST_RATE_HZ} to "
            f"{HIGHEST_RATE_HZ} Hz. Export the file again"
        )
    return AudioInfo(path, file.samplerate, file.channels, file.frames)
