"""Spectral fingerprints: where two recordings may hold the same sound, found fast and whatever their level or coding.

A patch is half a second of band levels in dB. Its mean over time and its mean over bands are taken off, so that gain,
equaliser and hum drop out. What most patches share (an attack, a decay, then silence) is divided out by a basis that is
fitted to the recordings at hand: principal components, scaled to equal variance. Copies of a sound then have a cosine
near 1, different sounds one near 0. A fingerprint only names candidates; `aed.data.agreement` decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

RATE_HZ = 8_000
"""Rate of everything here and in `agreement`: telephone-like copies hold nothing reliable above 4 kHz."""
FRAME_SAMPLES = 256
"""32 ms: short enough to see an attack, long enough to part the lowest bands."""
HOP_SAMPLES = 128
PATCH_FRAMES = 32
PATCH_SAMPLES = PATCH_FRAMES * HOP_SAMPLES
"""0.51 s: the shortest shared sound that is looked for; the pieces of some sets are only 1 s long."""
BANDS = 24
LOWEST_HZ = 150.0
HIGHEST_HZ = 3_500.0
"""Bands leave out mains hum and its first harmonics below, and the resampling filter's slope above."""
LEVEL_FLOOR = 1e-5
"""50 dB under the clip's loudest band: below lies the rounding noise of 8-bit copies."""
SILENT_POWER = 1e-12
"""A clip whose loudest band stays under this is digital silence: no fingerprint."""
BASIS_DIMENSIONS = 128
"""Of 768 values; on degraded copies of real clips (20 dB noise, 8 bit, other rate) 64 lost some, 256 found no more."""
BASIS_STRIDE_FRAMES = 16
"""Every 16th patch is enough to fit the basis: neighbours are nearly the same."""
WEAKEST_VARIANCE = 1e-6
"""Components with less variance than this share of the strongest are rounding errors: never scaled up."""
LANDMARKS = 6
LANDMARK_GAP_FRAMES = 24
"""A clip is looked up at its (up to) six most eventful places, at least 0.38 s apart."""
LEAST_EVENTFUL = 1.0
"""Sum of squares, in (10 dB)^2, of a patch around its mean over time: under it the patch is stationary to the ear."""


def band_levels(samples: Floats) -> Floats | None:
    """Return the levels of a clip over time.

    Args:
        samples: `(samples,)` at `RATE_HZ`.

    Returns:
        `(frame, band)` decimal logarithm of power relative to the clip's loudest band, at least `PATCH_FRAMES` frames;
        frame k is centred on sample k * `HOP_SAMPLES`. None for silence.
    """
    tail = max(FRAME_SAMPLES, PATCH_SAMPLES + FRAME_SAMPLES - len(samples))
    padded = np.pad(samples, (FRAME_SAMPLES // 2, tail))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES]
    window = np.hanning(FRAME_SAMPLES).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    edges = _band_edges()
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1).astype(np.float32)
    loudest = float(bands.max())
    return None if loudest <= SILENT_POWER else np.log10(bands / loudest + LEVEL_FLOOR)


def landmarks(levels: Floats) -> Ints:
    """Return the frames at which a clip's most eventful patches begin, most eventful first, (landmark,)."""
    patches = _patches(levels)
    eventful = np.square(patches - patches.mean(axis=1, keepdims=True)).sum(axis=(1, 2))
    found: list[int] = []
    while len(found) < LANDMARKS and eventful.max() > LEAST_EVENTFUL:
        frame = int(eventful.argmax())
        found.append(frame)
        eventful[max(0, frame - LANDMARK_GAP_FRAMES) : frame + LANDMARK_GAP_FRAMES + 1] = 0
    return np.array(found, dtype=np.int64)


def fit_basis(levels: Sequence[Floats]) -> Floats:
    """Fit the basis that makes unrelated patches orthogonal on average.

    Args:
        levels: `(frame, band)` of every clip that will be compared.

    Returns:
        `(frame * band, dim)`: a centred patch times this has uncorrelated values of equal variance.
    """
    size = PATCH_FRAMES * BANDS
    second_moment = np.zeros((size, size))
    for clip in levels:
        patches = _centred(_patches(clip)[::BASIS_STRIDE_FRAMES])
        second_moment += patches.T @ patches
    variances, components = np.linalg.eigh(second_moment)
    keep = [k for k in range(size)[::-1] if variances[k] > WEAKEST_VARIANCE * variances[-1]][:BASIS_DIMENSIONS]
    return np.asarray(components[:, keep] / np.sqrt(variances[keep]), dtype=np.float32)


def describe(levels: Floats, basis: Floats, frames: Ints | None = None) -> Floats:
    """Describe patches by unit vectors, so that their products are cosines.

    Args:
        levels: `(frame, band)` of one clip.
        basis: From `fit_basis`.
        frames: Where the patches begin; all that fit by default.

    Returns:
        `(patch, dim)`; a patch without any change is all zero.
    """
    patches = _patches(levels)
    vectors = _centred(patches if frames is None else patches[frames]) @ basis
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


def _band_edges() -> Ints:
    """Return the first spectrum bin of each band and, last, the bin after the highest band; equal steps in mel."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges_hz = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    return np.rint(edges_hz / RATE_HZ * FRAME_SAMPLES).astype(np.int64)


def _patches(levels: Floats) -> Floats:
    """View the levels as all their patches, (patch, frame, band)."""
    return np.lib.stride_tricks.sliding_window_view(levels, PATCH_FRAMES, axis=0).transpose(0, 2, 1)


def _centred(patches: Floats) -> Floats:
    """Take off the means over time and over bands, (patch, frame * band)."""
    centred = patches - patches.mean(axis=1, keepdims=True)
    return np.asarray(centred - centred.mean(axis=2, keepdims=True)).reshape(len(patches), -1)
