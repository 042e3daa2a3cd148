"""Trying alarms made by formula: the tone, the beat, the delays, and the trial heard again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aed.audio.alarms import Beat, Tone, make_alarm
from aed.detect.detector import DetectorConfig
from aed.errors import ConfigError
from aed.monitor.commission import AlarmTrial, Trial
from aed.monitor.commission_files import keep_trial, kept_trials, replay, worse
from aed.ontology.structure import Node, Taxonomy
from aed.scorer.protocol import BlockLayout
from tests.fake_scorer import small_scorer

RATE_HZ = 16_000
LAYOUT = BlockLayout(RATE_HZ, 10_240, 10_240, 0, 8, 1_280, 1_280)
TREE = Taxonomy(
    (
        Node("s", "Sound", -1, 0, "root"),
        Node("/m/07pp_mv", "Alarm", 0, 1, "concept"),
        Node("aed:safety_alarm", "Safety alarm", 1, 2, "concept"),
        Node("/m/01y3hg", "Smoke detector, smoke alarm", 2, 3, "concept"),
    ),
    "multi",
)


@dataclass(frozen=True)
class LoudIsAlarm:
    """Hears a safety alarm wherever it is loud."""

    taxonomy: Taxonomy = TREE
    layout: BlockLayout = LAYOUT
    loud: float = 0.05

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        peaks = np.abs(blocks).reshape(len(blocks), 8, -1).max(axis=-1)
        p = np.where(peaks > self.loud, 0.9, 0.01)[..., None] * np.array([1.0, 1.0, 1.0, 0.1]) + [1, 0, 0, 0]
        return np.log(np.minimum(p, 1.0)).astype(np.float32)

    def score_clip(self, samples: np.ndarray) -> np.ndarray:
        return self.score_blocks(np.resize(samples, (1, 10_240)))[0, 0]


def alarm(beat: Beat = Beat.TEMPORAL_THREE, periods: float = 3.0) -> np.ndarray:
    generator = np.random.default_rng(1)
    made = make_alarm(beat, Tone.PIEZO, RATE_HZ, generator, periods=periods)
    samples = np.pad(0.3 * made.samples, (2 * RATE_HZ, RATE_HZ))
    return (samples + 0.001 * generator.standard_normal(len(samples))).astype(np.float32)


def tried(samples: np.ndarray) -> Trial:
    trial = AlarmTrial(LoudIsAlarm(), DetectorConfig(), RATE_HZ)
    for start in range(0, len(samples), 1_600):
        trial.push(samples[start : start + 1_600])
    return trial.finish("kitchen", "mic:", datetime(2026, 11, 1, tzinfo=UTC))


def test_a_smoke_alarm_is_heard_and_known_by_its_beat() -> None:
    trial = tried(alarm())
    assert trial.is_passed
    assert trial.heard_as == "Alarm > Safety alarm"
    assert trial.verdict == "smoke"
    assert trial.tone_hz is not None and 2500 < trial.tone_hz < 3800
    assert trial.snr_db is not None and trial.snr_db > 30
    assert trial.report_delay_seconds is not None and 0.3 < trial.report_delay_seconds < 3
    assert trial.verdict_delay_seconds is not None and 6 < trial.verdict_delay_seconds < 10


def test_silence_is_no_alarm() -> None:
    trial = tried((0.001 * np.random.default_rng(0).standard_normal(5 * RATE_HZ)).astype(np.float32))
    assert not trial.is_passed
    assert trial.tone_hz is trial.snr_db is trial.verdict is trial.report_delay_seconds is None


def test_a_kept_trial_is_heard_again_and_what_got_worse_is_told(tmp_path: Path) -> None:
    samples = alarm()
    trial = tried(samples)
    keep_trial(tmp_path, trial, samples, RATE_HZ)
    ((recording, kept),) = kept_trials(tmp_path)
    assert kept == trial
    again = replay(LoudIsAlarm(), DetectorConfig(), recording, kept)
    assert worse(kept, again) == []
    deaf = replay(LoudIsAlarm(loud=2.0), DetectorConfig(), recording, kept)
    assert worse(kept, deaf) == ["it was heard as Alarm > Safety alarm, now not at all"]


def test_a_model_without_alarms_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no alarm"):
        AlarmTrial(small_scorer(), DetectorConfig(), RATE_HZ)
    with pytest.raises(ConfigError, match="no trial is kept here"):
        kept_trials(tmp_path)
