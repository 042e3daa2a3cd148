"""Building blocks of sounds made by formula: tones, noises, damped impulses, rooms. Knows no particular sound.

Every block takes an explicit generator and works in float64 at a stated rate; arrays are mono, shape (samples,).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aed.timebase import samples_from_seconds

Wave = npt.NDArray[np.float64]

# Partials above this share of the rate are left out: they would fold back. Nyquist is 0.5; the rest is a margin.
HIGHEST_PARTIAL_SHARE = 0.45
# What lies this far under the peak at either end counts as outside the sound, so that its onset and offset are true.
QUIET_END_DB = -40.0
# Decay times are given as the time to fall by 60 dB, as room acousticians do: exp(-6.91 t / T60).
DECAY_60_DB = float(np.log(1000.0))


def gain_from_db(level_db: float) -> float:
    """Factor on the amplitude for a level in decibels."""
    return float(10.0 ** (level_db / 20.0))


def times_seconds(duration_seconds: float, rate_hz: int) -> Wave:
    """Time of every sample of a stretch, shape (samples,), in seconds from its start."""
    return np.arange(max(1, samples_from_seconds(duration_seconds, rate_hz))) / rate_hz


def formant_gains(frequencies_hz: Wave, formants: Sequence[tuple[float, float]]) -> Wave:
    """Gain of a vocal tract at some frequencies: a sum of bell curves, each formant quieter than the one under it.

    Args:
        frequencies_hz: Frequencies, any shape.
        formants: (centre, width) of each formant in Hz, lowest first.
    """
    gains = np.full_like(frequencies_hz, 0.02)
    for order, (centre_hz, width_hz) in enumerate(formants):
        gains += 0.7**order * np.exp(-(((frequencies_hz - centre_hz) / width_hz) ** 2))
    return gains


def harmonics(
    pitch_hz: Wave,
    rate_hz: int,
    generator: np.random.Generator,
    *,
    rolloff: float = 1.0,
    formants: Sequence[tuple[float, float]] = (),
    count: int = 20,
) -> Wave:
    """Sum of partials at multiples of a pitch that may move, shape (samples,), without those that would fold back.

    Args:
        pitch_hz: Fundamental at every sample, shape (samples,).
        rate_hz: Sampling rate.
        generator: Draws the phases.
        rolloff: Partial k has amplitude k ** -rolloff before the formants.
        formants: Resonances, see `formant_gains`; empty for none.
        count: Most partials to add.
    """
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / rate_hz
    wave = np.zeros_like(pitch_hz)
    for order in range(1, count + 1):
        frequency_hz = order * pitch_hz
        audible = frequency_hz < HIGHEST_PARTIAL_SHARE * rate_hz
        if not audible.any():
            break
        gain = formant_gains(frequency_hz, formants) if formants else 1.0
        wave += audible * gain * order**-rolloff * np.sin(order * phase + generator.uniform(0.0, 2.0 * np.pi))
    return wave


def coloured_noise(samples: int, generator: np.random.Generator, slope: float) -> Wave:
    """Noise of unit power, shape (samples,), that falls as frequency ** -slope: 0 is white, 1 pink, 2 brown."""
    size = _fast_size(samples)
    spectrum = np.fft.rfft(generator.standard_normal(size))
    bins = np.arange(len(spectrum), dtype=np.float64)
    bins[0] = 1.0
    spectrum *= bins ** (-slope / 2.0)
    return _unit_power(np.fft.irfft(spectrum, size)[:samples])


def band_noise(samples: int, rate_hz: int, generator: np.random.Generator, low_hz: float, high_hz: float) -> Wave:
    """Noise between two frequencies with soft edges (a bell curve on the log-frequency axis), root mean square 1."""
    size = _fast_size(samples)
    spectrum = np.fft.rfft(generator.standard_normal(size))
    frequencies_hz = np.maximum(np.fft.rfftfreq(size, 1.0 / rate_hz), 1.0)
    centre, half_width = np.log(low_hz * high_hz) / 2.0, np.log(high_hz / low_hz) / 2.0
    spectrum *= np.exp(-(((np.log(frequencies_hz) - centre) / half_width) ** 2))
    return _unit_power(np.fft.irfft(spectrum, size)[:samples])


def damped_tones(
    frequencies_hz: Sequence[float], decays_seconds: Sequence[float], duration_seconds: float, rate_hz: int
) -> Wave:
    """What a struck body does: tones that start together and each fall by 60 dB in their own time, shape (samples,)."""
    t = times_seconds(duration_seconds, rate_hz)
    wave = np.zeros_like(t)
    for frequency_hz, decay_seconds in zip(frequencies_hz, decays_seconds, strict=True):
        if frequency_hz < HIGHEST_PARTIAL_SHARE * rate_hz:
            wave += np.sin(2.0 * np.pi * frequency_hz * t) * np.exp(-DECAY_60_DB * t / decay_seconds)
    return wave


def fade(wave: Wave, rate_hz: int, seconds: float) -> Wave:
    """The wave with raised-cosine ends, each at most half of its length."""
    length = min(max(1, samples_from_seconds(seconds, rate_hz)), max(1, len(wave) // 2))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = wave.copy()
    faded[:length] *= ramp
    faded[-length:] *= ramp[::-1]
    return faded


def add_at(wave: Wave, piece: Wave, onset_seconds: float, rate_hz: int) -> None:
    """Add a piece into a longer wave in place; what would stick out at the end is cut off."""
    onset = samples_from_seconds(onset_seconds, rate_hz)
    length = min(len(piece), max(0, len(wave) - onset))
    wave[onset : onset + length] += piece[:length]


def in_room(wave: Wave, rate_hz: int, generator: np.random.Generator) -> Wave:
    """The wave, as long as before, in a small room of random decay and distance: exponentially decaying noise."""
    decay_seconds, wet = generator.uniform(0.08, 0.4), gain_from_db(generator.uniform(-24.0, -9.0))
    t = times_seconds(decay_seconds, rate_hz)
    response = generator.standard_normal(len(t)) * np.exp(-DECAY_60_DB * t / decay_seconds)
    response *= wet / np.sqrt(np.sum(response**2))
    response[0] += 1.0
    size = _fast_size(len(wave) + len(response) - 1)
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[: len(wave)]


def trim_quiet_ends(wave: Wave) -> Wave:
    """The wave without what lies `QUIET_END_DB` under its peak at either end; a wave of zeros stays as it is."""
    loud = np.flatnonzero(np.abs(wave) > np.max(np.abs(wave)) * gain_from_db(QUIET_END_DB))
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave


def _fast_size(samples: int) -> int:
    """Least power of two that holds as many samples: Fourier transforms of awkward lengths are many times slower."""
    return 1 << max(0, samples - 1).bit_length()


def _unit_power(wave: Wave) -> Wave:
    return wave / max(float(np.sqrt(np.mean(wave**2))), np.finfo(np.float64).tiny)
