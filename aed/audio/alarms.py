"""Alarms made by formula, and what beeps like them: each a tone and a beat, long enough to hear the beat recur.

    temporal three    three pulses of 0.5 s with gaps of 0.5 s, then 1.5 s of pause (ISO 8201, NFPA 72: fire, smoke)
    temporal four     four pulses of 0.1 s with gaps of 0.1 s, then 5 s of pause (NFPA 72: carbon monoxide)
    chirp             one short beep every 30 to 60 s (a smoke alarm's battery is low)
    continuous        one tone without a pause
    reversing lorry   a beep and a gap of half a second each, all the time
    alarm clock       four beeps an eighth of a second apart, every second
    microwave         three to five beeps of 0.5 to 1 s, once

`synth` holds shorter sounds of more kinds; `room` puts these into a room and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from aed.audio.waves import Wave, add_at, fade, harmonics, times_seconds

# A piezo disc needs some milliseconds to swing in; so does what drives a loudspeaker.
SWING_SECONDS = 0.004


class Beat(StrEnum):
    """What makes an alarm, or something like it, known: when it sounds."""

    TEMPORAL_THREE = "temporal_three"
    TEMPORAL_FOUR = "temporal_four"
    CHIRP = "chirp"
    CONTINUOUS = "continuous"
    REVERSING_LORRY = "reversing_lorry"
    ALARM_CLOCK = "alarm_clock"
    MICROWAVE = "microwave"


class Tone(StrEnum):
    """What sounds in a pulse."""

    LOW_SQUARE = "low_square"
    """The 520 Hz square wave that wakes sleepers best."""
    PIEZO = "piezo"
    """The nearly pure tone of about 3 kHz of most small alarms."""
    HORN = "horn"
    """A buzzing horn: many partials of a low pitch, strongest near 3 kHz, as on the walls of schools."""
    MIDDLE = "middle"
    """A tone of 1 to 2.5 kHz with some partials: lorries, clocks, kitchen machines."""


@dataclass(frozen=True)
class Pulse:
    """One stretch in which the tone sounds."""

    onset_seconds: float
    length_seconds: float


@dataclass(frozen=True)
class AlarmSound:
    """An alarm as it leaves its source.

    Attributes:
        samples: `(samples,)` float64, peak 1.
        rate_hz: Sampling rate.
        tone_hz: The strongest partial.
        pulses: When the tone sounds.
    """

    samples: Wave
    rate_hz: int
    tone_hz: float
    pulses: tuple[Pulse, ...]

    @property
    def sounding_seconds(self) -> float:
        """For how long the tone sounds in all."""
        return sum(pulse.length_seconds for pulse in self.pulses)


def make_alarm(
    beat: Beat, tone: Tone, rate_hz: int, generator: np.random.Generator, *, periods: float, tempo: float = 1.0
) -> AlarmSound:
    """Make an alarm, or what beeps like one.

    Args:
        beat: When it sounds.
        tone: What sounds.
        rate_hz: Sampling rate.
        generator: Draws the pitch, the timbre, and what the beat leaves open.
        periods: How often the beat recurs; a period begins with its first pulse and ends with its pause.
        tempo: Factor on all times of the beat, 1.1 is a tenth too slow.
    """
    pulses_of_period, period_seconds = BEATS[beat](generator)
    pulses = tuple(
        Pulse(tempo * (number * period_seconds + pulse.onset_seconds), tempo * pulse.length_seconds)
        for number in range(int(np.ceil(periods)))
        for pulse in pulses_of_period
        if number * period_seconds + pulse.onset_seconds < periods * period_seconds
    )
    draw_pulse, tone_hz = TONES[tone](rate_hz, generator)
    wave = np.zeros_like(times_seconds(tempo * periods * period_seconds, rate_hz))
    for pulse in pulses:
        sounding = draw_pulse(times_seconds(pulse.length_seconds, rate_hz))
        add_at(wave, fade(sounding, rate_hz, SWING_SECONDS), pulse.onset_seconds, rate_hz)
    return AlarmSound(wave / np.max(np.abs(wave)), rate_hz, tone_hz, pulses)


Period = tuple[tuple[Pulse, ...], float]
"""The pulses of one period, and its length in seconds."""


def _temporal_three(generator: np.random.Generator) -> Period:
    return tuple(Pulse(float(beat), 0.5) for beat in range(3)), 4.0


def _temporal_four(generator: np.random.Generator) -> Period:
    return tuple(Pulse(0.2 * beat, 0.1) for beat in range(4)), 5.7


def _chirp(generator: np.random.Generator) -> Period:
    return (Pulse(0.0, generator.uniform(0.08, 0.3)),), generator.uniform(32.0, 54.0)


def _continuous(generator: np.random.Generator) -> Period:
    return (Pulse(0.0, 5.0),), 5.0


def _reversing_lorry(generator: np.random.Generator) -> Period:
    period_seconds = generator.uniform(0.8, 1.25)
    return (Pulse(0.0, generator.uniform(0.4, 0.6) * period_seconds),), period_seconds


def _alarm_clock(generator: np.random.Generator) -> Period:
    return tuple(Pulse(0.125 * beat, generator.uniform(0.055, 0.07)) for beat in range(4)), 1.0


def _microwave(generator: np.random.Generator) -> Period:
    length_seconds = generator.uniform(0.5, 1.0)
    gap_seconds = generator.uniform(0.4, 1.0)
    count = int(generator.integers(3, 6))
    beeps = tuple(Pulse(beat * (length_seconds + gap_seconds), length_seconds) for beat in range(count))
    return beeps, 15.0


BEATS: Mapping[Beat, Callable[[np.random.Generator], Period]] = MappingProxyType(
    {
        Beat.TEMPORAL_THREE: _temporal_three,
        Beat.TEMPORAL_FOUR: _temporal_four,
        Beat.CHIRP: _chirp,
        Beat.CONTINUOUS: _continuous,
        Beat.REVERSING_LORRY: _reversing_lorry,
        Beat.ALARM_CLOCK: _alarm_clock,
        Beat.MICROWAVE: _microwave,
    }
)

DrawPulse = Callable[[Wave], Wave]
"""From the times of a pulse's samples to its samples: the same tone at every call."""


def _low_square(rate_hz: int, generator: np.random.Generator) -> tuple[DrawPulse, float]:
    pitch_hz = float(520.0 * generator.uniform(0.95, 1.05))

    def pulse(t: Wave) -> Wave:
        partials = [order for order in range(1, 40, 2) if order * pitch_hz < 0.45 * rate_hz]
        return np.asarray(sum(np.sin(2.0 * np.pi * order * pitch_hz * t) / order for order in partials))

    return pulse, pitch_hz


def _piezo(rate_hz: int, generator: np.random.Generator) -> tuple[DrawPulse, float]:
    pitch_hz = float(generator.uniform(2700.0, 3500.0))
    return _partials(rate_hz, generator, pitch_hz, rolloff=generator.uniform(1.5, 3.0), count=2), pitch_hz


def _middle(rate_hz: int, generator: np.random.Generator) -> tuple[DrawPulse, float]:
    pitch_hz = float(generator.uniform(1000.0, 2500.0))
    return _partials(rate_hz, generator, pitch_hz, rolloff=generator.uniform(0.8, 2.5), count=4), pitch_hz


def _horn(rate_hz: int, generator: np.random.Generator) -> tuple[DrawPulse, float]:
    pitch_hz, centre_hz = float(generator.uniform(80.0, 180.0)), generator.uniform(2500.0, 3400.0)
    strongest_hz = pitch_hz * round(centre_hz / pitch_hz)
    formants = [(strongest_hz, generator.uniform(200.0, 600.0))]
    return (
        _partials(rate_hz, generator, pitch_hz, rolloff=0.0, count=60, formants=formants, loudness=0.3),
        strongest_hz,
    )


def _partials(
    rate_hz: int,
    generator: np.random.Generator,
    pitch_hz: float,
    *,
    rolloff: float,
    count: int,
    formants: list[tuple[float, float]] | None = None,
    loudness: float = 0.8,
) -> DrawPulse:
    seed = int(generator.integers(2**32))

    def pulse(t: Wave) -> Wave:
        phases = np.random.default_rng(seed)  # the same timbre in every pulse
        pitch = np.full_like(t, pitch_hz)
        return loudness * harmonics(pitch, rate_hz, phases, rolloff=rolloff, count=count, formants=formants or ())

    return pulse


TONES: Mapping[Tone, Callable[[int, np.random.Generator], tuple[DrawPulse, float]]] = MappingProxyType(
    {Tone.LOW_SQUARE: _low_square, Tone.PIEZO: _piezo, Tone.HORN: _horn, Tone.MIDDLE: _middle}
)
