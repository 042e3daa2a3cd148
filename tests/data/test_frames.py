"""Stored frames are the model's own, whatever is read of them and in whatever order."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio.read import read_audio
from aed.data import frames as frames_module
from aed.data.frames import FrameStore, frame_blocks
from aed.data.records import Clip
from aed.errors import StorageError
from aed.features.logmel import LogMel, LogMelConfig
from aed.features.waveform_augment import WaveformAugmentConfig

FEATURES = LogMelConfig()
HOP = FEATURES.hop_samples
SAMPLES = (40 * HOP, 25 * HOP + 7, 1, 90 * HOP)
VIEWS = WaveformAugmentConfig(views=3, noise_probability=0.5, noise_snr_db=(0.0, 5.0))
HALF_PRECISION = 2e-3
"""Of features up to 4: half of a float16's last place."""


def write_clip(folder: Path, number: int, samples: int) -> Clip:
    path = folder / f"{number}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(number).normal(0, 0.1, samples).astype(np.float32)
    soundfile.write(path, sound, FEATURES.rate_hz, subtype="FLOAT")
    return Clip(f"own/{number}", path, "own", (), None, None, str(number), f"own:{number}")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    folder = tmp_path_factory.mktemp("audio")
    return tuple(write_clip(folder, number, samples) for number, samples in enumerate(SAMPLES))


@pytest.fixture(scope="module")
def store(clips: tuple[Clip, ...], tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    return FrameStore.open(clips, FEATURES, VIEWS, tmp_path_factory.mktemp("cache"))


def whole(store: FrameStore, clip: int, view: int = 0) -> torch.Tensor:
    """All frames of a clip's view."""
    one = np.array([clip])
    return store.gather(one, np.array([view]), np.zeros_like(one), np.zeros_like(one), int(store.num_frames[clip]))[0]


def test_levels_are_those_of_the_clean_clip(store: FrameStore) -> None:
    for clip in range(len(store)):
        expected = whole(store, clip).mean(dim=1).numpy()
        np.testing.assert_allclose(store.levels(clip), expected, rtol=1e-5)


def front_end(samples: np.ndarray) -> torch.Tensor:
    return LogMel(FEATURES)(torch.from_numpy(np.array(samples))[None])[0]


def test_the_clean_view_is_the_models_front_end(store: FrameStore, clips: tuple[Clip, ...]) -> None:
    assert (store.clips, store.skipped, store.distorted_views, len(store)) == (clips, {}, 3, 4)
    assert store.num_frames.tolist() == [40, 26, 1, 90]
    for index, clip in enumerate(clips):
        expected = front_end(read_audio(clip.path, FEATURES.rate_hz))
        torch.testing.assert_close(whole(store, index), expected, atol=HALF_PRECISION, rtol=0)


def test_distorted_views_are_the_clip_a_little_shifted_and_with_noise_by_chance(store: FrameStore) -> None:
    clean = whole(store, 3)
    views = [whole(store, 3, view) for view in (1, 2, 3)]
    for view in views:
        assert view.shape == clean.shape
        assert not torch.equal(view, clean)
        correlation = torch.corrcoef(torch.stack([view.flatten(), clean.flatten()]))[0, 1]
        assert correlation > 0.3, "the same sound"
    assert not torch.equal(views[0], views[1])
    louder = [whole(store, clip, view).mean() - whole(store, clip).mean() for clip in (0, 1, 3) for view in (1, 2, 3)]
    assert max(louder) > 0.02, "some have noise"
    assert min(louder) < 0.01, "and some have not"


def test_views_depend_on_clip_and_number_alone(store: FrameStore, clips: tuple[Clip, ...], tmp_path: Path) -> None:
    """Not on the clips beside it: other sources in the pool leave a clip's views as they are."""
    alone = FrameStore.open(clips[3:], FEATURES, VIEWS, tmp_path)
    for view in range(4):
        assert torch.equal(whole(alone, 0, view), whole(store, 3, view))


@settings(max_examples=50)
@given(st.data(), st.integers(1, 120), st.integers(1, 5))
def test_a_gather_is_cut_pad_and_rotate(store: FrameStore, data: st.DataObject, num_frames: int, batch: int) -> None:
    """Against the obvious slow way, for any place and rotation."""
    clip, view, start, roll = (
        np.array(data.draw(st.lists(st.integers(0, most), min_size=batch, max_size=batch))) for most in (3, 3, 95, 130)
    )
    got = store.gather(clip, view, start, roll, num_frames)
    assert got.shape == (batch, num_frames, FEATURES.mel_bands)
    assert got.dtype == torch.float32
    for row in range(batch):
        piece = whole(store, clip[row], view[row])[start[row] : start[row] + num_frames]
        padded = torch.nn.functional.pad(piece, (0, 0, 0, num_frames - len(piece)))
        assert torch.equal(got[row], torch.roll(padded, int(roll[row]), dims=0))


def test_gathering_nothing_gives_nothing(store: FrameStore) -> None:
    none = np.zeros(0, dtype=np.int64)
    assert store.gather(none, none, none, none, 7).shape == (0, 7, FEATURES.mel_bands)


@settings(max_examples=25)
@given(st.integers(1, 30 * HOP), st.integers(1, 12))
def test_blocks_are_the_frames_of_the_whole(samples: int, block_frames: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    blocks = list(frame_blocks(LogMel(FEATURES), sound, block_frames))
    assert max(map(len, blocks)) <= block_frames
    got = torch.from_numpy(np.concatenate(blocks)).float()
    torch.testing.assert_close(got, front_end(sound), atol=HALF_PRECISION, rtol=0)


def test_no_distorted_views(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    store = FrameStore.open(clips, FEATURES, WaveformAugmentConfig(views=0), tmp_path)
    assert store.distorted_views == 0
    assert whole(store, 3).any()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stores computed so far."""
    paths: list[Path] = []
    write = frames_module._write

    def counted(*arguments: object) -> None:
        paths.append(arguments[3])  # type: ignore[arg-type]
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(frames_module, "_write", counted)
    return paths


def test_frames_are_computed_once_for_their_settings(
    clips: tuple[Clip, ...], tmp_path: Path, written: list[Path]
) -> None:
    for _ in range(2):
        FrameStore.open(clips, FEATURES, VIEWS, tmp_path)
    assert len(written) == 1
    FrameStore.open(clips, LogMelConfig(mel_bands=40), VIEWS, tmp_path)
    FrameStore.open(clips, FEATURES, VIEWS.model_copy(update={"noise_probability": 0.1}), tmp_path)
    FrameStore.open(clips[1:], FEATURES, VIEWS, tmp_path)
    assert len(written) == 4
    FrameStore.open(clips, FEATURES, VIEWS, tmp_path)
    assert len(written) == 4


def test_a_clip_that_is_readable_again_gets_its_frames(tmp_path: Path, written: list[Path]) -> None:
    some = [write_clip(tmp_path / "audio", number, 1_000) for number in range(3)]
    content = some[1].path.read_bytes()
    some[1].path.write_bytes(b"this is no audio")
    store = FrameStore.open(some, FEATURES, VIEWS, tmp_path)
    assert [clip.clip_id for clip in store.clips] == ["own/0", "own/2"]
    assert list(store.skipped) == ["own/1"]
    some[1].path.write_bytes(content)
    again = FrameStore.open(some, FEATURES, VIEWS, tmp_path)
    assert len(again) == 3
    assert torch.equal(whole(again, 2), whole(store, 1))


def test_a_damaged_store_is_computed_again(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    before = whole(FrameStore.open(clips, FEATURES, VIEWS, tmp_path), 3)
    (path,) = (tmp_path / "frames").iterdir()
    path.write_bytes(path.read_bytes()[:-2])
    assert torch.equal(whole(FrameStore.open(clips, FEATURES, VIEWS, tmp_path), 3), before)


def _open(clips: tuple[Clip, ...], folder: Path) -> np.ndarray:
    torch.set_num_threads(1)  # a forked child has none of its parent's threads
    return whole(FrameStore.open(clips, FEATURES, VIEWS, folder), 3, 2).numpy()


def test_processes_that_open_one_store_at_once_all_get_it(
    store: FrameStore, clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as pool:
        for opened in [pool.submit(_open, clips, tmp_path) for _ in range(3)]:
            np.testing.assert_array_equal(opened.result(timeout=60), whole(store, 3, 2))
    assert len(list((tmp_path / "frames").iterdir())) == 1, "no half-written file is left"


def test_progress_is_told_once(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        FrameStore.open(clips, FEATURES, VIEWS, tmp_path, progress=lambda *what: told.append(what))
    assert told == [(what, done, 4) for what in ("decoding", "computing frames") for done in range(5)]


def test_a_folder_that_cannot_be_written_is_named(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("a file")
    with pytest.raises(StorageError, match="frames"):
        FrameStore.open(clips, FEATURES, VIEWS, tmp_path)
