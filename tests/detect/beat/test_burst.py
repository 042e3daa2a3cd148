"""Fine rows are made only where two bursts are in sight, and every second once."""

from __future__ import annotations

import numpy as np
import pytest

from aed.audio.alarm_cases import draw_case
from aed.audio.alarms import Beat, Tone, make_alarm
from aed.detect.beat import fast
from aed.detect.beat.decoder import BeatDecoder, BeatKind, BeatVerdict
from aed.detect.beat.rows import BLOCK_ROWS, Rows, ToneRows

RATE_HZ = 16_000
BLOCK_SAMPLES = 16_384


def heard(samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[BeatVerdict]]:
    """How many blocks of fine rows a stream costs, and what is told."""
    blocks: list[int] = []

    class Counting(ToneRows):
        def rows(self, samples: np.ndarray) -> Rows:
            rows = super().rows(samples)
            blocks.append(len(rows))
            return rows

    monkeypatch.setattr(fast, "ToneRows", Counting)
    decoder = BeatDecoder(RATE_HZ)
    told = decoder.push(samples) + decoder.flush()
    assert all(count <= BLOCK_ROWS for count in blocks)
    return len(blocks), told


def noisy(sound: np.ndarray, seconds: float) -> np.ndarray:
    samples = 0.003 * np.random.default_rng(4).standard_normal(int(seconds * RATE_HZ))
    samples[RATE_HZ : RATE_HZ + len(sound)] += 0.1 * sound[: len(samples) - RATE_HZ]
    return samples.astype(np.float32)


def test_a_carbon_monoxide_alarm_costs_every_second_of_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = make_alarm(Beat.TEMPORAL_FOUR, Tone.PIEZO, RATE_HZ, np.random.default_rng(1), periods=5.0).samples
    samples = noisy(sound, 80.0)
    count, told = heard(samples, monkeypatch)
    assert {verdict.kind for verdict in told} == {BeatKind.TEMPORAL_FOUR}
    seconds = count * BLOCK_SAMPLES / RATE_HZ
    assert 20.0 < seconds < 40.0  # 28 s of alarm, and what its last verdict waits for


@pytest.mark.parametrize("beat", [Beat.TEMPORAL_THREE, Beat.CONTINUOUS, Beat.REVERSING_LORRY])
def test_other_alarms_cost_no_fine_rows(beat: Beat, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = make_alarm(beat, Tone.PIEZO, RATE_HZ, np.random.default_rng(1), periods=6.0).samples
    count, _ = heard(noisy(sound, 30.0), monkeypatch)
    assert count == 0


def test_noise_costs_next_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    count, told = heard(noisy(np.zeros(0), 120.0), monkeypatch)
    assert told == []
    assert count * BLOCK_SAMPLES / RATE_HZ < 24.0


@pytest.mark.parametrize("seed", range(3))
def test_what_is_in_sight_is_told_as_if_all_had_been_heard(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = draw_case(Beat.TEMPORAL_FOUR, RATE_HZ, np.random.default_rng([13, seed])).samples
    _, told = heard(samples, monkeypatch)
    monkeypatch.setattr(fast.BurstScout, "is_pair_in_sight", lambda self: True)
    monkeypatch.setattr(fast.BurstScout, "is_pair_at_end", lambda self: True)
    _, all_told = heard(samples, monkeypatch)
    kinds = {verdict.kind for verdict in told}
    assert kinds == {verdict.kind for verdict in all_told} == {BeatKind.TEMPORAL_FOUR}
    assert max(verdict.num_periods for verdict in told) == max(verdict.num_periods for verdict in all_told)
