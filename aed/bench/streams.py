"""How cost grows with the number of live streams that one process listens to on one core."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from aed.api import model_path
from aed.bench.apart import measured_apart
from aed.bench.cost import loaded, peak_mib
from aed.bench.sound import TONE_LEVEL, FloatArray, pattern
from aed.detect.stream import StreamDetector
from aed.scorer.protocol import Scorer

PIECE_SECONDS = 0.2
"""What a live source hands on at a time."""
_WARM_UP_SECONDS = 5.0


@dataclass(frozen=True)
class StreamsCost:
    """What so many streams cost.

    Attributes:
        model: The model's folder or file.
        streams: How many are heard in turns, piece by piece.
        sound_seconds: Length of each.
        core_share: Share of one core that each takes at its own speed, on noise with tones.
        quiet_core_share: The same on noise alone.
        peak_mib: Peak memory of the process.
    """

    model: str
    streams: int
    sound_seconds: float
    core_share: float
    quiet_core_share: float
    peak_mib: float


def growth_with_streams(model: Path, numbers: Sequence[int], sound_seconds: float) -> Iterator[StreamsCost]:
    """Measure each number of streams in a process of its own.

    Raises:
        ModelError: The model cannot be loaded.
    """
    for number in numbers:
        yield StreamsCost(**measured_apart("streams", [str(model), str(number), str(sound_seconds)], threads=1))


def measure_streams(model: Path, streams: int, sound_seconds: float) -> StreamsCost:
    """Measure one number of streams in this process."""
    scorer = loaded(model_path(model), threads=1)
    with_tones, noise = (pattern(scorer.layout.rate_hz, level) for level in (TONE_LEVEL, 0.0))
    _core_share(scorer, with_tones, _WARM_UP_SECONDS, 1)
    return StreamsCost(
        model=str(model),
        streams=streams,
        sound_seconds=sound_seconds,
        core_share=_core_share(scorer, with_tones, sound_seconds, streams),
        quiet_core_share=_core_share(scorer, noise, sound_seconds, streams),
        peak_mib=peak_mib(),
    )


def _core_share(scorer: Scorer, sound: FloatArray, seconds: float, streams: int) -> float:
    """Processor time for a second of one stream."""
    rate_hz = scorer.layout.rate_hz
    detectors, step = [StreamDetector(scorer, rate_hz) for _ in range(streams)], round(PIECE_SECONDS * rate_hz)
    started = time.process_time()
    for start in range(0, round(seconds * rate_hz), step):
        piece = np.take(sound, np.arange(start, start + step), mode="wrap")
        for detector in detectors:
            detector.push(piece)
    return (time.process_time() - started) / (seconds * streams)


if __name__ == "__main__":
    named, number, length = sys.argv[1:]
    print(json.dumps(asdict(measure_streams(Path(named), int(number), float(length)))))
