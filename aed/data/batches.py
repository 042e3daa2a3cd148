"""Training batches, each a function of (seed, step) alone: any number of workers, any restart, the same batches.

There are no epochs with edges: the labelled clips are an endless stream of shuffles, and step s takes the places
s * batch_size and after. So every label budget gets the same number of steps and the same batch size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aed.data.waveforms import WaveformStore
from aed.features.waveform_augment import WaveformAugment

_LABELLED, _UNLABELLED, _SILENCE = 0, 1, 2
"""Streams of random numbers: one for each use, so that one does not disturb the other."""
_SILENT_SHARE = 0.25
"""Share of the made non-events that are digital silence, the others being noise."""
_NOISE_DBFS = (-70.0, -20.0)
"""Level of the made noise, root mean square, from a quiet room to a loud fan."""


class Batch(NamedTuple):
    """One training step's clips, float32.

    Attributes:
        samples: (labelled, samples), distorted.
        targets: (labelled, node): a distribution over nodes (single label), or 1 present, 0 absent, -1 unknown (multi).
        weak: (unlabelled, samples), only shifted and scaled; empty without consistency.
        strong: (unlabelled, samples), distorted; the same clips.
    """

    samples: Tensor
    targets: Tensor
    weak: Tensor
    strong: Tensor


class Labelled(NamedTuple):
    """Clips that teach by label: indices into the store (clip,) and targets (clip, node) float32."""

    indices: NDArray[np.int64]
    targets: NDArray[np.float32]


class StepBatches(Dataset[Batch]):
    """A batch per training step.

    Args:
        store: Waveforms.
        labelled: Clips with targets.
        unlabelled: Indices into the store, (clip,) int64; may be empty.
        clip_samples: Length of every clip in a batch; longer ones are cut at a random place, shorter ones padded.
        batch_size: Labelled clips per step.
        unlabelled_batch_size: Unlabelled clips per step, 0 without consistency.
        made_silence: Labelled rows per step that are replaced by silence or noise made by formula, as `silence_target`.
        silence_target: (node,) float32 target of those rows.
        weak: Distortion of clean unlabelled clips.
        strong: Distortion of labelled and of unlabelled clips.
        seed: Decides everything that is random.
        rank: Which of `world_size` processes this is; each takes its share of every batch.
        world_size: Number of processes.
    """

    def __init__(
        self,
        store: WaveformStore,
        labelled: Labelled,
        unlabelled: NDArray[np.int64],
        *,
        clip_samples: int,
        batch_size: int,
        unlabelled_batch_size: int,
        made_silence: int,
        silence_target: NDArray[np.float32] | None,
        weak: WaveformAugment,
        strong: WaveformAugment,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._store, self._labelled, self._unlabelled = store, labelled, unlabelled
        self._clip_samples, self._batch_size, self._unlabelled_batch_size = (
            clip_samples,
            batch_size,
            unlabelled_batch_size,
        )
        self._made_silence, self._silence_target = (made_silence if silence_target is not None else 0), silence_target
        self._weak, self._strong, self._seed = weak, strong, seed
        self._rank, self._world_size = rank, world_size

    def __getitem__(self, step: int) -> Batch:
        """Make the batch of a step."""
        places = self._places(step, self._batch_size)
        samples = np.empty((len(places), self._clip_samples), dtype=np.float32)
        targets = np.empty((len(places), self._labelled.targets.shape[1]), dtype=np.float32)
        for row, place in enumerate(places):
            generator = np.random.default_rng((self._seed, _LABELLED, place))
            which = self._shuffled(place, len(self._labelled.indices), _LABELLED)
            samples[row] = self._strong(self._crop(self._labelled.indices[which], generator), generator)
            targets[row] = self._labelled.targets[which]
        if self._silence_target is not None:
            self._replace_by_silence(samples, targets, places)
        weak, strong = self._unlabelled_pair(step)
        return Batch(*(torch.from_numpy(array) for array in (samples, targets, weak, strong)))

    def _replace_by_silence(
        self, samples: NDArray[np.float32], targets: NDArray[np.float32], places: Sequence[int]
    ) -> None:
        for row, place in enumerate(places):
            if place % self._batch_size >= self._made_silence:
                continue
            generator = np.random.default_rng((self._seed, _SILENCE, place))
            samples[row] = _silence_or_noise(self._clip_samples, generator)
            targets[row] = self._silence_target

    def _unlabelled_pair(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        places = self._places(step, self._unlabelled_batch_size)
        weak = np.empty((len(places), self._clip_samples), dtype=np.float32)
        strong = np.empty_like(weak)
        for row, place in enumerate(places):
            generator = np.random.default_rng((self._seed, _UNLABELLED, place))
            clip = self._crop(self._unlabelled[self._shuffled(place, len(self._unlabelled), _UNLABELLED)], generator)
            weak[row] = self._weak(clip, generator)
            strong[row] = self._strong(clip, generator)
        return weak, strong

    def _places(self, step: int, batch_size: int) -> range:
        share = batch_size // self._world_size
        start = step * batch_size + self._rank * share
        return range(start, start + share)

    def _shuffled(self, place: int, count: int, stream: int) -> int:
        epoch, position = divmod(place, count)
        return int(np.random.default_rng((self._seed, stream, epoch, count)).permutation(count)[position])

    def _crop(self, index: int, generator: np.random.Generator) -> NDArray[np.float32]:
        samples = self._store.samples(index)
        if len(samples) > self._clip_samples:
            start = int(generator.integers(len(samples) - self._clip_samples + 1))
            return samples[start : start + self._clip_samples]
        return np.pad(samples, (0, self._clip_samples - len(samples)))


def step_loader(batches: StepBatches, first_step: int, last_step: int, workers: int) -> DataLoader[Batch]:
    """Loader of the steps [first_step, last_step), in order."""
    return DataLoader(batches, batch_size=None, sampler=range(first_step, last_step), num_workers=workers)


def _silence_or_noise(count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    if generator.random() < _SILENT_SHARE:
        return np.zeros(count, dtype=np.float32)
    spectrum = np.fft.rfft(generator.standard_normal(count))
    tilt = generator.uniform(0.0, 1.0)  # exponent of frequency: 0 is white, 0.5 pink, 1 brown noise
    spectrum[1:] /= np.arange(1, len(spectrum)) ** tilt
    noise = np.fft.irfft(spectrum, n=count)
    level_db = generator.uniform(*_NOISE_DBFS)
    return np.asarray(noise / noise.std() * 10 ** (level_db / 20), dtype=np.float32)
