"""The mixing against an obvious twin that adds frame by frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aed.features.logmel import LogMel, LogMelConfig
from aed.train.scene_mix import active_level, mix_scenes
from aed.train.scene_plan import ScenePlan, ScenesConfig, draw_plan

NUM_FRAMES, MEL = 40, 5


def rows_of_sound(batch: int, seed: int) -> torch.Tensor:
    """Log-mel of sounds of different levels, with silence in between and one row that is silent throughout."""
    generator = torch.Generator().manual_seed(seed)
    frames = (
        2.5 * torch.rand(batch, NUM_FRAMES, MEL, generator=generator) * torch.rand(batch, 1, 1, generator=generator)
    )
    frames[torch.rand(batch, NUM_FRAMES, generator=generator) < 0.3] = 0
    frames[1] = 0
    return frames


def twin(frames: torch.Tensor, plan: ScenePlan) -> torch.Tensor:
    """One scene, one source, one frame at a time, in double precision."""
    power = np.expm1(frames.double().numpy() / 0.125)
    scenes = []
    for scene in range(len(plan.rows)):
        background = power[int(plan.rows[scene, 0])]
        quiet = level(background) <= 1e-6
        used = [event for event in range(plan.used.shape[1]) if plan.used[scene, event]]
        loudest_db = max([0.0, *(float(plan.snr_db[scene, event]) for event in used)])
        whole = 0.0 if quiet else -loudest_db
        mixed = background * 10 ** (whole / 10)
        for event in used:
            row, length = power[int(plan.rows[scene, 1 + event])], int(plan.length[scene, event])
            loudest = int(row.sum(axis=1).argmax())
            begin = min(
                max(0, loudest - math.floor(float(plan.loudest_at[scene, event]) * length)), NUM_FRAMES - length
            )
            piece = row[begin : begin + length]
            gain = 1.0
            if not quiet and level(piece) > 0:
                gain = level(background) / level(piece) * 10 ** ((float(plan.snr_db[scene, event]) + whole) / 10)
            for frame in range(length):
                mixed[int(plan.place[scene, event]) + frame] += gain * piece[frame]
        scenes.append(0.125 * np.log1p(mixed))
    return torch.from_numpy(np.stack(scenes)).float()


def level(power: np.ndarray) -> float:
    """Mean power of the frames that are at most 30 dB under the loudest."""
    over_mel = [float(frame.sum()) for frame in power]
    active = [value for value in over_mel if value >= max(over_mel) / 1000]
    return sum(active) / len(active)


@pytest.mark.parametrize("seed", range(6))
def test_a_mix_is_what_the_twin_adds_up(seed: int) -> None:
    frames = rows_of_sound(7, seed)
    before = frames.clone()
    config = ScenesConfig(share=0.6, event_seconds=(0.1, 0.7))
    plan = draw_plan(
        torch.tensor([True] * 5 + [False] * 2), NUM_FRAMES, 0.02, config, torch.Generator().manual_seed(seed)
    )
    mixed, sources = mix_scenes(frames, plan)
    torch.testing.assert_close(mixed, twin(frames, plan), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mixed, 0.125 * torch.log1p(sources.sum(dim=1)))
    assert torch.equal(frames, before), "the batch's own rows are left alone"


def plan_of(snr_db: float, length: int = 10, place: int = 20, used: bool = True) -> ScenePlan:
    """Row 0 with one event of row 1, whose loudest moment comes first."""
    one = torch.ones(1, 1)
    return ScenePlan(
        torch.tensor([[0, 1]]), one == used, one.long() * length, one.long() * place, one * 0, one * snr_db
    )


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.0])
def test_the_ratio_is_kept_and_the_scene_no_louder_than_the_background_was(snr_db: float) -> None:
    frames = 0.5 + rows_of_sound(2, 0)
    frames[1, 7] = 2.0
    _, sources = mix_scenes(frames, plan_of(snr_db))
    background, event = active_level(sources)[0]
    assert 10 * math.log10(event / background) == pytest.approx(snr_db, abs=0.01)
    assert max(background, event) == pytest.approx(float(active_level(torch.expm1(frames / 0.125))[0]), rel=1e-4)


def test_the_piece_holds_the_loudest_moment_and_sounds_nowhere_else() -> None:
    frames = 0.5 + rows_of_sound(2, 0)
    frames[1, 7] = 2.4
    _, sources = mix_scenes(frames, plan_of(10.0))
    power = sources[0, 1].sum(dim=1)
    assert power.argmax() == 20
    assert power.nonzero()[:, 0].tolist() == list(range(20, 30))


def test_without_an_event_the_background_is_left_as_it_is() -> None:
    frames = 0.5 + rows_of_sound(2, 0)
    mixed, _ = mix_scenes(frames, plan_of(20.0, used=False))
    torch.testing.assert_close(mixed[0], frames[0])


def test_over_silence_an_event_stays_as_loud_as_it_was() -> None:
    frames = rows_of_sound(3, 0)[[1, 2]]
    frames[1, :, :] = 1.0
    mixed, _ = mix_scenes(frames, plan_of(20.0))
    torch.testing.assert_close(mixed[0, 20:30], frames[1, :10])
    assert (mixed[0, :20] == 0).all()


def test_frames_mix_as_their_waveforms_do() -> None:
    """Two noises: the log-mel of the sum of their samples is near the mix of their log-mels."""
    samples = 0.05 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    logmel = LogMel(LogMelConfig())
    frames = logmel(samples)
    mixed, _ = mix_scenes(frames, plan_of(0.0, length=50, place=0))
    summed = logmel(samples.sum(dim=0, keepdim=True))
    assert float((mixed - summed).mean().abs()) < 0.02, "0.02 is 0.7 dB"
