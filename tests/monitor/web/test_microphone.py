"""A browser's microphone: what it sends comes out as a source's pieces, within limits."""

from __future__ import annotations

import time

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from aed.errors import AudioError, ConfigError
from aed.monitor.sources.source import Source
from aed.monitor.web import microphone_route
from aed.monitor.web.config import WebConfig
from aed.monitor.web.microphone import LONGEST_FRAME_BYTES, MOST_SECONDS_AHEAD, BrowserSource, SampleFormat

ROUTE = "ws://127.0.0.1:8765/api/microphone"
ADDRESS = f"{ROUTE}?rate_hz=48000&name=phone"
FRAME = np.linspace(-1, 1, 4800, dtype="<f4")


def drain(source: Source) -> np.ndarray:
    source.close()
    return np.concatenate([piece.samples for piece in source.pieces()] or [np.zeros(0, dtype=np.float32)])


def test_it_is_a_source() -> None:
    source: Source = BrowserSource("browser:x", 44_100, SampleFormat.FLOAT)
    assert (source.name, source.rate_hz, source.is_live) == ("browser:x", 44_100, True)


@pytest.mark.parametrize("sample_format", SampleFormat)
def test_samples_come_out_as_they_went_in(sample_format: SampleFormat) -> None:
    source = BrowserSource("x", 48_000, sample_format)
    frame = FRAME if sample_format is SampleFormat.FLOAT else np.rint(FRAME * 32767).astype("<i2")
    source.push(frame.tobytes())
    source.push(frame.tobytes())
    np.testing.assert_allclose(drain(source), np.concatenate([FRAME, FRAME]), atol=1e-4)


def test_values_beyond_full_scale_and_none_at_all() -> None:
    source = BrowserSource("x", 48_000, SampleFormat.FLOAT)
    source.push(np.array([np.inf, -9.0, np.nan, 0.5], dtype="<f4").tobytes())
    np.testing.assert_array_equal(drain(source), np.array([1.0, -1.0, np.nan, 0.5], dtype=np.float32))


@pytest.mark.parametrize("frame", [b"", b"123", bytes(LONGEST_FRAME_BYTES + 4)])
def test_a_frame_that_cannot_be_is_refused(frame: bytes) -> None:
    with pytest.raises(AudioError, match=f"got one of {len(frame)} bytes"):
        BrowserSource("x", 48_000, SampleFormat.FLOAT).push(frame)


def test_what_was_left_out_is_counted_before_the_next_piece() -> None:
    source = BrowserSource("x", 48_000, SampleFormat.FLOAT)
    source.push(FRAME.tobytes())
    source.lose("0.5")
    source.lose("0.25")
    source.push(FRAME.tobytes())
    source.close()
    assert [piece.lost_seconds for piece in source.pieces()] == [0.0, 0.75]
    for text in ("", "x", "-1", "nan", "inf", "1e9"):
        with pytest.raises(AudioError, match="expected the seconds that were left out"):
            source.lose(text)


def test_faster_than_sound_is_no_microphone() -> None:
    source = BrowserSource("x", 8000, SampleFormat.FLOAT)
    second = np.zeros(8000, dtype="<f4").tobytes()
    with pytest.raises(AudioError, match="ahead of the clock"):
        for _ in range(round(MOST_SECONDS_AHEAD) + 2):
            source.push(second)


def test_a_browser_is_listened_to_until_it_stops(client, home) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        assert socket.receive_json() == {"source": "browser:phone"}
        socket.send_bytes(FRAME.tobytes())
        socket.send_text("0.1")
        (source,) = home.opened
        assert (source.name, source.rate_hz) == ("browser:phone", 48_000)
    deadline = time.monotonic() + 10
    while not source.is_closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert source.is_closed


def test_browsers_have_names_of_their_own_and_are_limited(open_client) -> None:
    client = open_client(WebConfig(most_microphones=2))
    with client.websocket_connect(ADDRESS) as first, client.websocket_connect(ADDRESS) as second:
        assert first.receive_json() == {"source": "browser:phone"}
        assert second.receive_json() == {"source": "browser:phone 2"}
        with client.websocket_connect(ADDRESS) as third:
            assert_closed(third, 1013, "2 browsers are listened to already")


def assert_closed(socket, code: int, reason: str) -> None:
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == code
    assert reason in closed.value.reason


WRONG_NAMES = ("name=../x", "name=a%2F%23", "name=")
WRONG = [
    "rate_hz=0",
    "rate_hz=1e9",
    "rate_hz=48000&sample_format=mp3",
    *(f"rate_hz=48000&{each}" for each in WRONG_NAMES),
]


@pytest.mark.parametrize("query", WRONG)
def test_a_browser_that_cannot_be_is_refused(client, home, query: str) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{ROUTE}?{query}") as socket,
    ):
        socket.receive_json()
    assert not home.opened


@pytest.mark.parametrize("frame", [b"123", bytes(LONGEST_FRAME_BYTES + 4)])
def test_a_browser_that_sends_nonsense_is_let_go(client, home, frame: bytes) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        socket.receive_json()
        socket.send_bytes(frame)
        assert_closed(socket, 1008, "expected frames of 1 to")
    assert home.opened[0].is_closed


def test_a_browser_that_falls_silent_is_let_go(client, home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone_route, "PATIENCE_SECONDS", 0.05)
    with client.websocket_connect(ADDRESS) as socket:
        socket.receive_json()
        assert_closed(socket, 1001, "nothing came for")
    assert home.opened[0].is_closed


def test_a_monitor_that_will_not_listen_says_why(open_client) -> None:
    def refuse(source: Source) -> None:
        raise ConfigError("four sources are enough")

    with open_client(open_browser_source=refuse).websocket_connect(ADDRESS) as socket:
        assert_closed(socket, 1013, "four sources are enough")
    with open_client(open_browser_source=None).websocket_connect(ADDRESS) as socket:
        assert_closed(socket, 1013, "does not listen to browsers")
