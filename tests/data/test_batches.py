from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.data.batches import Batch, Labelled, StepBatches, step_loader
from aed.data.records import Clip
from aed.data.waveforms import WaveformStore
from aed.features.waveform_augment import WaveformAugment, WaveformAugmentConfig

RATE_HZ = 1_000
CLIP_SAMPLES = 50
NUM_NODES = 4
NONE_TARGET = np.eye(NUM_NODES, dtype=np.float32)[3]
AS_IT_IS = WaveformAugment(WaveformAugmentConfig(shift=False, gain_db=0, flip_probability=0), RATE_HZ)
DISTORTED = WaveformAugment(WaveformAugmentConfig(noise_probability=0.5), RATE_HZ)


@dataclass
class MadeStore:
    """Clip i is a ramp that starts at 1000 * (i + 1), so that a sample tells its clip and place."""

    lengths: list[int]

    def samples(self, index: int) -> np.ndarray:
        samples = (1_000 * (index + 1) + np.arange(self.lengths[index])).astype(np.float32)
        samples.setflags(write=False)
        return samples


def made_batches(
    lengths: list[int],
    *,
    batch_size: int = 4,
    unlabelled_batch_size: int = 0,
    made_silence: int = 0,
    augment: WaveformAugment = AS_IT_IS,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> StepBatches:
    """All clips are labelled, clip i as node i % 3, and all are unlabelled too."""
    indices = np.arange(len(lengths))
    return StepBatches(
        cast(WaveformStore, MadeStore(lengths)),
        Labelled(indices, np.eye(NUM_NODES, dtype=np.float32)[indices % 3]),
        indices,
        clip_samples=CLIP_SAMPLES,
        batch_size=batch_size,
        unlabelled_batch_size=unlabelled_batch_size,
        made_silence=made_silence,
        silence_target=NONE_TARGET,
        weak=AS_IT_IS,
        strong=augment,
        seed=seed,
        rank=rank,
        world_size=world_size,
    )


def clips_of(samples: torch.Tensor) -> list[int]:
    return [int(row.max()) // 1_000 - 1 for row in samples]


def assert_equal(first: Batch, second: Batch) -> None:
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


def differ(first: Batch, second: Batch) -> bool:
    return not torch.equal(first.samples, second.samples)


def test_shapes_and_types() -> None:
    batch = made_batches([50] * 7, unlabelled_batch_size=6)[0]
    assert [tuple(part.shape) for part in batch] == [(4, 50), (4, NUM_NODES), (6, 50), (6, 50)]
    assert all(part.dtype == torch.float32 for part in batch)
    without = made_batches([50] * 7)[0]
    assert without.weak.shape == without.strong.shape == (0, 50)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    settings_of = {"unlabelled_batch_size": 4, "made_silence": 1, "augment": DISTORTED}
    batches = made_batches([80] * 9, **settings_of)
    in_order = [batches[step] for step in range(6)]
    fresh = made_batches([80] * 9, **settings_of)
    np.random.default_rng().random()
    for step in reversed(range(6)):
        assert_equal(fresh[step], in_order[step])
    assert differ(in_order[0], in_order[1])
    assert differ(made_batches([80] * 9, **settings_of, seed=1)[0], in_order[0])


def test_the_unlabelled_clips_do_not_disturb_the_labelled_ones() -> None:
    """A row of a table with consistency and one without see the same labelled batches."""
    with_them = made_batches([80] * 9, unlabelled_batch_size=4, augment=DISTORTED)
    for step in range(3):
        alone = made_batches([80] * 9, augment=DISTORTED)[step]
        assert torch.equal(with_them[step].samples, alone.samples)
        assert torch.equal(with_them[step].targets, alone.targets)


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_every_clip_is_seen_once_per_shuffle(count: int, batch_size: int, unlabelled: int, seed: int) -> None:
    batches = made_batches([50] * count, batch_size=batch_size, unlabelled_batch_size=unlabelled, seed=seed)
    steps = [batches[step] for step in range(2 * count)]  # both streams run through all clips twice at least
    for seen in (
        [clip for batch in steps for clip in clips_of(batch.samples)],
        [clip for batch in steps for clip in clips_of(batch.weak)],
    ):
        assert len(seen) >= 2 * count
        for start in range(0, len(seen) - count + 1, count):
            assert sorted(seen[start : start + count]) == list(range(count))


def test_shuffles_differ() -> None:
    batches = made_batches([50] * 20, batch_size=20, unlabelled_batch_size=20)
    orders = [clips_of(part) for step in range(3) for part in (batches[step].samples, batches[step].weak)]
    assert len({tuple(order) for order in orders}) == 6


def test_targets_go_with_their_clips() -> None:
    batches = made_batches([50] * 7)
    for step in range(4):
        batch = batches[step]
        assert batch.targets.argmax(dim=1).tolist() == [clip % 3 for clip in clips_of(batch.samples)]
        assert (batch.targets.sum(dim=1) == 1).all()


def test_weak_and_strong_are_the_same_piece_of_the_same_clip() -> None:
    plain = made_batches([500] * 7, unlabelled_batch_size=5)
    for step in range(3):
        assert torch.equal(plain[step].weak, plain[step].strong)
    distorted = made_batches([500] * 7, unlabelled_batch_size=5, augment=DISTORTED)[0]
    assert torch.equal(distorted.weak, plain[0].weak)
    assert not torch.equal(distorted.weak, distorted.strong)


def test_short_clips_are_padded_and_long_ones_cut_at_any_place() -> None:
    short = made_batches([20], batch_size=1)[0].samples[0]
    assert torch.equal(short[:20], 1_000 + torch.arange(20.0))
    assert (short[20:] == 0).all()
    assert torch.equal(made_batches([50], batch_size=1)[0].samples[0], 1_000 + torch.arange(50.0))
    pieces = made_batches([53], batch_size=1)
    starts = set()
    for step in range(60):
        piece = pieces[step].samples[0]
        starts.add(int(piece[0]) - 1_000)
        assert torch.equal(piece.diff(), torch.ones(49))
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_processes_shares_make_the_whole_batch(world_size: int) -> None:
    settings_of = {"batch_size": 8, "unlabelled_batch_size": 4, "made_silence": 3, "augment": DISTORTED}
    whole = made_batches([80] * 9, **settings_of)
    for step in range(3):
        shares = [
            made_batches([80] * 9, **settings_of, rank=rank, world_size=world_size)[step] for rank in range(world_size)
        ]
        assert_equal(Batch(*(torch.cat(parts) for parts in zip(*shares, strict=True))), whole[step])


def test_made_rows_are_silence_or_noise_and_none_of_these() -> None:
    batches = made_batches([50] * 7, made_silence=2)
    made = []
    for step in range(100):
        batch = batches[step]
        is_made = batch.samples.abs().amax(dim=1) < 100  # clips are far louder here
        assert is_made.sum() == 2
        assert torch.equal(batch.targets[is_made], torch.tensor(NONE_TARGET).expand(2, -1))
        assert (batch.targets[~is_made, 3] == 0).all()
        made.extend(batch.samples[is_made])
    assert all(row.isfinite().all() for row in made)
    noise = [row for row in made if row.any()]
    assert 0.15 < 1 - len(noise) / len(made) < 0.35, "a quarter is digital silence"
    levels_db = torch.stack([20 * torch.log10(row.std()) for row in noise])
    assert -71 < levels_db.min() < -60
    assert -30 < levels_db.max() < -19
    likeness = torch.stack([(row[1:] * row[:-1]).mean() / row.square().mean() for row in noise])
    assert likeness.min() < 0.2, "white noise"
    assert likeness.max() > 0.7, "brown noise"


def test_without_none_of_these_no_row_is_replaced() -> None:
    batches = StepBatches(
        cast(WaveformStore, MadeStore([50] * 4)),
        Labelled(np.arange(4), np.eye(4, dtype=np.float32)),
        np.zeros(0, dtype=np.int64),
        clip_samples=CLIP_SAMPLES,
        batch_size=4,
        unlabelled_batch_size=0,
        made_silence=2,
        silence_target=None,
        weak=AS_IT_IS,
        strong=AS_IT_IS,
        seed=0,
    )
    assert sorted(clips_of(batches[0].samples)) == [0, 1, 2, 3]


def write_store(folder: Path) -> WaveformStore:
    """A real, memory-mapped store, as worker processes get it."""
    clips = []
    for number in range(5):
        path = folder / f"{number}.wav"
        samples = np.random.default_rng(number).normal(0, 0.1, 70).astype(np.float32)
        soundfile.write(path, samples, 16_000, subtype="FLOAT")
        clips.append(Clip(f"own/{number}", path, "own", (), None, None, str(number), f"own:{number}"))
    return WaveformStore.open(clips, 16_000, folder / "cache")


def test_workers_make_the_batches_of_the_main_process(tmp_path: Path) -> None:
    batches = StepBatches(
        write_store(tmp_path),
        Labelled(np.arange(5), np.eye(5, NUM_NODES, dtype=np.float32)),
        np.arange(5),
        clip_samples=CLIP_SAMPLES,
        batch_size=4,
        unlabelled_batch_size=3,
        made_silence=1,
        silence_target=NONE_TARGET,
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
