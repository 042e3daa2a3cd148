"""Alarms as a microphone hears them: tone, tempo, room, distance, noise and level drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from aed.audio.alarms import Beat, Pulse, Tone, make_alarm
from aed.audio.room import heard_in_room, in_noise
from aed.audio.waves import Wave, coloured_noise, gain_from_db
from aed.timebase import samples_from_seconds

TONES_OF_BEATS: Mapping[Beat, tuple[Tone, ...]] = MappingProxyType(
    {
        Beat.TEMPORAL_THREE: (Tone.LOW_SQUARE, Tone.PIEZO),
        Beat.TEMPORAL_FOUR: (Tone.LOW_SQUARE, Tone.PIEZO),
        Beat.CHIRP: (Tone.PIEZO,),
        Beat.CONTINUOUS: (Tone.LOW_SQUARE, Tone.PIEZO, Tone.HORN),
        Beat.REVERSING_LORRY: (Tone.MIDDLE, Tone.PIEZO),
        Beat.ALARM_CLOCK: (Tone.MIDDLE, Tone.PIEZO),
        Beat.MICROWAVE: (Tone.MIDDLE,),
    }
)
"""The tones that a case may have."""
PERIODS: Mapping[Beat, tuple[float, float]] = MappingProxyType(
    {
        Beat.TEMPORAL_THREE: (2.2, 4.0),
        Beat.TEMPORAL_FOUR: (2.2, 4.0),
        Beat.CHIRP: (2.2, 2.9),
        Beat.CONTINUOUS: (2.0, 4.0),
        Beat.REVERSING_LORRY: (12.0, 25.0),
        Beat.ALARM_CLOCK: (12.0, 25.0),
        Beat.MICROWAVE: (1.0, 1.0),
    }
)
"""How often the beat recurs in a case, from and to."""
TEMPO = (0.9, 1.1)
SNR_DB = (0.0, 30.0)
DECAY_SECONDS = (0.0, 0.8)
DISTANCE_METRES = (1.0, 12.0)
VOLUME_M3 = (20.0, 200.0)
NOISE_SLOPE = (0.0, 2.0)
"""White to brown."""
PEAK_DB = (-30.0, -1.0)
"""Peak of the whole recording, noise included, in dB relative to full scale; not rounded to 16 bits, as that would add
noise beyond what is stated."""
LEAD_SECONDS = (0.3, 2.5)
CHIRP_LEAD_SECONDS = (1.2, 2.5)
"""A single beep is known by the quiet second before it."""
TAIL_SECONDS = (0.3, 2.0)


@dataclass(frozen=True)
class AlarmCase:
    """What a case is, and what is heard.

    Attributes:
        beat: When it sounds.
        tone: What sounds.
        tone_hz: The strongest partial.
        tempo: Factor on all times of the beat.
        snr_db: Tone over noise, in the tone's third-octave band, while the tone sounds.
        decay_seconds: Time in which the room decays by 60 dB.
        distance_metres: From the alarm to the microphone.
        pulses: When the tone sounds.
        samples: `(samples,)` float32.
        rate_hz: Sampling rate.
    """

    beat: Beat
    tone: Tone
    tone_hz: float
    tempo: float
    snr_db: float
    decay_seconds: float
    distance_metres: float
    pulses: tuple[Pulse, ...]
    samples: np.ndarray
    rate_hz: int


def draw_case(beat: Beat, rate_hz: int, generator: np.random.Generator) -> AlarmCase:
    """Draw a case of a beat; everything else comes from the generator."""
    tone = TONES_OF_BEATS[beat][int(generator.integers(len(TONES_OF_BEATS[beat])))]
    tempo, snr_db = generator.uniform(*TEMPO), generator.uniform(*SNR_DB)
    decay_seconds, distance_metres = generator.uniform(*DECAY_SECONDS), generator.uniform(*DISTANCE_METRES)
    alarm = make_alarm(beat, tone, rate_hz, generator, periods=generator.uniform(*PERIODS[beat]), tempo=tempo)
    lead_seconds = generator.uniform(*(CHIRP_LEAD_SECONDS if beat is Beat.CHIRP else LEAD_SECONDS))
    tail_seconds = generator.uniform(*TAIL_SECONDS)
    padding = [samples_from_seconds(seconds, rate_hz) for seconds in (lead_seconds, tail_seconds)]
    heard = heard_in_room(
        np.pad(alarm.samples, padding),
        rate_hz,
        generator,
        decay_seconds=decay_seconds,
        distance_metres=distance_metres,
        volume_m3=generator.uniform(*VOLUME_M3),
    )
    noise = coloured_noise(len(heard), generator, generator.uniform(*NOISE_SLOPE))
    sounding_seconds = alarm.sounding_seconds
    noisy = in_noise(heard, noise, rate_hz, snr_db=snr_db, centre_hz=alarm.tone_hz, sounding_seconds=sounding_seconds)
    return AlarmCase(
        beat=beat,
        tone=tone,
        tone_hz=alarm.tone_hz,
        tempo=tempo,
        snr_db=snr_db,
        decay_seconds=decay_seconds,
        distance_metres=distance_metres,
        pulses=tuple(Pulse(pulse.onset_seconds + lead_seconds, pulse.length_seconds) for pulse in alarm.pulses),
        samples=_recorded(noisy, generator.uniform(*PEAK_DB)),
        rate_hz=rate_hz,
    )


def _recorded(wave: Wave, peak_db: float) -> np.ndarray:
    """The sound at a recorder's own level, `(samples,)` float32."""
    return np.asarray(wave * (gain_from_db(peak_db) / np.max(np.abs(wave))), dtype=np.float32)
