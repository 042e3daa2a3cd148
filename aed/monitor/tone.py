"""The tone of an alarm in a recording: in which third-octave band it stands out, by how much, and since when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAME_SECONDS = 0.05
"""Half of the shortest pulse of a carbon monoxide alarm."""
LOWEST_TONE_HZ, HIGHEST_TONE_HZ = 400.0, 5000.0
"""Alarms sound at 520 Hz or near 3 kHz."""
THIRD_OCTAVE = 2.0 ** (1.0 / 3.0)
QUIET_SHARE, LOUD_SHARE = 0.2, 0.98
"""Quantiles of a band's power over time: an alarm pauses for more than a fifth of the time, and sounds for more than a
fiftieth."""
LEAST_SNR_DB = 12.0
"""Noise alone fluctuates by up to 8 dB between these quantiles: below this nothing can be said of a tone."""
_SMALLEST_POWER = 1e-16

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tone:
    """What stands out of a recording.

    Attributes:
        centre_hz: Middle of its third-octave band.
        snr_db: Power while it sounds over that while it pauses.
        onset_seconds: When it sounds first.
    """

    centre_hz: float
    snr_db: float
    onset_seconds: float


class BandPowers:
    """Power of a stream in third-octave bands, frame by frame.

    Args:
        rate_hz: Of the samples.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._frame_samples = rate_hz, max(1, round(FRAME_SECONDS * rate_hz))
        self._centres = _band_centres(rate_hz)
        hz = np.fft.rfftfreq(self._frame_samples, 1 / rate_hz)
        half = THIRD_OCTAVE**0.5
        self._member = np.array([(hz >= centre / half) & (hz < centre * half) for centre in self._centres], dtype=float)
        self._window = np.hanning(self._frame_samples)
        self._rest = np.zeros(0, dtype=np.float32)
        self._frames: list[FloatArray] = []

    def push(self, samples: np.ndarray) -> None:
        """Add samples, `(samples,)`."""
        pending = np.concatenate([self._rest, samples])
        whole = len(pending) // self._frame_samples
        frames = pending[: whole * self._frame_samples].reshape(whole, self._frame_samples)
        self._rest = pending[whole * self._frame_samples :]
        for frame in frames:
            power = np.abs(np.fft.rfft(frame * self._window)) ** 2
            self._frames.append(self._member @ power + _SMALLEST_POWER)

    def tone(self) -> Tone | None:
        """Return what stands out most between sounding and pausing; None where nothing does."""
        if not self._frames or not len(self._centres):
            return None
        powers = np.stack(self._frames)
        quiet, loud = np.quantile(powers, QUIET_SHARE, axis=0), np.quantile(powers, LOUD_SHARE, axis=0)
        band = int(np.argmax(loud / quiet))
        snr_db = 10 * float(np.log10(loud[band] / quiet[band]))
        if snr_db < LEAST_SNR_DB:
            return None
        sounding = powers[:, band] >= np.sqrt(loud[band] * quiet[band])
        onset = int(np.argmax(sounding & np.r_[sounding[1:], False]))  # two frames on end: a click is no tone
        return Tone(centre_hz=self._centres[band], snr_db=snr_db, onset_seconds=onset * FRAME_SECONDS)


def _band_centres(rate_hz: int) -> list[float]:
    highest = min(HIGHEST_TONE_HZ, rate_hz / 2 / THIRD_OCTAVE)
    count = int(np.floor(np.log(highest / LOWEST_TONE_HZ) / np.log(THIRD_OCTAVE))) + 1
    return [LOWEST_TONE_HZ * THIRD_OCTAVE**place for place in range(max(0, count))]
