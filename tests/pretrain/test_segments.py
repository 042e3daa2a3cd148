"""Segments: of one clip in pairs, no clip twice, a function of (seed, step) alone."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from aed.data.frames import FrameStore
from aed.data.records import Clip
from aed.errors import DataError
from aed.features.logmel import LogMelConfig
from aed.features.spectrogram_augment import SpectrogramAugmentConfig
from aed.features.waveform_augment import WaveformAugmentConfig
from aed.pretrain.segments import SegmentPairs
from aed.pretrain.views import ViewConfig

FEATURES = LogMelConfig()
CLIPS, FRAMES = 5, 8
CLEAN = ViewConfig(background=0.0, fade_db=0.0, frames=SpectrogramAugmentConfig(probability=0.0))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    """Clips that are tones, each of another height and louder towards its end; the last is shorter than a segment."""
    folder = tmp_path_factory.mktemp("audio")
    clips = []
    for number in range(CLIPS):
        seconds = 0.1 if number == CLIPS - 1 else 1.0
        time = np.arange(int(seconds * FEATURES.rate_hz)) / FEATURES.rate_hz
        tone = 0.1 * (0.2 + time) * np.sin(2 * np.pi * 400 * 1.7**number * time)
        path = folder / f"{number}.wav"
        soundfile.write(path, tone, FEATURES.rate_hz, subtype="FLOAT")
        clips.append(Clip(f"own/{number}", path, "own", (), None, None, str(number), f"own:{number}"))
    return FrameStore.open(clips, FEATURES, WaveformAugmentConfig(views=1), tmp_path_factory.mktemp("cache"))


def pairs(
    store: FrameStore, batch_size: int = 4, views: ViewConfig = CLEAN, seed: int = 1, clips: int = CLIPS
) -> SegmentPairs:
    return SegmentPairs(
        store,
        np.arange(clips),
        num_frames=FRAMES,
        batch_size=batch_size,
        views=views,
        seed=seed,
        device=torch.device("cpu"),
    )


def heights(segments: torch.Tensor) -> list[int]:
    """Loudest band of each segment: tells the clip."""
    return segments.sum(dim=1).argmax(dim=1).tolist()


def test_both_segments_are_of_the_same_clips_at_other_places_and_no_clip_is_twice_in_a_step(store: FrameStore) -> None:
    elsewhere = 0
    for step in range(10):
        first, second = pairs(store)[step]
        assert first.shape == second.shape == (4, FRAMES, FEATURES.mel_bands)
        assert heights(first) == heights(second)
        assert len(set(heights(first))) == 4
        elsewhere += int((first != second).flatten(1).any(dim=1).sum())
    assert elsewhere > 20


def test_every_clip_gets_its_turn_and_only_those_that_were_named(store: FrameStore) -> None:
    def seen(clips: int) -> set[int]:
        return {height for step in range(20) for height in heights(pairs(store, 2, clips=clips)[step].first)}

    assert len(seen(CLIPS)) == CLIPS
    assert len(seen(3)) == 3


def test_seed_and_step_alone_decide(store: FrameStore) -> None:
    one = pairs(store, views=ViewConfig())[3]
    torch.rand(2)
    same = pairs(store, views=ViewConfig())
    same[2]
    assert torch.equal(one.first, same[3].first)
    assert torch.equal(one.second, same[3].second)
    assert not torch.equal(one.first, same[4].first)
    assert not torch.equal(one.first, pairs(store, views=ViewConfig(), seed=2)[3].first)


def test_few_clips_make_a_smaller_batch(store: FrameStore) -> None:
    few = pairs(store, batch_size=64)
    assert few.batch_size == CLIPS
    assert len(few[0].first) == CLIPS


def test_one_clip_is_refused(store: FrameStore) -> None:
    with pytest.raises(DataError, match=r"at least 2 unlabelled training clips, got 1.*pretrain=null"):
        pairs(store, clips=1)
