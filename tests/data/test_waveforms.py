from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed.audio.read import read_audio
from aed.data import waveforms
from aed.data.records import Clip
from aed.data.waveforms import WaveformStore, cache_folder
from aed.errors import AedError, AudioError, MissingExtraError, StorageError

RATE_HZ = 16_000


def write_clip(folder: Path, name: str, seconds: float = 0.1, rate_hz: int = RATE_HZ, value: float = 0.5) -> Clip:
    path = folder / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(seconds * rate_hz), value, dtype=np.float32), rate_hz, subtype="FLOAT")
    return Clip(f"own/{name}", path, "own", ("dog",), None, None, name, f"own:{name}")


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Clip, ...]:
    audio = tmp_path / "audio"
    return (
        write_clip(audio, "a", 0.1, value=0.1),
        write_clip(audio, "b", 0.25, rate_hz=44_100, value=0.2),
        write_clip(audio, "c", 1 / RATE_HZ, value=0.3),  # one sample
    )


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files decoded so far."""
    names: list[str] = []

    def counted(path: Path, rate_hz: int) -> np.ndarray:
        names.append(path.stem)
        return read_audio(path, rate_hz)

    monkeypatch.setattr(waveforms, "read_audio", counted)
    return names


def test_every_clip_is_what_reading_it_gives(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    store = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert (store.clips, store.skipped, store.rate_hz, len(store)) == (clips, {}, RATE_HZ, 3)
    for index, clip in enumerate(clips):
        samples = store.samples(index)
        assert samples.dtype == np.float32
        assert not samples.flags.writeable
        np.testing.assert_array_equal(samples, read_audio(clip.path, RATE_HZ))


def test_an_unreadable_clip_is_skipped_and_named(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    clips[1].path.write_bytes(b"this is no audio")
    for _ in range(2):  # decoded, then from the disk
        store = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
        assert store.clips == (clips[0], clips[2])
        assert list(store.skipped) == ["own/b"]
        assert "b.wav" in store.skipped["own/b"]
        np.testing.assert_array_equal(store.samples(1), read_audio(clips[2].path, RATE_HZ))


def test_a_vanished_clip_is_skipped_until_it_is_back(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    content = clips[0].path.read_bytes()
    clips[0].path.unlink()
    assert list(WaveformStore.open(clips, RATE_HZ, tmp_path / "cache").skipped) == ["own/a"]
    clips[0].path.write_bytes(content)
    assert WaveformStore.open(clips, RATE_HZ, tmp_path / "cache").clips == clips


@pytest.mark.parametrize("error", [AudioError("no permission"), MissingExtraError("no decoder")])
def test_a_file_that_could_not_be_read_for_a_while_is_back_without_a_change_of_it(
    tmp_path: Path, clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch, error: AedError
) -> None:
    def refused(path: Path, rate_hz: int) -> np.ndarray:
        if path.stem == "b":
            raise error
        return read_audio(path, rate_hz)

    with monkeypatch.context() as patch:
        patch.setattr(waveforms, "read_audio", refused)
        before = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert before.skipped == {"own/b": str(error)}
    again = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert (again.clips, again.skipped) == (clips, {})
    for index, clip in enumerate(clips):
        np.testing.assert_array_equal(again.samples(index), read_audio(clip.path, RATE_HZ))
    assert len(list((tmp_path / "cache").glob("*.f32"))) == 1
    np.testing.assert_array_equal(before.samples(1), again.samples(2))  # a run that has the old store open keeps it


def test_samples_that_do_not_belong_to_the_index_are_made_again(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    (data,) = (tmp_path / "cache").glob("*.f32")
    data.write_bytes(data.read_bytes()[:-8])
    store = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    np.testing.assert_array_equal(store.samples(2), read_audio(clips[2].path, RATE_HZ))


def test_the_second_open_decodes_nothing(tmp_path: Path, clips: tuple[Clip, ...], decoded: list[str]) -> None:
    WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert decoded == ["a", "b", "c"]
    again = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert decoded == ["a", "b", "c"]
    np.testing.assert_array_equal(again.samples(1), read_audio(clips[1].path, RATE_HZ))


def test_a_changed_file_is_decoded_again(tmp_path: Path, clips: tuple[Clip, ...], decoded: list[str]) -> None:
    WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    write_clip(tmp_path / "audio", "a", 0.1, value=0.9)  # the same length in bytes
    os.utime(clips[0].path, ns=(1, 1))
    store = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert len(decoded) == 6
    assert store.samples(0)[0] == pytest.approx(0.9)


def test_other_clips_and_other_rates_are_stored_apart(
    tmp_path: Path, clips: tuple[Clip, ...], decoded: list[str]
) -> None:
    whole = WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    fewer = WaveformStore.open(clips[1:], RATE_HZ, tmp_path / "cache")
    slower = WaveformStore.open(clips, 8_000, tmp_path / "cache")
    assert len(decoded) == 8
    np.testing.assert_array_equal(fewer.samples(0), whole.samples(1))
    assert len(slower.samples(1)) == 2_000
    assert len(whole.samples(1)) == 4_000


def test_stored_samples_that_were_deleted_are_made_again(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    for stored in (tmp_path / "cache").glob("*.f32"):
        stored.unlink()
    assert len(WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")) == 3


def test_a_kill_while_decoding_leaves_nothing_behind(
    tmp_path: Path, clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, rate_hz: int) -> np.ndarray:
        if path.stem == "b":
            raise KeyboardInterrupt
        return read_audio(path, rate_hz)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(waveforms, "read_audio", killed)
        WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")) == 3


def test_nothing_readable_is_an_error_that_says_why(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    for clip in clips:
        clip.path.write_bytes(b"")
    with pytest.raises(AudioError, match=r"none of the 3 clips can be read; the first: .*a\.wav"):
        WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="cache"):
        WaveformStore.open(clips, RATE_HZ, tmp_path / "cache")


def test_progress_counts_the_clips_and_only_where_something_is_decoded(tmp_path: Path, clips: tuple[Clip, ...]) -> None:
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        WaveformStore.open(clips, RATE_HZ, tmp_path / "cache", progress=lambda *what: told.append(what))
    assert told == [("decoding", done, 3) for done in range(4)]


def test_the_cache_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("AED_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg/aed"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder() == tmp_path / "home/.cache/aed"


def test_the_default_folder_is_in_the_cache(
    tmp_path: Path, clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "here"))
    WaveformStore.open(clips, RATE_HZ)
    assert {path.suffix for path in (tmp_path / "here/waveforms").iterdir()} == {".f32", ".json"}
