"""Sounds made by formula, for the demo and the tests: nine kinds to detect, and others that are none of these.

Each function draws pitch, tempo, length, timbre and room anew from its generator: two calls never give the same sound.
They are recognisable sketches, not recordings: a model trained on them knows nothing about the real world.

The others come in two families: those that training may hear, and those that occur only in the demo's scene, which so
asks whether a sound never heard before stays unreported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from aed.audio.waves import (
    Wave,
    add_at,
    band_noise,
    coloured_noise,
    damped_tones,
    fade,
    harmonics,
    in_room,
    times_seconds,
    trim_quiet_ends,
)
from aed.errors import ConfigError

Formula = Callable[[int, np.random.Generator], Wave]
Sound = Callable[[int, np.random.Generator], npt.NDArray[np.float32]]

# Chirps and breaking glass reach 7 kHz: at a lower rate nothing of them would be left.
LOWEST_RATE_HZ = 16_000
# No sound is longer, so that each fits into one clip of the demo corpus.
LONGEST_SECONDS = 3.0
# Sounds that go on as long as one lets them are cut to a random length from here to the longest.
SHORTEST_STEADY_SECONDS = 2.0


def _steady_seconds(generator: np.random.Generator) -> float:
    return float(generator.uniform(SHORTEST_STEADY_SECONDS, LONGEST_SECONDS))


def _empty(duration_seconds: float, rate_hz: int) -> Wave:
    return np.zeros_like(times_seconds(min(duration_seconds, LONGEST_SECONDS), rate_hz))


def _smoke_alarm(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Temporal-three (ISO 8201): three beeps of half a second, half a second apart, at about 3 kHz."""
    pitch_hz, tempo = generator.uniform(2800.0, 3400.0), generator.uniform(0.9, 1.06)
    wave = _empty(LONGEST_SECONDS, rate_hz)
    for beat in range(3):
        t = times_seconds(0.5 * tempo, rate_hz)
        tone = harmonics(np.full_like(t, pitch_hz), rate_hz, generator, rolloff=generator.uniform(1.0, 2.5), count=4)
        add_at(wave, fade(tone, rate_hz, 0.01), beat * tempo, rate_hz)
    return wave


def _siren(rate_hz: int, generator: np.random.Generator) -> Wave:
    """One voice that sweeps up and down without a pause: a wail (slow), a yelp (fast) or a two-tone horn."""
    t = times_seconds(_steady_seconds(generator), rate_hz)
    low_hz, span_octaves = generator.uniform(550.0, 800.0), generator.uniform(0.6, 1.1)
    sweep = generator.choice(["wail", "yelp", "two-tone"])
    sweeps_per_second = {"wail": (0.4, 0.8), "yelp": (2.0, 4.0), "two-tone": (0.7, 1.2)}[str(sweep)]
    swing = np.sin(2.0 * np.pi * (generator.uniform(*sweeps_per_second) * t + generator.uniform()))
    if sweep == "two-tone":
        swing, span_octaves = np.tanh(20.0 * swing), span_octaves * 0.5
    pitch_hz = low_hz * 2.0 ** (span_octaves * (swing + 1.0) / 2.0)
    return fade(harmonics(pitch_hz, rate_hz, generator, rolloff=generator.uniform(0.8, 1.6), count=8), rate_hz, 0.05)


def _dog_bark(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Short rough bursts: a pitch that rises and falls under a dog's formants, with breath noise."""
    count, gap_seconds = int(generator.integers(3, 7)), generator.uniform(0.35, 0.65)
    base_hz, size = generator.uniform(280.0, 520.0), generator.uniform(0.8, 1.25)
    wave = _empty(count * gap_seconds, rate_hz)
    for bark in range(count):
        t = times_seconds(generator.uniform(0.12, 0.22), rate_hz)
        arch = np.sin(np.pi * t / t[-1])
        pitch_hz = base_hz * (0.75 + 0.5 * arch) * (1.0 + 0.03 * generator.standard_normal())
        voice = harmonics(pitch_hz, rate_hz, generator, rolloff=0.3, formants=[(750 * size, 350), (1700 * size, 500)])
        breath = band_noise(len(t), rate_hz, generator, 500.0 * size, 3000.0 * size)
        attack = np.minimum(1.0, t / 0.015) * np.exp(-t / 0.09)
        loudness = generator.uniform(0.6, 1.0)
        add_at(
            wave,
            loudness * attack * (voice + 0.25 * breath),
            bark * gap_seconds * generator.uniform(0.95, 1.05),
            rate_hz,
        )
    return wave


def _door_knock(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Two rounds of two to five raps on wood: low modes that die within a tenth of a second, and a click."""
    modes_hz = generator.uniform(1.0, 1.5) * np.array([150.0, 290.0, 430.0, 700.0])
    gap_seconds, wave = generator.uniform(0.13, 0.26), _empty(LONGEST_SECONDS, rate_hz)
    at_seconds = 0.0
    for _ in range(2):
        for _ in range(int(generator.integers(2, 6))):
            rap = damped_tones(list(modes_hz), list(generator.uniform(0.06, 0.16, 4)), 0.2, rate_hz)
            rap[: rate_hz // 200] += 0.5 * generator.standard_normal(rate_hz // 200)
            add_at(wave, generator.uniform(0.6, 1.0) * rap, at_seconds, rate_hz)
            at_seconds += gap_seconds * generator.uniform(0.9, 1.1)
        at_seconds += generator.uniform(0.25, 0.5)
    return wave


def _glass_breaking(rate_hz: int, generator: np.random.Generator) -> Wave:
    """An impact, then a thinning cloud of high ringing shards."""
    duration_seconds = generator.uniform(1.5, 2.6)
    wave, t = _empty(duration_seconds, rate_hz), times_seconds(0.15, rate_hz)
    add_at(wave, 4.0 * band_noise(len(t), rate_hz, generator, 800.0, 7000.0) * np.exp(-t / 0.03), 0.0, rate_hz)
    thinning_seconds = generator.uniform(0.35, 0.6)
    for _ in range(int(generator.integers(90, 160))):
        onset_seconds = min(generator.exponential(thinning_seconds), duration_seconds)
        partials_hz, rings_seconds = generator.uniform(2500.0, 7000.0, 3), generator.uniform(0.04, 0.25, 3)
        shard = damped_tones(list(partials_hz), list(rings_seconds), 0.25, rate_hz)
        loudness = generator.uniform(0.2, 1.0) * np.exp(-onset_seconds / (2.0 * thinning_seconds))
        add_at(wave, loudness * shard, onset_seconds, rate_hz)
    return wave


def _doorbell(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Ding-dong: two struck bars, the second lower by a third or a fourth, both ringing on."""
    ding_hz, wave = generator.uniform(620.0, 950.0), _empty(generator.uniform(2.2, 3.0), rate_hz)
    dong_hz = ding_hz / generator.choice([1.19, 1.26, 1.335])
    onsets_seconds = (0.0, generator.uniform(0.45, 0.75))
    overtones = np.array([1.0, 2.76, 5.4]) * generator.uniform(0.99, 1.01, 3)  # modes of a free bar
    for note_hz, onset_seconds in zip((ding_hz, dong_hz), onsets_seconds, strict=True):
        rings_seconds = generator.uniform(1.4, 2.4) * np.array([1.0, 0.4, 0.15])
        add_at(wave, damped_tones(list(note_hz * overtones), list(rings_seconds), 2.5, rate_hz), onset_seconds, rate_hz)
    return wave


def _crying_baby(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Wails of about a second: a pitch of 300-550 Hz that glides up and falls, rich in harmonics, and breaths."""
    wave, at_seconds = _empty(LONGEST_SECONDS, rate_hz), 0.0
    base_hz, vowel = generator.uniform(360.0, 500.0), generator.uniform(0.9, 1.15)
    while at_seconds < LONGEST_SECONDS - 0.5:
        t = times_seconds(min(generator.uniform(0.6, 1.1), LONGEST_SECONDS - at_seconds), rate_hz)
        glide = np.sin(np.pi * (t / t[-1]) ** generator.uniform(0.5, 0.9))
        tremble = 1.0 + 0.02 * np.sin(2.0 * np.pi * generator.uniform(5.0, 8.0) * t)
        formants = [(1050 * vowel, 400.0), (2900 * vowel, 600.0), (3900 * vowel, 700.0)]
        cry = harmonics(base_hz * (0.85 + 0.3 * glide) * tremble, rate_hz, generator, rolloff=0.2, formants=formants)
        add_at(wave, fade(cry, rate_hz, 0.08), at_seconds, rate_hz)
        at_seconds += t[-1] + generator.uniform(0.12, 0.3)
    return wave


def _clock_tick(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Two to four and a half dry clicks a second, tick and tock in turn."""
    wave, gap_seconds = _empty(_steady_seconds(generator), rate_hz), 1.0 / generator.uniform(2.0, 4.5)
    tick_hz = generator.uniform(2200.0, 4200.0)
    for index in range(int(len(wave) / rate_hz / gap_seconds) + 1):
        pitch_hz = tick_hz * (1.0 if index % 2 else 0.85)
        click = damped_tones([pitch_hz, 1.6 * pitch_hz], list(generator.uniform(0.015, 0.04, 2)), 0.05, rate_hz)
        add_at(wave, generator.uniform(0.8, 1.0) * click, index * gap_seconds, rate_hz)
    return wave


def _bird_chirp(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Phrases of three to six thin tones between 2.5 and 6 kHz, each a fast glide."""
    wave, at_seconds = _empty(_steady_seconds(generator), rate_hz), 0.0
    low_hz, span_octaves = (
        generator.uniform(2500.0, 4000.0),
        generator.uniform(0.2, 0.6) * generator.choice([-1.0, 1.0]),
    )
    note_seconds = generator.uniform(0.06, 0.12)
    while at_seconds < len(wave) / rate_hz:
        for _ in range(int(generator.integers(3, 7))):
            t = times_seconds(note_seconds, rate_hz)
            glide = 2.0 ** (abs(span_octaves) / 2.0 + span_octaves * (t / t[-1] - 0.5))
            tone = harmonics(low_hz * glide, rate_hz, generator, rolloff=3.0, count=2)
            add_at(wave, generator.uniform(0.6, 1.0) * fade(tone, rate_hz, 0.02), at_seconds, rate_hz)
            at_seconds += note_seconds * generator.uniform(1.3, 1.7)
        at_seconds += generator.uniform(0.2, 0.5)
    return wave


def _white_noise(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Hiss of any colour between white and half-way to pink."""
    return coloured_noise(len(_empty(_steady_seconds(generator), rate_hz)), generator, generator.uniform(0.0, 0.5))


def _pink_noise(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Noise of any colour between pink and brown."""
    return coloured_noise(len(_empty(_steady_seconds(generator), rate_hz)), generator, generator.uniform(0.8, 2.0))


def _hum(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Mains hum, 50 or 60 Hz with its harmonics."""
    t = times_seconds(_steady_seconds(generator), rate_hz)
    mains_hz = np.full_like(t, generator.choice([50.0, 60.0]))
    hum = harmonics(mains_hz, rate_hz, generator, rolloff=generator.uniform(0.6, 1.5), count=12)
    return hum + 0.05 * coloured_noise(len(t), generator, 1.0)


def _babble(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Voices through a wall: several streams of syllables at the pitch of speech, each vowel with its own formants."""
    wave = _empty(_steady_seconds(generator), rate_hz)
    for _ in range(int(generator.integers(2, 5))):
        voice_hz, at_seconds = generator.uniform(90.0, 220.0), generator.uniform(0.0, 0.2)
        while at_seconds < len(wave) / rate_hz:
            t = times_seconds(generator.uniform(0.1, 0.25), rate_hz)
            formants = [(generator.uniform(300, 800), 120.0), (generator.uniform(900, 2200), 180.0)]
            pitch_hz = voice_hz * (1.0 + generator.uniform(-0.15, 0.15) * t / t[-1])
            syllable = harmonics(pitch_hz, rate_hz, generator, rolloff=0.7, formants=formants)
            add_at(wave, generator.uniform(0.3, 1.0) * fade(syllable, rate_hz, 0.04), at_seconds, rate_hz)
            at_seconds += t[-1] + generator.uniform(0.0, 0.12)
    return wave


def _footsteps(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Soft low thumps at a walking pace, with a scrape."""
    wave, gap_seconds = _empty(LONGEST_SECONDS, rate_hz), generator.uniform(0.45, 0.7)
    for index in range(int(LONGEST_SECONDS / gap_seconds)):
        thump = damped_tones([generator.uniform(50.0, 90.0)], [generator.uniform(0.12, 0.25)], 0.25, rate_hz)
        scrape = band_noise(len(thump), rate_hz, generator, 300.0, 2500.0) * np.hanning(len(thump))
        add_at(wave, thump + generator.uniform(0.02, 0.08) * scrape, index * gap_seconds, rate_hz)
    return wave


def _rain(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Steady hiss of drops: bright noise under a random patter."""
    samples = len(_empty(_steady_seconds(generator), rate_hz))
    patter = 1.0 + (generator.uniform(size=samples) < 200.0 / rate_hz) * generator.exponential(4.0, samples)
    return band_noise(samples, rate_hz, generator, 1000.0, 7000.0) * patter


def _rustle(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Leaves, cloth, paper: noise in any band, whose loudness flickers slowly or fast."""
    samples = len(_empty(_steady_seconds(generator), rate_hz))
    low_hz, slowest_hz = generator.uniform(100.0, 2000.0), generator.uniform(1.0, 15.0)
    flicker = band_noise(samples, rate_hz, generator, slowest_hz, 4.0 * slowest_hz)
    rustle = band_noise(samples, rate_hz, generator, low_hz, low_hz * generator.uniform(2.0, 12.0))
    return rustle * (1.0 + generator.uniform(0.0, 0.5) * flicker)


def _fan(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Air noise that beats with the blades, over the drone of the motor."""
    t = times_seconds(_steady_seconds(generator), rate_hz)
    blades = 1.0 + 0.3 * np.sin(2.0 * np.pi * generator.uniform(8.0, 25.0) * t)
    drone = harmonics(np.full_like(t, generator.uniform(80.0, 140.0)), rate_hz, generator, rolloff=1.5, count=5)
    return band_noise(len(t), rate_hz, generator, 100.0, 2000.0) * blades + 0.5 * drone


def _wind(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Low noise that swells and sinks."""
    t = times_seconds(_steady_seconds(generator), rate_hz)
    gusts = 1.2 + np.sin(2.0 * np.pi * (generator.uniform(0.2, 0.7) * t + generator.uniform()))
    return band_noise(len(t), rate_hz, generator, 60.0, generator.uniform(400.0, 900.0)) * gusts


def _engine(rate_hz: int, generator: np.random.Generator) -> Wave:
    """An idling motor: a low rough pulse train with noise."""
    t = times_seconds(_steady_seconds(generator), rate_hz)
    drift = np.interp(t, np.linspace(0.0, LONGEST_SECONDS, 12), generator.uniform(0.97, 1.03, 12))
    pulses = harmonics(generator.uniform(22.0, 40.0) * drift, rate_hz, generator, rolloff=0.6, count=16)
    return pulses + 0.6 * band_noise(len(t), rate_hz, generator, 50.0, 600.0)


def _stream(rate_hz: int, generator: np.random.Generator) -> Wave:
    """Running water: noise in a middle band whose loudness flickers fast."""
    samples = len(_empty(_steady_seconds(generator), rate_hz))
    flicker = 1.0 + 0.4 * band_noise(samples, rate_hz, generator, 4.0, 30.0)
    return band_noise(samples, rate_hz, generator, 400.0, 5000.0) * flicker


def _sound(formula: Formula) -> Sound:
    """Put a formula into a room of its own, cut its quiet ends and bring its peak to 1."""

    def sound(rate_hz: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        if rate_hz < LOWEST_RATE_HZ:
            raise ConfigError(f"sounds made by formula need a rate of at least {LOWEST_RATE_HZ} Hz, got {rate_hz}")
        wave = trim_quiet_ends(in_room(formula(rate_hz, generator), rate_hz, generator))
        loudest: np.float64 = np.max(np.abs(wave))
        return np.asarray(wave / loudest, dtype=np.float32)

    return sound


TARGET_SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {
        "smoke_alarm": _sound(_smoke_alarm),
        "siren": _sound(_siren),
        "dog_bark": _sound(_dog_bark),
        "door_knock": _sound(_door_knock),
        "glass_breaking": _sound(_glass_breaking),
        "doorbell": _sound(_doorbell),
        "crying_baby": _sound(_crying_baby),
        "clock_tick": _sound(_clock_tick),
        "bird_chirp": _sound(_bird_chirp),
    }
)
"""What the demo detects, by label."""

TRAINING_OTHER_SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {
        "white_noise": _sound(_white_noise),
        "pink_noise": _sound(_pink_noise),
        "hum": _sound(_hum),
        "babble": _sound(_babble),
        "footsteps": _sound(_footsteps),
        "rain": _sound(_rain),
        "rustle": _sound(_rustle),
    }
)
"""None of these: what training may hear."""

SCENE_ONLY_OTHER_SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {"fan": _sound(_fan), "wind": _sound(_wind), "engine": _sound(_engine), "stream": _sound(_stream)}
)
"""None of these: what occurs only in the demo's scene."""

SOUNDS: Mapping[str, Sound] = MappingProxyType({**TARGET_SOUNDS, **TRAINING_OTHER_SOUNDS, **SCENE_ONLY_OTHER_SOUNDS})
"""Every sound: `SOUNDS[name](rate_hz, generator)` gives float32 samples, shape (samples,), peak 1, at most 3 s.

The rate is at least `LOWEST_RATE_HZ`, else a `ConfigError`.
"""
