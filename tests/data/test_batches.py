from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.data.batches import Batch, Labelled, NoEvents, StepBatches, step_loader
from aed.data.frames import FrameStore
from aed.data.made_noise import MadeNoise
from aed.data.records import Clip
from aed.features.logmel import LogMelConfig
from aed.features.shift_gain import ShiftGainConfig
from aed.features.waveform_augment import WaveformAugmentConfig

NUM_FRAMES = 50
NUM_NODES = 4
FEATURES = LogMelConfig(mel_bands=2, max_hz=2_000, rate_hz=4_000, hop_samples=20, fft_samples=40)
NONE_TARGET = np.eye(NUM_NODES, dtype=np.float32)[3]
AS_IT_IS = ShiftGainConfig(shift=False, gain_db=0)
DISTORTED = ShiftGainConfig()
CLIP_STEP = 1_000
"""Frame f of clip c holds (c + 1) * this + f: a frame tells its clip and its place."""


class MadeStore:
    """Frames that tell clip and place in their first band, and in the second the view."""

    def __init__(self, lengths: list[int], views: int = 0) -> None:
        self.num_frames, self.distorted_views = np.array(lengths), views

    def __len__(self) -> int:
        return len(self.num_frames)

    def levels(self, index: int) -> np.ndarray:
        """Heard throughout."""
        return np.ones(self.num_frames[index], dtype=np.float32)

    def gather(
        self, clip: np.ndarray, view: np.ndarray, start: np.ndarray, roll: np.ndarray, num_frames: int
    ) -> torch.Tensor:
        rows = []
        for one, seen, first, turn in zip(clip, view, start, roll, strict=True):
            place = CLIP_STEP * (one + 1) + np.arange(first, min(first + num_frames, self.num_frames[one]))
            frames = np.stack([place, np.full(len(place), seen)], axis=1)
            rows.append(np.roll(np.pad(frames, ((0, num_frames - len(place)), (0, 0))), turn, axis=0))
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(len(clip), num_frames, 2))


def made_batches(
    lengths: list[int],
    *,
    views: int = 0,
    batch_size: int = 4,
    teaching: int = 0,
    teaching_batch_size: int = 0,
    further: int = 0,
    further_batch_size: int = 0,
    unlabelled_batch_size: int = 0,
    timed_batch_size: int = 0,
    made_rows: int = 0,
    strong: ShiftGainConfig = AS_IT_IS,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> StepBatches:
    """All clips but the last, which are of teaching sources, are labelled, clip i as node i % 3; and all are unlabelled
    (the last of them, of further sources) and timed too."""
    indices = np.arange(len(lengths))
    own, others = np.split(indices, [len(lengths) - teaching])
    noise = MadeNoise(FEATURES, NUM_FRAMES, seed)
    return StepBatches(
        cast(FrameStore, MadeStore(lengths, views)),
        Labelled(own, np.eye(NUM_NODES, dtype=np.float32)[own % 3]),
        indices[: len(indices) - further],
        indices,
        num_frames=NUM_FRAMES,
        batch_size=batch_size,
        further=indices[len(indices) - further :],
        further_batch_size=further_batch_size,
        teaching=Labelled(others, np.eye(NUM_NODES, dtype=np.float32)[others % 3]),
        teaching_batch_size=teaching_batch_size,
        unlabelled_batch_size=unlabelled_batch_size,
        timed_batch_size=timed_batch_size,
        no_events=NoEvents(made_rows, NONE_TARGET, noise) if made_rows else None,
        weak=AS_IT_IS,
        strong=strong,
        seed=seed,
        rank=rank,
        world_size=world_size,
    )


def clips_of(frames: torch.Tensor) -> list[int]:
    return [int(row[:, 0].max()) // CLIP_STEP - 1 for row in frames]


def assert_equal(first: Batch, second: Batch) -> None:
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


def test_shapes_and_types() -> None:
    batch = made_batches([50] * 7, unlabelled_batch_size=6, timed_batch_size=3)[0]
    shapes = [(4, 50, 2), (4, NUM_NODES), (6, 50, 2), (6, 50, 2), (6,), (3, 50, 2), (3, 3)]
    assert [tuple(part.shape) for part in batch] == shapes
    numbers = (part for name, part in batch._asdict().items() if name not in ("foreign", "pieces"))
    assert all(part.dtype == torch.float32 for part in numbers)
    without = made_batches([50] * 7)[0]
    assert without.weak.shape == without.strong.shape == without.timed.shape == (0, 50, 2)
    assert without.pieces.shape == (0, 3)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    settings_of = {"unlabelled_batch_size": 4, "made_rows": 1, "strong": DISTORTED, "views": 3}
    batches = made_batches([80] * 9, **settings_of)
    in_order = [batches[step] for step in range(6)]
    fresh = made_batches([80] * 9, **settings_of)
    np.random.default_rng().random()
    for step in reversed(range(6)):
        assert_equal(fresh[step], in_order[step])
    assert not torch.equal(in_order[0].frames, in_order[1].frames)
    assert not torch.equal(made_batches([80] * 9, **settings_of, seed=1)[0].frames, in_order[0].frames)


def test_the_unlabelled_clips_do_not_disturb_the_labelled_ones() -> None:
    """A row of a table with consistency and one without see the same labelled batches."""
    with_them = made_batches([80] * 9, unlabelled_batch_size=4, strong=DISTORTED, views=3)
    for step in range(3):
        alone = made_batches([80] * 9, strong=DISTORTED, views=3)[step]
        assert torch.equal(with_them[step].frames, alone.frames)
        assert torch.equal(with_them[step].targets, alone.targets)


def test_clips_of_teaching_sources_have_their_share_of_each_step() -> None:
    batches = made_batches([50] * 9, teaching=4, teaching_batch_size=3, batch_size=5)
    seen: list[int] = []
    for step in range(8):
        batch = batches[step]
        clips = clips_of(batch.frames)
        assert batch.targets.argmax(dim=1).tolist() == [clip % 3 for clip in clips]
        assert [clip < 5 for clip in clips] == [True, True, False, False, False]
        seen += clips
    assert [seen.count(clip) for clip in range(5, 9)] == [6] * 4, "24 rows, each of the four as often"


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_every_clip_is_seen_once_per_shuffle(count: int, batch_size: int, unlabelled: int, seed: int) -> None:
    batches = made_batches([50] * count, batch_size=batch_size, unlabelled_batch_size=unlabelled, seed=seed)
    steps = [batches[step] for step in range(2 * count)]  # both streams run through all clips twice at least
    for seen in (
        [clip for batch in steps for clip in clips_of(batch.frames)],
        [clip for batch in steps for clip in clips_of(batch.weak)],
    ):
        assert len(seen) >= 2 * count
        for start in range(0, len(seen) - count + 1, count):
            assert sorted(seen[start : start + count]) == list(range(count))


def test_pieces_say_what_was_read_of_clips_whose_labels_say_when() -> None:
    """Of long clips, cut and rotated, and of short ones, padded and rotated."""
    lengths = [500, 20, 53, 90]
    batches = made_batches(lengths, timed_batch_size=8, views=2, strong=ShiftGainConfig(gain_db=0))
    for step in range(5):
        batch = batches[step]
        for row, (clip, start, roll) in zip(batch.timed[:, :, 0], batch.pieces.tolist(), strict=True):
            whole = CLIP_STEP * (clip + 1) + torch.arange(float(lengths[clip]))
            piece = torch.nn.functional.pad(whole[start : start + NUM_FRAMES], (0, max(0, NUM_FRAMES - lengths[clip])))
            assert torch.equal(row, torch.roll(piece, roll))
    assert len({tuple(piece) for step in range(5) for piece in batches[step].pieces.tolist()}) > 20


def test_clips_whose_labels_say_when_do_not_disturb_the_others() -> None:
    alone = made_batches([80] * 9, unlabelled_batch_size=4, strong=DISTORTED, views=3)[2]
    with_them = made_batches([80] * 9, unlabelled_batch_size=4, timed_batch_size=3, strong=DISTORTED, views=3)[2]
    assert_equal(alone._replace(timed=with_them.timed, pieces=with_them.pieces), with_them)


def test_clips_of_further_sources_have_their_share_of_the_unlabelled_ones() -> None:
    batches = made_batches([NUM_FRAMES] * 9, further=3, further_batch_size=1, unlabelled_batch_size=4)
    heard: list[int] = []
    for step in range(6):
        batch = batches[step]
        assert batch.foreign.tolist() == [False, False, False, True]
        assert [clip >= 6 for clip in clips_of(batch.weak)] == batch.foreign.tolist()
        heard += clips_of(batch.strong[batch.foreign])
    assert sorted(heard) == [6, 6, 7, 7, 8, 8]


def test_shuffles_differ() -> None:
    batches = made_batches([50] * 20, batch_size=20, unlabelled_batch_size=20)
    orders = [clips_of(part) for step in range(3) for part in (batches[step].frames, batches[step].weak)]
    assert len({tuple(order) for order in orders}) == 6


def test_targets_go_with_their_clips() -> None:
    batches = made_batches([50] * 7)
    for step in range(4):
        batch = batches[step]
        assert batch.targets.argmax(dim=1).tolist() == [clip % 3 for clip in clips_of(batch.frames)]
        assert (batch.targets.sum(dim=1) == 1).all()


def test_weak_and_strong_are_the_same_piece_of_the_same_clip() -> None:
    plain = made_batches([500] * 7, unlabelled_batch_size=5)
    for step in range(3):
        assert torch.equal(plain[step].weak, plain[step].strong)
    distorted = made_batches([500] * 7, unlabelled_batch_size=5, strong=DISTORTED)[0]
    assert torch.equal(distorted.weak, plain[0].weak)
    assert not torch.equal(distorted.weak, distorted.strong)


def test_weak_is_the_clean_view_and_every_distorted_view_teaches() -> None:
    batches = made_batches([NUM_FRAMES] * 7, views=3, unlabelled_batch_size=7)
    assert {int(view) for step in range(10) for view in batches[step].weak[:, 0, 1]} == {0}
    for part in ("frames", "strong"):
        views = {int(view) for step in range(10) for view in getattr(batches[step], part)[:, 0, 1]}
        assert views == {1, 2, 3}


def test_a_shift_rotates_by_any_number_of_frames() -> None:
    shifted = made_batches([NUM_FRAMES], batch_size=1, strong=ShiftGainConfig(gain_db=0))
    clip, starts = CLIP_STEP + torch.arange(float(NUM_FRAMES)), set()
    for step in range(400):
        row = shifted[step].frames[0, :, 0]
        starts.add(int(row.argmin()))
        assert torch.equal(torch.roll(row, -int(row.argmin())), clip)
    assert starts == set(range(NUM_FRAMES))


def test_short_clips_are_padded_and_long_ones_cut_at_any_place() -> None:
    short = made_batches([20], batch_size=1)[0].frames[0, :, 0]
    assert torch.equal(short[:20], CLIP_STEP + torch.arange(20.0))
    assert (short[20:] == 0).all()
    pieces = made_batches([53], batch_size=1)
    starts = set()
    for step in range(60):
        piece = pieces[step].frames[0, :, 0]
        starts.add(int(piece[0]) - CLIP_STEP)
        assert torch.equal(piece.diff(), torch.ones(NUM_FRAMES - 1))
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_processes_shares_make_the_whole_batch(world_size: int) -> None:
    sizes = {"batch_size": 8, "unlabelled_batch_size": 4, "timed_batch_size": 4, "made_rows": 3}
    settings_of = {**sizes, "strong": DISTORTED, "views": 2}
    whole = made_batches([80] * 9, **settings_of)
    for step in range(3):
        shares = [
            made_batches([80] * 9, **settings_of, rank=rank, world_size=world_size)[step] for rank in range(world_size)
        ]
        assert_equal(Batch(*(torch.cat(parts) for parts in zip(*shares, strict=True))), whole[step])


def test_made_rows_replace_some_and_are_none_of_these() -> None:
    batches = made_batches([50] * 7, made_rows=2)
    for step in range(10):
        batch = batches[step]
        is_made = batch.frames[:, :, 0].amax(dim=1) < CLIP_STEP
        assert is_made.tolist() == [True, True, False, False]
        assert torch.equal(batch.targets[is_made], torch.tensor(NONE_TARGET).expand(2, -1))
        assert (batch.targets[~is_made, 3] == 0).all()


def write_store(folder: Path) -> FrameStore:
    """A real, memory-mapped store, as worker processes get it."""
    clips = []
    for number in range(5):
        path = folder / f"{number}.wav"
        samples = np.random.default_rng(number).normal(0, 0.1, 1_500).astype(np.float32)
        soundfile.write(path, samples, FEATURES.rate_hz, subtype="FLOAT")
        clips.append(Clip(f"own/{number}", path, "own", (), None, None, str(number), f"own:{number}"))
    return FrameStore.open(clips, FEATURES, WaveformAugmentConfig(views=2), folder / "cache")


def test_workers_make_the_batches_of_the_main_process(tmp_path: Path) -> None:
    batches = StepBatches(
        write_store(tmp_path),
        Labelled(np.arange(5), np.eye(5, NUM_NODES, dtype=np.float32)),
        np.arange(5),
        np.arange(5),
        num_frames=NUM_FRAMES,
        batch_size=4,
        teaching=Labelled(np.arange(0), np.zeros((0, NUM_NODES), dtype=np.float32)),
        teaching_batch_size=0,
        further=np.arange(0),
        further_batch_size=0,
        unlabelled_batch_size=3,
        timed_batch_size=2,
        no_events=NoEvents(1, NONE_TARGET, MadeNoise(FEATURES, NUM_FRAMES, 0)),
        weak=DISTORTED,
        strong=DISTORTED,
        seed=0,
    )
    alone, helped = (list(step_loader(batches, 3, 10, workers)) for workers in (0, 2))
    assert len(alone) == len(helped) == 7
    for step, (first, second) in enumerate(zip(alone, helped, strict=True), 3):
        assert isinstance(second, Batch)
        assert_equal(first, second)
        assert_equal(first, batches[step])
