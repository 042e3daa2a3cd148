"""Where sound comes from: a played file, a real stream that ffmpeg serves and that is cut, a microphone's callback."""

from __future__ import annotations

import io
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from aed.errors import AudioError, ConfigError
from aed.monitor.sources import ffmpeg_source
from aed.monitor.sources.ffmpeg_source import FfmpegSource
from aed.monitor.sources.file_source import FileSource
from aed.monitor.sources.microphone import Microphone, open_microphone
from aed.monitor.sources.piece_queue import LONGEST_QUEUE_SECONDS, PieceQueue
from aed.monitor.sources.source import PIECE_SECONDS, Piece, open_source

RATE_HZ = 8000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    samples = 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ * 3)
    soundfile.write(tmp_path / "x.wav", samples, RATE_HZ, subtype="FLOAT")
    return tmp_path / "x.wav"


def test_a_file_comes_whole_and_ends_when_closed(recording: Path) -> None:
    source = open_source(str(recording), 16_000, speed=None)
    assert isinstance(source, FileSource)
    assert (source.rate_hz, source.is_live) == (RATE_HZ, False)
    expected, _ = soundfile.read(recording, dtype="float32")
    pieces = list(source.pieces())
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in pieces]), expected)
    assert all(piece.lost_seconds == 0 for piece in pieces)
    closed = FileSource(recording, speed=1.0)
    threading.Timer(0.25, closed.close).start()
    assert len(list(closed.pieces())) < 10


@pytest.mark.parametrize("address", ["nothing", "ftp:nothing", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="there is nothing to listen to at"):
        open_source(address, 16_000)


def test_a_full_queue_drops_the_newest_and_counts() -> None:
    pieces = PieceQueue(1.0)
    for number in range(round(LONGEST_QUEUE_SECONDS) + 3):
        pieces.put(np.full(1, number, np.float32), 1.0)
    heard = pieces.pieces()
    assert [next(heard).samples[0] for _ in range(5)] == [0, 1, 2, 3, 4]
    pieces.put(np.full(1, 99, np.float32), 1.0)
    pieces.close()
    rest = list(heard)
    assert (rest[-1].samples[0], rest[-1].lost_seconds) == (99, 3.0)
    assert sum(piece.lost_seconds for piece in rest) == 3.0


class WebRadio:
    """Plays noise over HTTP to whoever connects, at its own speed, without end; can be cut and come back."""

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._server.settimeout(0.1)
        self.port = int(self._server.getsockname()[1])
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _serve(self) -> None:
        with self._server:
            while not self._is_over.is_set():
                try:
                    connection, _ = self._server.accept()
                except TimeoutError:
                    continue
                with connection, suppress(OSError):
                    self._play(connection)

    def _play(self, connection: socket.socket) -> None:
        header = io.BytesIO()
        soundfile.write(header, np.zeros(1), RATE_HZ, format="AU", subtype="PCM_16")
        start = header.getvalue()[:8] + b"\xff\xff\xff\xff" + header.getvalue()[12:-2]  # of unknown length
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: audio/basic\r\n\r\n" + start)
        noise = (3000 * np.random.default_rng(0).standard_normal(RATE_HZ // 10)).astype(">i2").tobytes()
        while not self._is_over.wait(0.1):
            connection.sendall(noise)


@needs_ffmpeg
def test_a_stream_that_is_cut_comes_back_and_the_gap_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_source, "FIRST_PAUSE_SECONDS", 0.2)
    radio = WebRadio()
    source = open_source(f"http://127.0.0.1:{radio.port}", RATE_HZ)
    assert isinstance(source, FfmpegSource)
    pieces = source.pieces()
    try:
        before = [next(pieces) for _ in range(8)]
        radio.cut()
        cut_at = time.monotonic()
        time.sleep(1.0)
        radio = WebRadio(radio.port)
        after = next(piece for piece in pieces if piece.lost_seconds > 0)
        back_after = time.monotonic() - cut_at
    finally:
        source.close()
        radio.cut()
    assert all(piece.lost_seconds == 0 for piece in before)
    assert 0.2 < np.abs(np.concatenate([piece.samples for piece in before])).max() < 1
    assert 0.9 < after.lost_seconds < back_after + 1.0
    list(pieces)  # they end, once closed


@needs_ffmpeg
def test_who_has_heard_enough_is_not_kept() -> None:
    radio = WebRadio()
    source = open_source(f"http://127.0.0.1:{radio.port}", RATE_HZ)
    assert isinstance(source, FfmpegSource)
    began = time.monotonic()
    for piece in source.pieces():
        assert len(piece.samples) == round(PIECE_SECONDS * RATE_HZ)
        break  # before anybody closes it
    source.close()
    assert time.monotonic() - began < 20
    assert source._process is None or source._process.poll() is not None
    radio.cut()


@needs_ffmpeg
def test_a_slow_listener_is_not_taken_for_a_dead_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_source, "PATIENCE_SECONDS", 0.5)
    radio = WebRadio()
    source = open_source(f"http://127.0.0.1:{radio.port}", RATE_HZ)
    pieces = source.pieces()
    next(pieces)
    time.sleep(1.5)
    after = [next(pieces) for _ in range(12)]
    source.close()
    radio.cut()
    assert sum(piece.lost_seconds for piece in after) == 0


@needs_ffmpeg
def test_a_mute_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_source, "CONNECT_SECONDS", 2.0)
    monkeypatch.setattr(ffmpeg_source, "FIRST_PAUSE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        source = FfmpegSource("mute", [f"http://127.0.0.1:{server.getsockname()[1]}"], RATE_HZ)
        threading.Thread(target=lambda: list(source.pieces()), daemon=True).start()
        connections = [server.accept()[0] for _ in range(2)]  # it takes the first for dead and comes again
        source.close()
        for connection in connections:
            connection.close()


def test_without_ffmpeg_a_stream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AudioError, match="takes the program ffmpeg, which is not installed"):
        open_source("rtsp://camera/stream", 16_000)


class _PortAudio:
    """What the microphone asks of sounddevice; no device is at hand in a test."""

    PortAudioError = RuntimeError

    def __init__(self) -> None:
        self.stream: Any = None

    def query_devices(self, device: object, kind: str) -> dict[str, float]:
        if device == "none":
            raise ValueError("No input device matching 'none'")
        return {"default_samplerate": 44_100.0}

    def InputStream(self, **options: Any) -> Any:  # noqa: N802  # sounddevice's name
        self.stream = SimpleNamespace(options=options, start=lambda: None, close=lambda: None)
        return self.stream


def test_a_microphone_hands_on_what_its_callback_gets() -> None:
    library = _PortAudio()
    microphone = Microphone("2", library)
    assert (microphone.rate_hz, library.stream.options["device"], library.stream.options["channels"]) == (44_100, 2, 1)
    pieces = microphone.pieces()
    callback, block = library.stream.options["callback"], np.full((4410, 1), 0.5, np.float32)
    callback(block, 4410, None, SimpleNamespace(input_overflow=False))
    block[:] = 0  # PortAudio uses its buffer again
    callback(block, 4410, None, SimpleNamespace(input_overflow=True))
    microphone.close()
    first, second = pieces
    assert (first.samples[0], first.lost_seconds, second.lost_seconds) == (0.5, 0.0, pytest.approx(0.1))
    with pytest.raises(AudioError, match="there is no microphone 'none'"):
        Microphone("none", library)


@needs_ffmpeg
def test_without_portaudio_ffmpeg_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    source = open_microphone("", 16_000)
    assert isinstance(source, FfmpegSource)
    assert isinstance(Piece(np.zeros(1)).lost_seconds, float)
