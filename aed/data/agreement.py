"""Waveform agreement: whether two places hold the same recording, sample by sample.

Plain cross-correlation is fooled by tones (two alarms at one pitch), by hum and by single clicks. So a clip is whitened
first: over half-second frames every band is brought to the same power, then every moment, each down to a floor. What
is left agrees only where the whole band and the whole time agree; a tone or a click is a small share of it. The score
is the normalised cross-correlation of whitened audio: gain drops out, recoding and added noise lower it, and another
performance of the same sound scores about 0.05.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.data.fingerprint import HIGHEST_HZ, LOWEST_HZ, PATCH_SAMPLES, RATE_HZ

Floats = npt.NDArray[np.float32]

WHITENING_SAMPLES = PATCH_SAMPLES
SPECTRUM_SMOOTHING_HZ = 50.0
"""A tone keeps the weight of the 50 Hz around it: 1.5 % of the band."""
SPECTRUM_FLOOR = 1e-4
"""Bins 40 dB under the strongest are rounding noise in 8-bit copies: not lifted."""
ENVELOPE_SMOOTHING_SECONDS = 0.01
ENVELOPE_FLOOR = 1e-3
"""Moments 30 dB under the frame's loudest stay quiet: silence is not lifted to noise."""
OVERSAMPLING = 2
"""Lags are tried in half samples: copies at other rates are shifted by fractions."""
LEAST_ACTIVE_SAMPLES = 2_048
"""0.26 s. Whitened sound has unit power, so its energy counts the samples that sound. Any two whitened clicks look
alike: what sounds for less scores less, in proportion."""
TINY = 1e-12


@dataclass(frozen=True)
class Agreement:
    """How well queries agree with the regions that they were compared with, at the best lag of each.

    Attributes:
        score: `(query,)` normalised cross-correlation, in [-1, 1]; negative for a copy of reversed polarity.
        lag_samples: `(query,)` where in the region the query begins, in steps of half a sample.
    """

    score: Floats
    lag_samples: Floats


def whiten(samples: Floats) -> Floats:
    """Bring every band and every moment of a clip to the same power, down to the floors.

    Args:
        samples: `(samples,)` at `RATE_HZ`.

    Returns:
        `(samples,)`, band-limited, of about unit power where there is sound.
    """
    half = WHITENING_SAMPLES // 2
    window = np.hanning(WHITENING_SAMPLES + 1)[:-1]
    padded = np.pad(samples.astype(np.float64), (half, 2 * WHITENING_SAMPLES))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WHITENING_SAMPLES)[::half]
    white = np.zeros(len(padded))
    for index, frame in enumerate(frames):
        white[index * half : index * half + WHITENING_SAMPLES] += window * _whiten_frame(window * frame)
    return white[half : half + len(samples)].astype(np.float32)


def compare(queries: Floats, regions: Floats) -> Agreement:
    """Find where in its region each query fits best.

    Args:
        queries: `(query, samples)`, whitened.
        regions: `(query, longer samples)`, whitened: where to look for each.
    """
    length, width = queries.shape[1], regions.shape[1]
    tries = OVERSAMPLING * (width - length) + 1
    spectra = np.conj(np.fft.rfft(queries, width)) * np.fft.rfft(regions, width)
    products = OVERSAMPLING * np.fft.irfft(spectra, OVERSAMPLING * width)[:, :tries]
    covered = np.repeat(_energies(regions, length), OVERSAMPLING, axis=1)[:, :tries]
    scores = products / np.sqrt(covered * _energies(queries, length))
    best = np.abs(scores).argmax(axis=1)
    return Agreement(scores[np.arange(len(best)), best].astype(np.float32), (best / OVERSAMPLING).astype(np.float32))


def _energies(white: Floats, length: int) -> npt.NDArray[np.float64]:
    """Return the energy of every `length` samples in a row, (query, start), at least that of the shortest sound."""
    total = np.cumsum(np.pad(np.square(white, dtype=np.float64), ((0, 0), (1, 0))), axis=1)
    return np.asarray(np.maximum(total[:, length:] - total[:, :-length], LEAST_ACTIVE_SAMPLES))


def _whiten_frame(frame: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(frame, 2 * len(frame))
    hz = np.fft.rfftfreq(2 * len(frame), 1 / RATE_HZ)
    spectrum[(hz < LOWEST_HZ) | (hz > HIGHEST_HZ)] = 0
    power = _smooth(np.abs(spectrum) ** 2, SPECTRUM_SMOOTHING_HZ / hz[1])
    white = np.fft.irfft(spectrum / np.sqrt(power + SPECTRUM_FLOOR * power.max() + TINY))[: len(frame)]
    energy = _smooth(white**2, ENVELOPE_SMOOTHING_SECONDS * RATE_HZ)
    return np.asarray(white / np.sqrt(energy + ENVELOPE_FLOOR * energy.max() + TINY))


def _smooth(values: npt.NDArray[np.float64], width: float) -> npt.NDArray[np.float64]:
    """Return the moving average over about `width` values, centred."""
    reach = max(1, round(width / 2))
    total = np.cumsum(np.pad(values, (reach + 1, reach)))
    return np.maximum((total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1), 0)
