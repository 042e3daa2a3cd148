"""A microphone, through PortAudio (the library sounddevice) or, where that is missing, through ffmpeg.

The callback of PortAudio only copies into a bounded queue: whatever takes longer there would lose sound.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from aed.errors import AudioError
from aed.monitor.sources.ffmpeg_source import FfmpegSource
from aed.monitor.sources.piece_queue import PieceQueue
from aed.monitor.sources.source import PIECE_SECONDS, Piece, Source
from aed.timebase import samples_from_seconds, seconds_from_samples

FFMPEG_INPUTS = {
    "linux": ("alsa", "default"),
    "darwin": ("avfoundation", ":default"),
    "win32": ("dshow", "audio=default"),
}
"""Platform -> ffmpeg's kind of input and its default microphone."""


def open_microphone(device: str, rate_hz: int) -> Source:
    """Open a microphone.

    Args:
        device: Number or name; the default one where empty.
        rate_hz: Rate to ask ffmpeg for; PortAudio gives the microphone's own.

    Raises:
        AudioError: There is no such microphone, or neither PortAudio nor ffmpeg.
    """
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: the library PortAudio itself is missing
        kind, default = FFMPEG_INPUTS.get(sys.platform, FFMPEG_INPUTS["linux"])
        return FfmpegSource(f"mic:{device}", ["-f", kind, device or default], rate_hz)
    return Microphone(device, sounddevice)


class Microphone:
    """A microphone through PortAudio, at its own rate.

    Args:
        device: Number or name; the default one where empty.
        sounddevice: The library.

    Raises:
        AudioError: There is no such microphone.
    """

    is_live = True

    def __init__(self, device: str, sounddevice: Any) -> None:
        self.name, self._queue = f"mic:{device}", PieceQueue(PIECE_SECONDS)
        chosen = int(device) if device.isdecimal() else device or None
        try:
            self.rate_hz = int(sounddevice.query_devices(chosen, "input")["default_samplerate"])
            self._stream = sounddevice.InputStream(
                device=chosen,
                channels=1,
                samplerate=self.rate_hz,
                blocksize=samples_from_seconds(PIECE_SECONDS, self.rate_hz),
                dtype="float32",
                callback=self._on_samples,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioError(
                f"there is no microphone '{device or 'default'}' ({error}): 'python -m sounddevice' lists them"
            ) from error

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces as they are heard, until closed; see `Source.pieces`."""
        self._stream.start()
        return self._queue.pieces()

    def close(self) -> None:
        """Let go of the microphone."""
        self._stream.close()
        self._queue.close()

    def _on_samples(self, samples: np.ndarray, frames: int, time: Any, status: Any) -> None:
        seconds = seconds_from_samples(frames, self.rate_hz)
        lost = seconds if status.input_overflow else 0.0  # PortAudio says that, not how much: at least about a block
        self._queue.put(samples[:, 0].copy(), seconds, lost)
