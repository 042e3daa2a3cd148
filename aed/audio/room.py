"""Where a sound made by formula is heard: a room of stated decay, at a stated distance, in noise of a stated level.

The room is the statistical one of room acoustics: the direct sound, then exponentially decaying noise. At the critical
distance `0.057 * sqrt(volume / decay)` both carry the same energy; the direct sound falls with the distance, the room's
answer does not.
"""

from __future__ import annotations

import numpy as np

from aed.audio.waves import DECAY_60_DB, Wave, gain_from_db, times_seconds

CRITICAL_DISTANCE_FACTOR = 0.057
"""Metres at 1 m3 and 1 s, for a source and an ear without direction (Sabine)."""
FIRST_REFLECTION_SECONDS = 0.003
"""The room answers after the sound has gone a metre further than the direct one."""
HALF_THIRD_OCTAVE = 2.0 ** (1.0 / 6.0)
"""From the centre of a third-octave band to its upper edge, as a factor."""


def heard_in_room(
    wave: Wave,
    rate_hz: int,
    generator: np.random.Generator,
    *,
    decay_seconds: float,
    distance_metres: float,
    volume_m3: float = 60.0,
) -> Wave:
    """Return a sound as it arrives in a room, as long as before and quieter by the distance, shape (samples,).

    Args:
        wave: The sound at one metre without a room.
        rate_hz: Sampling rate.
        generator: Draws the room's answer.
        decay_seconds: Time to fall by 60 dB (T60); 0 for no room.
        distance_metres: From the source, more than 0.
        volume_m3: Volume of the room.
    """
    direct = wave / distance_metres
    if decay_seconds <= 0.0:
        return direct
    t = times_seconds(decay_seconds, rate_hz)
    answer = generator.standard_normal(len(t)) * np.exp(-DECAY_60_DB * t / decay_seconds)
    answer[t < FIRST_REFLECTION_SECONDS] = 0.0
    critical_metres = CRITICAL_DISTANCE_FACTOR * np.sqrt(volume_m3 / decay_seconds)
    answer /= critical_metres * max(float(np.sqrt(np.sum(answer**2))), np.finfo(np.float64).tiny)
    return direct + _convolved(wave, answer)


def band_power(wave: Wave, rate_hz: int, centre_hz: float) -> float:
    """Mean power of a sound in the third-octave band around a frequency."""
    size = _fast_size(len(wave))
    lowest, highest = (
        round(edge * size / rate_hz) for edge in (centre_hz / HALF_THIRD_OCTAVE, centre_hz * HALF_THIRD_OCTAVE)
    )
    spectrum = np.fft.rfft(wave, size)[lowest : highest + 1]
    return float(2.0 * np.sum(np.abs(spectrum) ** 2) / size / len(wave))


def in_noise(
    wave: Wave, noise: Wave, rate_hz: int, *, snr_db: float, centre_hz: float, sounding_seconds: float
) -> Wave:
    """Return a sound with noise at a stated distance in level under it, in the third-octave band of its tone.

    Args:
        wave: The sound, shape (samples,), as it arrives.
        noise: Noise of any level and the same shape.
        rate_hz: Sampling rate.
        snr_db: Power of the tone while it sounds over that of the noise, both in the band.
        centre_hz: The tone's frequency.
        sounding_seconds: For how long the tone sounds in all.
    """
    sounding_power = band_power(wave, rate_hz, centre_hz) * len(wave) / rate_hz / sounding_seconds
    noise_power = max(band_power(noise, rate_hz, centre_hz), np.finfo(np.float64).tiny)
    return wave + noise * gain_from_db(-snr_db) * float(np.sqrt(sounding_power / noise_power))


def _convolved(wave: Wave, answer: Wave) -> Wave:
    size = _fast_size(len(wave) + len(answer) - 1)
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(answer, size), size)[: len(wave)]


def _fast_size(samples: int) -> int:
    return 1 << max(0, samples - 1).bit_length()
