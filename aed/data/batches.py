"""Training batches, each a function of (seed, step) alone: any number of workers, any restart, the same batches.

There are no epochs with edges: the labelled clips are an endless stream of shuffles, and step s takes the places
s * batch_size and after. So every label budget gets the same number of steps and the same batch size. A batch is drawn
and distorted as a whole; of several processes, each draws for all and makes its own rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aed.data.frames import FrameStore
from aed.data.made_noise import MadeNoise
from aed.data.piece_starts import PieceStarts
from aed.features.logmel import AUDIBLE_LEVEL
from aed.features.shift_gain import ShiftGainConfig, amplify_clips

_LABELLED, _UNLABELLED, _SILENCE, _TIMED, _TEACHING, _FURTHER = 0, 1, 2, 3, 4, 5
"""Streams of random numbers: one for each use, so that one does not disturb the other."""

Indices = NDArray[np.int64]


class Batch(NamedTuple):
    """One training step's log-mel frames, float32.

    Attributes:
        frames: (labelled, frames, mel), of distorted views, shifted and scaled.
        targets: (labelled, node): a distribution over nodes (single label), or 1 present, 0 absent, -1 unknown (multi).
        weak: (unlabelled, frames, mel), clean, only shifted and scaled; empty where none teaches.
        strong: (unlabelled, frames, mel), of distorted views of the same pieces, shifted and scaled.
        foreign: (unlabelled,) bool, whether a piece is of another source than the labelled ones.
        timed: (timed, frames, mel), of distorted views of clips whose labels say when; shifted and scaled; empty where
            there are none.
        pieces: (timed, 3) int64, what was read: clip in the store, first frame, frames of rotation to the right.
    """

    frames: Tensor
    targets: Tensor
    weak: Tensor
    strong: Tensor
    foreign: Tensor
    timed: Tensor
    pieces: Tensor


class Labelled(NamedTuple):
    """Clips that teach by label: indices into the store (clip,) and targets (clip, node) float32."""

    indices: Indices
    targets: NDArray[np.float32]


class NoEvents(NamedTuple):
    """Labelled rows of every batch that are replaced by sounds that are no event.

    Attributes:
        rows: How many.
        target: (node,) float32 target of those rows.
        noise: Where they come from.
    """

    rows: int
    target: NDArray[np.float32]
    noise: MadeNoise


class StepBatches(Dataset[Batch]):
    """A batch per training step.

    Args:
        store: Frames.
        labelled: Clips with targets.
        unlabelled: Indices into the store, (clip,) int64; may be empty.
        further: The same of unlabelled clips of other sources, which have a fixed share of each step; may be empty.
        timed: Indices into the store of clips whose labels say when, (clip,) int64; may be empty.
        num_frames: Length of every piece in a batch; longer clips are cut where they are heard, shorter ones padded.
        batch_size: Labelled clips per step.
        teaching: Labelled clips of other sources, which have a fixed share of the labelled ones of each step.
        teaching_batch_size: How many of these it is.
        unlabelled_batch_size: Unlabelled clips per step, 0 where none teaches.
        further_batch_size: How many of these are of other sources.
        timed_batch_size: Clips per step whose labels say when, 0 where none teaches.
        no_events: Rows that are silence or noise made by formula, if any.
        weak: Shift and gain of clean unlabelled clips.
        strong: Shift and gain of distorted views, of labelled and of unlabelled clips.
        seed: Decides everything that is random.
        rank: Which of `world_size` processes this is; each takes its share of every batch.
        world_size: Number of processes.
    """

    def __init__(
        self,
        store: FrameStore,
        labelled: Labelled,
        unlabelled: Indices,
        timed: Indices,
        *,
        num_frames: int,
        batch_size: int,
        teaching: Labelled,
        teaching_batch_size: int,
        further: Indices,
        further_batch_size: int,
        unlabelled_batch_size: int,
        timed_batch_size: int,
        no_events: NoEvents | None,
        weak: ShiftGainConfig,
        strong: ShiftGainConfig,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._store, self._labelled, self._unlabelled, self._no_events = store, labelled, unlabelled, no_events
        self._timed, self._num_frames = timed, num_frames
        self._batch_size, self._unlabelled_batch_size = batch_size, unlabelled_batch_size
        self._teaching, self._teaching_batch_size = teaching, teaching_batch_size
        self._timed_batch_size = timed_batch_size
        self._further, self._further_batch_size = further, further_batch_size
        self._weak, self._strong, self._seed = weak, strong, seed
        self._rank, self._world_size = rank, world_size
        heard = (store.levels(index) > AUDIBLE_LEVEL for index in range(len(store)))
        self._starts = PieceStarts(heard, num_frames)

    def __getitem__(self, step: int) -> Batch:
        """Make the batch of a step."""
        return Batch(*self._labelled_rows(step), *self._unlabelled_rows(step), *self._timed_rows(step))

    def _labelled_rows(self, step: int) -> tuple[Tensor, Tensor]:
        generator = np.random.default_rng((self._seed, _LABELLED, step))
        clip, of_clip = self._labelled_clips(step)
        starts = self._starts.draw(clip, generator)
        frames = self._look(clip, starts, self._views(clip, generator), self._strong, generator)
        targets = torch.from_numpy(of_clip[self._share(len(clip))])
        if self._no_events is not None:
            silence_generator = np.random.default_rng((self._seed, _SILENCE, step))
            made = self._no_events.noise.draw(self._no_events.rows, silence_generator)[self._share(len(clip))]
            frames[: len(made)] = made
            targets[: len(made)] = torch.from_numpy(self._no_events.target)
        return frames, targets

    def _labelled_clips(self, step: int) -> tuple[Indices, NDArray[np.float32]]:
        """Labelled clips of a step and what they teach: (batch,), (batch, node); those of other sources come last."""
        own, others = self._batch_size - self._teaching_batch_size, self._teaching_batch_size
        which = self._shuffled(step, own, len(self._labelled.indices), _LABELLED)
        which_others = self._shuffled(step, others, len(self._teaching.indices), _TEACHING)
        clip = np.concatenate([self._labelled.indices[which], self._teaching.indices[which_others]])
        return clip, np.concatenate([self._labelled.targets[which], self._teaching.targets[which_others]])

    def _unlabelled_rows(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = np.random.default_rng((self._seed, _UNLABELLED, step))
        own, others = self._unlabelled_batch_size - self._further_batch_size, self._further_batch_size
        which = self._shuffled(step, own, len(self._unlabelled), _UNLABELLED)
        which_further = self._shuffled(step, others, len(self._further), _FURTHER)
        clip = np.concatenate([self._unlabelled[which], self._further[which_further]])
        starts = self._starts.draw(clip, generator)
        weak = self._look(clip, starts, np.zeros_like(clip), self._weak, generator)
        strong = self._look(clip, starts, self._views(clip, generator), self._strong, generator)
        foreign = torch.arange(len(clip)) >= own
        return weak, strong, foreign[self._share(len(clip))]

    def _timed_rows(self, step: int) -> tuple[Tensor, Tensor]:
        generator = np.random.default_rng((self._seed, _TIMED, step))
        which = self._shuffled(step, self._timed_batch_size, len(self._timed), _TIMED)
        clip = self._timed[which]
        starts, views = self._starts.draw(clip, generator), self._views(clip, generator)
        rolls = self._strong.draw_rolls(len(clip), self._num_frames, generator)
        frames = self._read(clip, starts, views, rolls, self._strong.draw_gains_db(len(clip), generator))
        pieces = np.stack([clip, starts, rolls], axis=1)[self._share(len(clip))]
        return frames, torch.from_numpy(pieces)

    def _look(
        self, clip: Indices, starts: Indices, views: Indices, config: ShiftGainConfig, generator: np.random.Generator
    ) -> Tensor:
        """This process's rows of a shifted and scaled look at the whole batch's clips: (row, frames, mel)."""
        rolls = config.draw_rolls(len(clip), self._num_frames, generator)
        return self._read(clip, starts, views, rolls, config.draw_gains_db(len(clip), generator))

    def _read(
        self, clip: Indices, starts: Indices, views: Indices, rolls: Indices, gains_db: NDArray[np.float32]
    ) -> Tensor:
        """This process's rows of pieces of the whole batch's clips: (row, frames, mel)."""
        rows = self._share(len(clip))
        frames = self._store.gather(clip[rows], views[rows], starts[rows], rolls[rows], self._num_frames)
        return amplify_clips(frames, gains_db[rows])

    def _views(self, clip: Indices, generator: np.random.Generator) -> Indices:
        """A distorted view for each clip, the clean one where there is no other."""
        views = self._store.distorted_views
        return generator.integers(1, views, size=len(clip), endpoint=True) if views else np.zeros_like(clip)

    def _share(self, batch_size: int) -> slice:
        """This process's rows of a batch."""
        share = batch_size // self._world_size
        return slice(self._rank * share, (self._rank + 1) * share)

    def _shuffled(self, step: int, batch_size: int, count: int, stream: int) -> Indices:
        """Which of `count` clips a step takes from the endless stream of shuffles: (batch,)."""
        if not batch_size:
            return np.zeros(0, dtype=np.int64)
        epochs, positions = np.divmod(np.arange(step * batch_size, (step + 1) * batch_size), count)
        first, last = epochs[[0, -1]]
        shuffles = [
            np.random.default_rng((self._seed, stream, epoch, count)).permutation(count)
            for epoch in range(first, last + 1)
        ]
        which: Indices = np.stack(shuffles)[epochs - first, positions]
        return which


def step_loader(batches: StepBatches, first_step: int, last_step: int, workers: int) -> DataLoader[Batch]:
    """Loader of the steps [first_step, last_step), in order."""
    return DataLoader(batches, batch_size=None, sampler=range(first_step, last_step), num_workers=workers)
