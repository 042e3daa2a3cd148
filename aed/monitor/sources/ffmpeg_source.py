"""A stream through ffmpeg as a process of its own: network cameras, web radio, sound cards where PortAudio is missing.

A connection that ends, or that brings nothing for a while, is made anew, with longer and longer pauses; the time
between is told as lost. A process cannot hang the program as a library call can.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np

from aed.errors import AudioError
from aed.monitor.sources.piece_queue import PieceQueue
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
_AT_ONCE = ("-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32768", "-analyzeduration", "1000000")
"""By itself ffmpeg looks at five seconds, or five megabytes, of a stream before it hands on the first sample."""


class FfmpegSource:
    """A stream that ffmpeg reads.

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
        *options, address = arguments
        self._command = [program, "-nostdin", "-loglevel", "error", *_AT_ONCE, *options, "-i", address]
        self._command += ["-vn", "-f", "f32le", "-ac", "1", "-ar", str(rate_hz), "-flush_packets", "1", "-"]
        self._queue = PieceQueue(PIECE_SECONDS)
        self._closed = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words = ""

    @property
    def last_words(self) -> str:
        """What ffmpeg said last when it ended; empty where nothing."""
        return self._last_words

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces as they come, until closed; see `Source.pieces`."""
        threading.Thread(target=self._keep_connected, name=f"ffmpeg {self.name}", daemon=True).start()
        return self._queue.pieces()

    def close(self) -> None:
        """End the process and the pieces."""
        self._closed.set()
        self._stop()

    def _keep_connected(self) -> None:
        pause: float = FIRST_PAUSE_SECONDS
        lost_since: float | None = None
        while not self._closed.is_set():
            heard_until = self._listen_once(lost_since)
            pause = FIRST_PAUSE_SECONDS if heard_until is not None else min(2 * pause, LONGEST_PAUSE_SECONDS)
            lost_since = heard_until if heard_until is not None else lost_since
            self._closed.wait(pause)
        self._queue.close()

    def _listen_once(self, lost_since: float | None) -> float | None:
        """Listen until the connection ends; returns when the last sample came, None where none did."""
        piece_samples = samples_from_seconds(PIECE_SECONDS, self.rate_hz)
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self._process = process
            assert process.stdout is not None
            assert process.stderr is not None
            heard_until: float | None = None
            watchdog = _Watchdog(process)
            while data := process.stdout.read(piece_samples * _BYTES_PER_SAMPLE):
                now = time.monotonic()
                samples = np.frombuffer(data[: len(data) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE], dtype="<f4")
                seconds = seconds_from_samples(len(samples), self.rate_hz)
                is_new = heard_until is None and lost_since is not None
                self._queue.wait_and_put(samples, max(0.0, now - seconds - (lost_since or 0.0)) if is_new else 0.0)
                heard_until = now
                watchdog.feed(time.monotonic())
            watchdog.stop()
            self._last_words = process.stderr.read().decode(errors="replace").strip()
        self._process = None
        return heard_until

    def _stop(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()


class _Watchdog:
    """Ends a process that has brought nothing for a while; a read of its output returns then.

    Args:
        process: The process.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._is_over = process, threading.Event()
        self._patient_until = time.monotonic() + CONNECT_SECONDS
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def feed(self, now: float) -> None:
        """Something came."""
        self._patient_until = now + PATIENCE_SECONDS

    def stop(self) -> None:
        """The process ended by itself."""
        self._is_over.set()

    def _watch(self) -> None:
        while not self._is_over.wait(PATIENCE_SECONDS / 10):
            if time.monotonic() > self._patient_until:
                self._process.kill()
                return
