"""A stream through ffmpeg as a process of its own: network cameras, web radio, sound cards where PortAudio is missing.

A connection that ends, or that brings nothing for a while, is made anew, with longer and longer pauses; the time
between is told as lost. A process cannot hang the program as a library call can.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import numpy as np

from aed.errors import AudioError
from aed.monitor.sources.source import PIECE_SECONDS, Piece
from aed.timebase import samples_from_seconds, seconds_from_samples

CONNECT_SECONDS = 15.0
"""A camera may take some seconds from the call to its first sample."""
PATIENCE_SECONDS = 5.0
"""A live stream that then brings nothing for so long is dead, even if its connection is not."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
"""Between two attempts; doubled each time, back to the first one as soon as something comes. Short, so that little is
lost once the stream is back; an attempt costs next to nothing."""
_BYTES_PER_SAMPLE = 4
_PIPE_BYTES = 1 << 20
"""Sound that waits where the monitor is busy, a quarter of a minute; more than Linux gives everybody is refused."""
_AT_ONCE = ("-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32768", "-analyzeduration", "1000000")
"""By itself ffmpeg looks at five seconds, or five megabytes, of a stream before it hands on the first sample."""


class FfmpegSource:
    """A stream that ffmpeg reads.

    ffmpeg hands on whole pieces, and who listens reads them itself: between the two there is nothing but the pipe.

    Args:
        name: What it is called.
        arguments: What ffmpeg is to read: an address, after options for it.
        rate_hz: Rate of the samples; ffmpeg resamples.

    Raises:
        AudioError: ffmpeg is not installed.
    """

    is_live = True

    def __init__(self, name: str, arguments: Sequence[str], rate_hz: int) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise AudioError(f"listening to {name} takes the program ffmpeg, which is not installed: install it")
        self.name, self.rate_hz = name, rate_hz
        self._piece_samples = samples_from_seconds(PIECE_SECONDS, rate_hz)
        *options, address = arguments
        pieces = f"aresample={rate_hz},asetnsamples=n={self._piece_samples}:p=0"
        self._command = [program, "-nostdin", "-loglevel", "error", *_AT_ONCE, *options, "-i", address, "-vn"]
        self._command += ["-af", pieces, "-f", "f32le", "-ac", "1", "-ar", str(rate_hz), "-flush_packets", "1", "-"]
        self._closed = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words = ""

    @property
    def last_words(self) -> str:
        """What ffmpeg said last when it ended; empty where nothing."""
        return self._last_words

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces as they come, until closed; see `Source.pieces`."""
        pause: float = FIRST_PAUSE_SECONDS
        lost_since: float | None = None
        while not self._closed.is_set():
            heard_until = yield from self._listen_once(lost_since)
            pause = FIRST_PAUSE_SECONDS if heard_until is not None else min(2 * pause, LONGEST_PAUSE_SECONDS)
            lost_since = heard_until if heard_until is not None else lost_since
            self._closed.wait(pause)

    def close(self) -> None:
        """End the process and the pieces."""
        self._closed.set()
        process = self._process
        if process is not None:
            _end(process)

    def _listen_once(self, lost_since: float | None) -> Generator[Piece, None, float | None]:
        """Listen until the connection ends; returns when the last sample came, None where none did."""
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self._process = process
            if self._closed.is_set():  # while it was started
                _end(process)
            try:
                heard_until = yield from self._read(process, lost_since)
                assert process.stderr is not None
                self._last_words = process.stderr.read().decode(errors="replace").strip()
            finally:
                _end(process)
        self._process = None
        return heard_until

    def _read(self, process: subprocess.Popen[bytes], lost_since: float | None) -> Generator[Piece, None, float | None]:
        assert process.stdout is not None
        _widen(process.stdout)
        heard_until: float | None = None
        with _watched(process) as watchdog:
            while data := process.stdout.read(self._piece_samples * _BYTES_PER_SAMPLE):
                watchdog.rest()
                now = time.monotonic()
                samples = np.frombuffer(data[: len(data) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE], dtype="<f4")
                seconds = seconds_from_samples(len(samples), self.rate_hz)
                is_new = heard_until is None and lost_since is not None
                yield Piece(samples, max(0.0, now - seconds - (lost_since or 0.0)) if is_new else 0.0)
                heard_until = now
                watchdog.expect(PATIENCE_SECONDS)
        return heard_until


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()


def _widen(pipe: IO[bytes]) -> None:
    """Give the pipe more room, where that can be had."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


@contextmanager
def _watched(process: subprocess.Popen[bytes]) -> Iterator[_Watchdog]:
    watchdog = _Watchdog(process)
    try:
        yield watchdog
    finally:
        watchdog.stop()


class _Watchdog:
    """Ends a process that has brought nothing for a while; a read of its output returns then.

    Args:
        process: The process.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._is_over = process, threading.Event()
        self.expect(CONNECT_SECONDS)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def expect(self, patience_seconds: float) -> None:
        """Something must come within that time."""
        self._patient_until = time.monotonic() + patience_seconds

    def rest(self) -> None:
        """Something came, and nobody waits for more just now."""
        self._patient_until = float("inf")

    def stop(self) -> None:
        """The process ended by itself."""
        self._is_over.set()

    def _watch(self) -> None:
        """Sleep until the patience of now would end, and look whether something came meanwhile."""
        while (left_seconds := self._patient_until - time.monotonic()) > 0:
            if self._is_over.wait(min(left_seconds, PATIENCE_SECONDS)):
                return
        self._process.kill()
