from __future__ import annotations

import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio.read import inspect, read_audio, stream_audio
from aed.audio.resample import Resampler
from aed.errors import AudioError, MissingExtraError
from aed.timebase import resampled_length_samples

RATE_HZ = 16_000


def sine(rate_hz: int, seconds: float, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_reads_every_format_and_rate_as_the_same_sine(tmp_path: Path, suffix: str, rate_hz: int) -> None:
    path = write(tmp_path / f"sine{suffix}", sine(rate_hz, 1.0), rate_hz)
    samples = read_audio(path, RATE_HZ)
    assert samples.dtype == np.float32
    assert len(samples) == resampled_length_samples(inspect(path).frames, rate_hz, RATE_HZ)
    middle = slice(2_000, 14_000)
    assert np.abs(samples[middle] - sine(RATE_HZ, 1.0)[middle]).max() < 0.08  # MP3 at 8 kHz is the worst


def test_header_without_decoding(tmp_path: Path) -> None:
    info = inspect(write(tmp_path / "a.flac", np.zeros((4_410, 2)), 44_100))
    assert (info.rate_hz, info.channels, info.frames, info.seconds) == (44_100, 2, 4_410, 0.1)


def test_eight_channels_are_averaged(tmp_path: Path) -> None:
    levels = np.linspace(-0.4, 0.8, 8)
    path = write(tmp_path / "eight.wav", np.tile(levels, (100, 1)), RATE_HZ, "FLOAT")
    np.testing.assert_allclose(read_audio(path, RATE_HZ), levels.mean(), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 96_000])
def test_clip_of_one_sample_stays_one_sample_or_more(tmp_path: Path, rate_hz: int) -> None:
    path = write(tmp_path / "one.wav", np.array([0.5]), rate_hz)
    assert len(read_audio(path, RATE_HZ)) == resampled_length_samples(1, rate_hz, RATE_HZ)


def test_level_is_kept_and_overshoot_is_clipped(tmp_path: Path) -> None:
    quiet = write(tmp_path / "quiet.wav", sine(RATE_HZ, 0.5, level=0.01), RATE_HZ)
    assert 0.009 < np.abs(read_audio(quiet, RATE_HZ)).max() < 0.011
    loud = write(tmp_path / "loud.wav", sine(RATE_HZ, 0.5, level=1.5), RATE_HZ, "FLOAT")
    assert np.abs(read_audio(loud, RATE_HZ)).max() == 1.0


def test_max_seconds_reads_the_start(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", sine(44_100, 3.0), 44_100)
    start = read_audio(path, RATE_HZ, max_seconds=1.5)
    assert len(start) == 24_000
    np.testing.assert_allclose(start[:23_900], read_audio(path, RATE_HZ)[:23_900], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    from_hz=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000, 16_000]),
    cuts=st.lists(st.integers(0, 5_000), max_size=8),
    length=st.integers(1, 20_000),
)
def test_any_cutting_resamples_alike(from_hz: int, cuts: list[int], length: int) -> None:
    samples = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)

    def resampled(pieces: list[np.ndarray]) -> np.ndarray:
        resampler = Resampler(from_hz, RATE_HZ)
        return np.concatenate([*(resampler.push(piece) for piece in pieces), resampler.flush()])

    whole = resampled([samples])
    assert len(whole) == resampled_length_samples(length, from_hz, RATE_HZ)
    np.testing.assert_allclose(resampled(np.split(samples, sorted(cuts))), whole, atol=1e-6)


@pytest.mark.parametrize("block_seconds", [0.01, 0.7, 100.0])
def test_stream_equals_file(tmp_path: Path, block_seconds: float) -> None:
    path = write(tmp_path / "noise.ogg", np.random.default_rng(0).normal(0, 0.1, (50_000, 2)), 44_100)
    joined = np.concatenate(list(stream_audio(path, RATE_HZ, block_seconds)))
    np.testing.assert_allclose(joined, read_audio(path, RATE_HZ), atol=1e-6)


def test_stream_holds_one_block_at_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "minutes.wav", np.zeros(8_000 * 300, np.float32), 8_000)
    tracemalloc.start()
    total = sum(len(block) for block in stream_audio(path, RATE_HZ, 1.0))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == RATE_HZ * 300
    assert peak_bytes < 2_000_000  # the whole file is 19 MB at the new rate


@pytest.mark.parametrize("content", [b"these are words, not audio\n" * 40, bytes(5_000), b"OggS", b"RIFF", b"\xff\xfb"])
@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.bin"])
def test_not_audio(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=name):
        read_audio(tmp_path / name, RATE_HZ)


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    for path, words in ((tmp_path / "empty.wav", "empty"), (tmp_path / "no.wav", "no such file"), (tmp_path, "folder")):
        with pytest.raises(AudioError, match=words):
            read_audio(path, RATE_HZ)


def test_header_without_samples(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no samples"):
        read_audio(write(tmp_path / "none.wav", np.zeros(0), RATE_HZ), RATE_HZ)


@pytest.mark.parametrize("suffix", [".ogg", ".wav", ".flac", ".mp3"])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.77, 0.999])
def test_truncated_file_is_an_error_not_a_shorter_clip(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 44_100 * 4)
    content = write(tmp_path / f"whole{suffix}", noise, 44_100).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(AudioError, match=r"cut off"):
        read_audio(cut, RATE_HZ)


def test_ogg_cut_between_two_pages(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.ogg", np.random.default_rng(1).normal(0, 0.1, 44_100 * 4), 44_100).read_bytes()
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(content[: content.rfind(b"OggS")])
    with pytest.raises(AudioError, match="end-of-stream"):
        read_audio(cut, RATE_HZ)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_F000])
def test_wav_from_a_pipe_that_does_not_know_its_length(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "pipe.wav", sine(RATE_HZ, 0.5), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", length)
    path.write_bytes(content)
    if length == 0:
        with pytest.raises(AudioError, match="no samples"):
            read_audio(path, RATE_HZ)
    else:
        assert len(read_audio(path, RATE_HZ)) == 8_000


@pytest.mark.parametrize("rate_hz", [0, 1, 4_000_000])
def test_impossible_sample_rate(tmp_path: Path, rate_hz: int) -> None:
    path = write(tmp_path / "rate.wav", sine(RATE_HZ, 0.1), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"{rate_hz} Hz"):
        inspect(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 30_000.0])
def test_sample_that_is_no_number_is_named_by_its_second(tmp_path: Path, value: float) -> None:
    samples = np.zeros((44_100 * 12, 2), np.float32)
    samples[int(44_100 * 11.5), 1] = value
    path = write(tmp_path / "nan.wav", samples, 44_100, "FLOAT")
    with pytest.raises(AudioError, match=rf"second 11\.500 is {value:g}"):
        read_audio(path, RATE_HZ)


def test_format_of_the_extra(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "sine.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo")
        samples = np.stack([sine(44_100, 1.0)] * 2)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 44_100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    assert inspect(path).channels == 2
    samples = read_audio(path, RATE_HZ)
    assert abs(len(samples) / RATE_HZ - 1.0) < 0.1
    spectrum = np.abs(np.fft.rfft(samples[4_000:12_000]))
    assert spectrum.argmax() * RATE_HZ / 8_000 == pytest.approx(440, abs=2)


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(b"\0" * 1_000)
    with pytest.raises(MissingExtraError, match=r"aed\[formats\]"):
        read_audio(tmp_path / "a.m4a", RATE_HZ)
    (tmp_path / "a.txt").write_bytes(b"words " * 1_000)
    with pytest.raises(AudioError, match="does not know"):
        read_audio(tmp_path / "a.txt", RATE_HZ)


@pytest.mark.audio
@pytest.mark.parametrize(
    ("name", "seconds"),
    [("esc50/audio/1-100032-A-0.ogg", 5.0), ("audioset/audio/1fJNudB6faA_30.000.ogg", 10.0)],
)
def test_real_recordings(data_root: Path, name: str, seconds: float) -> None:
    samples = read_audio(data_root / name, RATE_HZ)
    assert len(samples) / RATE_HZ == pytest.approx(seconds, abs=0.01)
    assert np.abs(samples).max() <= 1.0


@pytest.mark.audio
def test_truncated_real_ogg(data_root: Path, tmp_path: Path) -> None:
    content = (data_root / "esc50/audio/1-100032-A-0.ogg").read_bytes()
    for kept in (4_600, 6_788, 12_218, len(content) - 1):
        (tmp_path / "cut.ogg").write_bytes(content[:kept])
        with pytest.raises(AudioError, match="cut off"):
            inspect(tmp_path / "cut.ogg")
