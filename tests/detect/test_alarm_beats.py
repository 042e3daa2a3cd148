"""An alarm takes the name that its beat says, whatever the chunks, and keeps its own without one."""

from __future__ import annotations

import numpy as np
import pytest

from aed.audio.alarms import Beat, Tone, make_alarm
from aed.detect import alarm_beats
from aed.detect.alarm_beats import GO_ON_SECONDS, KINDS_OF_ALARM, LOOK_BACK_SECONDS, AlarmBeats
from aed.detect.beat import BeatDecoder, BeatVerdict
from aed.detect.detector import Detector, DetectorConfig
from aed.detect.event import Event, by_onset
from aed.ontology.graph import load_ontology
from aed.ontology.user_tree import load_tree
from aed.scorer.protocol import BlockLayout

RATE_HZ = 16_000
HOME = load_tree("home")


def event(name: str, onset: float, offset: float) -> Event:
    node = HOME.find(name)
    return Event(onset, offset, node, HOME.nodes[node].id, name, tuple(HOME.path_names(node)), 0.9)


def alarm(beat: Beat, seconds: float, lead_seconds: float = 1.0) -> np.ndarray:
    """A piezo alarm in quiet noise, 16 kHz."""
    generator = np.random.default_rng(0)
    sound = make_alarm(beat, Tone.PIEZO, RATE_HZ, generator, periods=40.0 if beat is Beat.TEMPORAL_THREE else 12.0)
    samples = 1e-4 * generator.standard_normal(int(seconds * RATE_HZ))
    lead = int(lead_seconds * RATE_HZ)
    length = min(len(sound.samples), len(samples) - lead)
    samples[lead : lead + length] += 0.3 * sound.samples[:length]
    return samples.astype(np.float32)


def named(samples: np.ndarray, events: list[Event], step: int) -> list[tuple[str, str | None]]:
    """Names and beats; the model sees the alarm from 1 s on, and every event is told two seconds after its end."""
    beats, found, waiting = AlarmBeats(HOME, RATE_HZ), [], list(events)
    seen = 0
    for start in range(0, len(samples), step):
        chunk = samples[start : start + step]
        beats.push(chunk)
        rows = np.arange(seen, int((start + len(chunk)) / RATE_HZ / 0.1))
        seen += len(rows)
        believed = np.zeros((len(rows), HOME.num_nodes), dtype=bool)
        believed[rows >= 10, HOME.find("Alarm")] = True
        beats.watch(believed, 0.1 * (rows + 1))
        over = [each for each in waiting if each.offset_seconds + 2 <= (start + len(chunk)) / RATE_HZ]
        waiting = [each for each in waiting if each not in over]
        found += beats.name(over)
    found += beats.name(waiting) + beats.flush()
    return [(each.name, each.beat) for each in sorted(found, key=lambda each: each.onset_seconds)]


STORY = [event("Alarm", 1.0, 3.5), event("Siren", 13.0, 15.5), event("Dog", 14.0, 15.0), event("Safety alarm", 21, 24)]


@pytest.mark.parametrize(
    ("beat", "name"),
    [
        (Beat.TEMPORAL_THREE, "Smoke detector, smoke alarm"),
        (Beat.TEMPORAL_FOUR, "Carbon monoxide alarm"),
    ],
)
def test_a_beat_names_the_alarm_once_two_periods_are_heard(beat: Beat, name: str) -> None:
    found = named(alarm(beat, 26.0), STORY, RATE_HZ)
    assert found[0] == ("Alarm", None)  # too early to know
    assert found[1] == (name, str(beat))
    assert found[2] == ("Dog", None)
    assert found[3] == (name, str(beat))


def test_the_concepts_are_those_of_the_ontology() -> None:
    ontology = load_ontology()
    for concepts in KINDS_OF_ALARM.values():
        assert [each for each in reversed(ontology.path(concepts[0])) if each in concepts] == list(concepts)


@pytest.mark.parametrize("beat", [Beat.CONTINUOUS, Beat.REVERSING_LORRY, Beat.ALARM_CLOCK])
def test_other_beats_leave_an_alarm_what_it_is(beat: Beat) -> None:
    names = ["Alarm", "Siren", "Dog", "Safety alarm"]
    assert named(alarm(beat, 26.0), STORY, RATE_HZ) == [(name, None) for name in names]


def test_any_chunking_gives_the_same_names() -> None:
    samples = alarm(Beat.TEMPORAL_THREE, 26.0)
    whole = named(samples, STORY, len(samples))
    for step in (317, 8_000, 50_000):
        assert named(samples, STORY, step) == whole


def test_a_chirp_says_that_the_battery_is_low_and_names_no_kind() -> None:
    generator = np.random.default_rng(1)
    sound = make_alarm(Beat.CHIRP, Tone.PIEZO, RATE_HZ, generator, periods=3.5)
    samples = 1e-4 * generator.standard_normal(len(sound.samples) + 2 * RATE_HZ)
    samples[RATE_HZ : RATE_HZ + len(sound.samples)] += 0.3 * sound.samples
    onset = 1.0 + sound.pulses[3].onset_seconds
    found = named(samples.astype(np.float32), [event("Alarm", onset, onset + 0.3)], RATE_HZ)
    assert found == [("Alarm", "chirp")]


def test_without_an_alarm_the_decoder_hears_nothing_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    class Counting(BeatDecoder):
        def push(self, samples: np.ndarray) -> list[BeatVerdict]:
            heard.append(len(samples))
            return super().push(samples)

    monkeypatch.setattr(alarm_beats, "BeatDecoder", Counting)
    beats, quiet = AlarmBeats(HOME, RATE_HZ), 1e-4 * np.random.default_rng(2).standard_normal(RATE_HZ * 60)
    nothing, seconds = np.zeros((1, HOME.num_nodes), dtype=bool), 0.0
    believed = nothing.copy()
    believed[0, HOME.find("Siren")] = True
    for minute in range(20):
        beats.push(quiet.astype(np.float32))
        seconds += 60
        beats.watch(believed if minute == 9 else nothing, np.array([seconds]))
        beats.name([])
        if minute < 9:
            assert not heard
    assert sum(heard) / RATE_HZ == pytest.approx(LOOK_BACK_SECONDS + GO_ON_SECONDS, abs=1)
    assert beats._kept._ring.nbytes < 10e6


class LoudIsAlarm:
    """A scorer that hears an alarm in every loud row; half a second a row."""

    taxonomy = HOME
    layout = BlockLayout(RATE_HZ, 4 * 8000, 2 * 8000, 8000, 2, 8000, 8000)

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        rows = blocks[:, 8000:-8000].reshape(len(blocks), 2, 8000)
        is_loud = np.abs(rows).max(axis=2) > 0.05
        p = np.full((len(blocks), 2, HOME.num_nodes), 1e-3, dtype=np.float32)
        p[is_loud] = np.where(HOME.ancestor_matrix[HOME.find("Alarm")], 0.9, 1e-3)
        return np.log(p)

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@pytest.mark.parametrize("step", [160, 7_919, 64_000])
def test_the_detector_names_alarms_at_any_chunking(step: int) -> None:
    samples = alarm(Beat.TEMPORAL_THREE, 26.0)
    config = DetectorConfig(smoothing="none", merge_gap_seconds=0.5)
    whole = detected(samples, config, len(samples))
    assert detected(samples, config, step) == whole
    assert whole[0].name == "Alarm"
    assert [each.name for each in whole][2:] == ["Smoke detector, smoke alarm"] * (len(whole) - 2)
    assert whole[-1].to_dict()["beat"] == "temporal_three"


def detected(samples: np.ndarray, config: DetectorConfig, step: int) -> list[Event]:
    detector = Detector(LoudIsAlarm(), config)
    found = [each for start in range(0, len(samples), step) for each in detector.push(samples[start : start + step])]
    return by_onset(found + detector.flush())
