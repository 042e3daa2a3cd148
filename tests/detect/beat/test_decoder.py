"""Alarm beats: recognised in rooms and noise, told from what beeps like them, the same at any chunking."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.audio.alarm_cases import draw_case
from aed.audio.alarms import Beat, Tone, make_alarm
from aed.audio.read import read_audio
from aed.audio.waves import add_at
from aed.detect.beat import BeatDecoder, BeatKind, BeatVerdict, decode_beats
from aed.errors import AudioError, ConfigError
from aed.resources import manifests_folder

RATE_HZ = 16_000
KINDS = {Beat.TEMPORAL_THREE: BeatKind.TEMPORAL_THREE, Beat.TEMPORAL_FOUR: BeatKind.TEMPORAL_FOUR}


def kinds(verdicts: list[BeatVerdict]) -> set[BeatKind]:
    return {verdict.kind for verdict in verdicts}


def beating(beat: Beat, *, tone: Tone = Tone.PIEZO, periods: float = 2.3, rate_hz: int = RATE_HZ) -> np.ndarray:
    """An alarm in faint noise, a second after the start, with two seconds of quiet after it."""
    generator = np.random.default_rng(5)
    sound = make_alarm(beat, tone, rate_hz, generator, periods=periods)
    samples = np.pad(sound.samples, (rate_hz, 2 * rate_hz))
    return (0.1 * samples + 0.001 * generator.standard_normal(len(samples))).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beat", KINDS)
def test_recognises_alarms_in_rooms_and_noise(beat: Beat, seed: int) -> None:
    case = draw_case(beat, RATE_HZ, np.random.default_rng([11, seed]))
    (verdict,) = decode_beats(case.samples, RATE_HZ)
    assert verdict.kind is KINDS[beat]
    assert verdict.num_periods >= 2
    partial = verdict.tone_hz / case.tone_hz
    assert abs(partial - round(partial)) < 0.03
    onsets = np.array([pulse.onset_seconds for pulse in case.pulses])
    assert np.min(np.abs(onsets - verdict.start_seconds)) < 0.12
    assert case.pulses[0].onset_seconds - 0.2 < verdict.start_seconds
    assert verdict.end_seconds < case.pulses[-1].onset_seconds + 1.2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beat", [Beat.REVERSING_LORRY, Beat.ALARM_CLOCK, Beat.MICROWAVE, Beat.CONTINUOUS])
def test_tells_nothing_of_what_beeps_like_an_alarm(beat: Beat, seed: int) -> None:
    case = draw_case(beat, RATE_HZ, np.random.default_rng([12, seed]))
    assert decode_beats(case.samples, RATE_HZ) == []


@pytest.mark.parametrize("beat", KINDS)
def test_until_two_periods_are_heard_nothing_is_told(beat: Beat) -> None:
    assert decode_beats(beating(beat, periods=1.0), RATE_HZ) == []
    assert kinds(decode_beats(beating(beat, periods=2.0), RATE_HZ)) == {KINDS[beat]}


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100])
@pytest.mark.parametrize("beat", KINDS)
def test_any_rate_will_do(beat: Beat, rate_hz: int) -> None:
    (verdict,) = decode_beats(beating(beat, rate_hz=rate_hz), rate_hz)
    assert verdict.kind is KINDS[beat]
    assert verdict.start_seconds == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("tempo", [0.9, 1.1])
@pytest.mark.parametrize("beat", KINDS)
def test_an_alarm_that_sounds_from_the_start_is_recognised(beat: Beat, tempo: float) -> None:
    sound = make_alarm(beat, Tone.PIEZO, RATE_HZ, np.random.default_rng(1), periods=2.4, tempo=tempo)
    noise = 0.001 * np.random.default_rng(2).standard_normal(len(sound.samples) + RATE_HZ)
    assert kinds(decode_beats(np.pad(sound.samples, (RATE_HZ // 4, RATE_HZ * 3 // 4)) + noise, RATE_HZ)) == {
        KINDS[beat]
    }


def chirping(gaps_seconds: list[float]) -> np.ndarray:
    generator = np.random.default_rng(6)
    samples = 0.003 * generator.standard_normal(int((sum(gaps_seconds) + 5.0) * RATE_HZ))
    beep = 0.1 * np.sin(2 * np.pi * 3100 * np.arange(int(0.1 * RATE_HZ)) / RATE_HZ)
    for at_seconds in np.cumsum([2.0, *gaps_seconds]):
        add_at(samples, beep, at_seconds, RATE_HZ)
    return samples


def test_knows_the_chirp_of_a_low_battery() -> None:
    (verdict,) = decode_beats(chirping([40.0, 40.2]), RATE_HZ)
    assert verdict.kind is BeatKind.CHIRP
    assert verdict.start_seconds == pytest.approx(2.0, abs=0.1)
    assert verdict.tone_hz == pytest.approx(3100, abs=10)


@pytest.mark.parametrize("gaps_seconds", [[40.0], [35.0, 45.0], [10.0, 10.0, 10.0], [40.0, 20.0, 20.0], [75.0, 75.0]])
def test_other_beeps_are_no_chirp(gaps_seconds: list[float]) -> None:
    assert decode_beats(chirping(gaps_seconds), RATE_HZ) == []


BOTH = np.concatenate([beating(Beat.TEMPORAL_THREE, periods=2.2), beating(Beat.TEMPORAL_FOUR, periods=1.3)])


def streamed(samples: np.ndarray, cuts: list[int]) -> list[BeatVerdict]:
    decoder = BeatDecoder(RATE_HZ)
    verdicts = [verdict for chunk in np.split(samples, cuts) for verdict in decoder.push(chunk)]
    return verdicts + decoder.flush()


@settings(max_examples=8)
@given(st.lists(st.integers(0, len(BOTH)), max_size=12))
def test_any_chunking_tells_the_same(cuts: list[int]) -> None:
    whole = streamed(BOTH, [])
    assert kinds(whole) == {BeatKind.TEMPORAL_THREE, BeatKind.TEMPORAL_FOUR}
    assert streamed(BOTH, sorted(cuts)) == whole


def test_a_beat_that_goes_on_is_told_again_with_every_period() -> None:
    told = streamed(beating(Beat.TEMPORAL_THREE, periods=6.0), [])
    assert [verdict.num_periods for verdict in told] == sorted({verdict.num_periods for verdict in told})
    assert told[0].num_periods == 2
    assert told[-1].num_periods >= 5
    assert len({verdict.start_seconds for verdict in told}) == 1
    assert decode_beats(beating(Beat.TEMPORAL_THREE, periods=6.0), RATE_HZ) == told[-1:]


def test_a_live_stream_hears_of_it_within_three_seconds_of_two_periods() -> None:
    samples = beating(Beat.TEMPORAL_THREE, periods=6.0)
    decoder = BeatDecoder(RATE_HZ)
    assert decoder.push(samples[: 8 * RATE_HZ]) == []
    assert kinds(decoder.push(samples[8 * RATE_HZ : 12 * RATE_HZ])) == {BeatKind.TEMPORAL_THREE}


@pytest.mark.parametrize("length", [0, 1, 767, 768, 20_000])
def test_short_and_silent_sounds_tell_nothing(length: int) -> None:
    assert decode_beats(np.zeros(length), RATE_HZ) == []
    assert decode_beats(np.full(length, 0.5), RATE_HZ) == []


def test_silence_and_noise_tell_nothing() -> None:
    assert decode_beats(np.zeros(40 * RATE_HZ), RATE_HZ) == []
    assert decode_beats(0.1 * np.random.default_rng(0).standard_normal(60 * RATE_HZ), RATE_HZ) == []


def test_an_alarm_after_digital_silence_is_heard_without_noise() -> None:
    sound = make_alarm(Beat.TEMPORAL_THREE, Tone.LOW_SQUARE, RATE_HZ, np.random.default_rng(0), periods=2.5)
    assert kinds(decode_beats(np.pad(0.01 * sound.samples, (RATE_HZ, RATE_HZ)), RATE_HZ)) == {BeatKind.TEMPORAL_THREE}


def test_refuses_what_is_no_sound() -> None:
    with pytest.raises(AudioError, match="NaN or infinite"):
        decode_beats(np.array([0.0, np.inf]), RATE_HZ)
    with pytest.raises(ConfigError, match="at least 8000 Hz"):
        BeatDecoder(4000)
    decoder = BeatDecoder(RATE_HZ)
    decoder.flush()
    with pytest.raises(RuntimeError, match="flushed"):
        decoder.push(np.zeros(1))


def test_memory_does_not_grow_with_the_stream() -> None:
    decoder = BeatDecoder(RATE_HZ)
    chunk = beating(Beat.TEMPORAL_THREE)
    for _ in range(3):
        decoder.push(chunk)
    tracemalloc.start()
    for _ in range(15):
        decoder.push(chunk)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 400_000


@pytest.mark.audio
def test_recognises_the_real_alarms(data_root: Path) -> None:
    with (manifests_folder() / "temporal_three.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["two_periods"] == "yes"]
    clips = [data_root / "audioset" / "audio" / f"{row['clip_id'].split('/')[1]}.ogg" for row in rows]
    recognised = [
        kinds(decode_beats(read_audio(clip, RATE_HZ), RATE_HZ)) == {BeatKind.TEMPORAL_THREE} for clip in clips
    ]
    assert np.mean(recognised) >= 0.8
