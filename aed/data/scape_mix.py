"""From a plan of a scene to its samples, once for each signal-to-noise ratio.

The ratio is as `ScapeConfig` defines it. A scene that would go over full scale is turned down as a whole: that changes
no ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from aed.audio.waves import Wave, coloured_noise, fade, gain_from_db
from aed.data.scape_config import ScapeConfig
from aed.data.scape_plan import Piece, PlacedPiece, ScenePlan, join_samples

QUIETEST_UNDER_DB = 20.0
"""A background counts as no quieter than this under its level in the scene: else an event between two ticks of a clock
would be as inaudible as the pause."""
FADE_SECONDS = 0.005
"""An event begins and ends so softly: cut out of its clip it would click."""
HIGHEST_PEAK = 0.99
_STEEPEST_NOISE = 2.0
"""Noise by formula falls as frequency to the power of 0 (white) to -2 (brown)."""

ReadPiece = Callable[[Piece], npt.NDArray[np.float32]]
"""Returns the samples of a piece of a clip."""


def mix_scene(plan: ScenePlan, config: ScapeConfig, read: ReadPiece) -> Iterator[tuple[float, Wave]]:
    """Yield (ratio in dB, samples) of a scene for each ratio of the settings."""
    background = _background(plan, config, read)
    events = [(placed, _event(read(placed.piece), config)) for placed in plan.events]
    for snr_db in config.snr_db:
        scene = background.copy()
        for placed, wave in events:
            gain = gain_from_db(snr_db) * _level_under(placed, background, plan) / root_mean_square(wave)
            scene[placed.at_samples : placed.end_samples] += gain * wave
        yield snr_db, scene * min(1.0, HIGHEST_PEAK / max(float(np.abs(scene).max()), HIGHEST_PEAK))


def root_mean_square(wave: Wave) -> float:
    """Return the level of samples, (samples,), as a factor of full scale."""
    return float(np.sqrt(np.mean(wave**2)))


def _level_under(placed: PlacedPiece, background: Wave, plan: ScenePlan) -> float:
    """Root mean square of the background under an event, as far as it counts."""
    under = background[placed.at_samples : placed.end_samples]
    return max(root_mean_square(under), gain_from_db(plan.background_dbfs - QUIETEST_UNDER_DB))


def _event(samples: npt.NDArray[np.float32], config: ScapeConfig) -> Wave:
    return fade(samples.astype(np.float64), config.rate_hz, FADE_SECONDS)


def _background(plan: ScenePlan, config: ScapeConfig, read: ReadPiece) -> Wave:
    level, scene = gain_from_db(plan.background_dbfs), np.zeros(plan.samples)
    last = len(plan.backgrounds) - 1
    for place, placed in enumerate(plan.backgrounds):
        wave = _noise(plan, config) if placed.piece.source is None else read(placed.piece).astype(np.float64)
        wave = wave * (level / max(root_mean_square(wave), np.finfo(np.float64).tiny))
        _fade_over(wave, join_samples(config), begins=place > 0, ends=place < last)
        scene[placed.at_samples : placed.end_samples] += wave
    return scene


def _noise(plan: ScenePlan, config: ScapeConfig) -> Wave:
    generator = np.random.default_rng([config.seed, config.fold, config.part == "test", plan.number])
    return coloured_noise(plan.samples, generator, generator.uniform(0.0, _STEEPEST_NOISE))


def _fade_over(wave: Wave, join: int, *, begins: bool, ends: bool) -> None:
    """Fade in and out in place, so that the power of two sounds that fade over into each other stays the same."""
    ramp = np.sin(np.pi / 2 * (np.arange(join) + 0.5) / join)
    if begins:
        wave[:join] *= ramp
    if ends:
        wave[-join:] *= ramp[::-1]
