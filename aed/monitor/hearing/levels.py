"""How loud a stream is, in tenths of a second at absolute positions, and a small spectrum for those who watch."""

from __future__ import annotations

from collections import deque
from functools import cache

import numpy as np

from aed.detect.frames import FrameCutter
from aed.timebase import samples_from_seconds

FRAME_SECONDS = 0.1
QUIETEST_DBFS = -120.0
"""Exact zeros have no level; the noise of 24 bits is at -146, that of 16 bits at -98."""
NUM_BANDS = 32
SEEN_FRAMES = 2
"""So many frames at most make one spectrum: those between two looks at a live source."""
LOWEST_HZ, HIGHEST_HZ = 60.0, 8000.0
"""Of the spectrum: from mains hum to the highest partials that a household's sounds are known by."""
_SINE_FACTOR = np.sqrt(2.0)
"""Full scale over the root mean square of a sine of full scale."""


class LevelMeter:
    """Measures one stream.

    Args:
        rate_hz: Its sample rate.
        kept_seconds: How far back a level can be asked for.
    """

    def __init__(self, rate_hz: int, kept_seconds: float) -> None:
        self._rate_hz, self._cutter = rate_hz, FrameCutter(samples_from_seconds(FRAME_SECONDS, rate_hz))
        self._levels: deque[tuple[float, float]] = deque(maxlen=round(kept_seconds / FRAME_SECONDS))
        self._num_frames, self._lost_seconds = 0, 0.0
        self._unseen: deque[np.ndarray] = deque(maxlen=SEEN_FRAMES)

    def push(self, samples: np.ndarray) -> list[tuple[float, float]]:
        """Add `(samples,)`; returns the new frames as where each ends in seconds and its level in dBFS."""
        new = []
        for frame in self._cutter.push(samples):
            self._num_frames += 1
            self._unseen.append(frame.copy())
            new.append((self._lost_seconds + self._num_frames * FRAME_SECONDS, level_dbfs(frame)))
        self._levels.extend(new)
        return new

    def gap(self, seconds: float) -> None:
        """Say that so much was lost here."""
        self._lost_seconds += seconds

    def loudest(self, from_seconds: float, to_seconds: float) -> float:
        """Return the highest level of the frames that end in a stretch, in dBFS, as far as they are kept."""
        inside = (level for end, level in self._levels if from_seconds < end <= to_seconds + FRAME_SECONDS)
        return max(inside, default=QUIETEST_DBFS)

    def spectrum_db(self) -> np.ndarray:
        """Return the mel spectrum since the last call, `(band,)` float32 in dB relative to full scale.

        Of each band the loudest of the last few frames; quiet where there is no frame.
        """
        frames = list(self._unseen)
        self._unseen.clear()
        if not frames:
            return np.full(NUM_BANDS, QUIETEST_DBFS, dtype=np.float32)
        spectrum_db: np.ndarray = mel_spectrum_db(np.stack(frames), self._rate_hz).max(axis=0)
        return spectrum_db


def level_dbfs(samples: np.ndarray) -> float:
    """Return the level of `(samples,)` in dB relative to a sine at full scale."""
    root_mean_square = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return max(QUIETEST_DBFS, float(20 * np.log10(max(root_mean_square * _SINE_FACTOR, 1e-12))))


def mel_spectrum_db(frame: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return the mel spectrum of `(..., samples)`, `(..., band)` float32 in dB relative to a sine at full scale."""
    num_samples = frame.shape[-1]
    amplitudes = np.abs(np.fft.rfft(frame * _window(num_samples)))
    power = np.square(amplitudes) @ _bands(num_samples, rate_hz).T
    decibels: np.ndarray = 10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DBFS / 10)))
    return decibels.astype(np.float32)


@cache
def _window(num_samples: int) -> np.ndarray:
    """Hann's, scaled so that a sine at full scale has the amplitude 1."""
    window = np.hanning(num_samples)
    scaled: np.ndarray = (window * 2 / window.sum()).astype(np.float32)
    return scaled


@cache
def _bands(num_samples: int, rate_hz: int) -> np.ndarray:
    """Triangles on the mel scale, `(band, frequency)`; each at least one bin wide."""
    frequencies_hz = np.fft.rfftfreq(num_samples, 1 / rate_hz)
    edges = np.linspace(_mel(LOWEST_HZ), _mel(min(HIGHEST_HZ, rate_hz / 2)), NUM_BANDS + 2)
    mels = _mel(frequencies_hz)
    rising = (mels[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - mels[None]) / (edges[2:] - edges[1:-1])[:, None]
    bands: np.ndarray = np.clip(np.minimum(rising, falling), 0.0, 1.0)
    return bands


def _mel(hz: float | np.ndarray) -> np.ndarray:
    """O'Shaughnessy's formula."""
    mels: np.ndarray = 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)
    return mels
