"""What one model costs, measured in the process that calls this: time, memory, latency.

The sound is made by formula: noise and tones, so that events come and go and what follows the network works too; and
noise alone, since what sounds like an alarm wakes the beat decoder, which takes longer than the network.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.api import is_exported, load_scorer, model_path
from aed.detect.detector import READ_SECONDS, Detector, DetectorConfig
from aed.scorer.protocol import Scorer

_KIB_PER_MIB = 1024
_TONE_EVERY_SECONDS, _TONE_SECONDS, _TONE_HZ = 10.0, 2.0, 800.0
_NOISE_LEVEL, _TONE_LEVEL = 0.01, 0.3
_WARM_UP_SECONDS = 5.0
"""Heard before anything is timed: the first calls plan memory."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cost:
    """What one model cost at one length, thread count and number of streams.

    Attributes:
        model: The model's folder or file.
        backend: "onnx" or "pytorch".
        threads: Threads of one call of the network.
        streams: Streams that one process heard in turns.
        sound_seconds: Length of each.
        load_seconds: From the file to the first answer.
        times_real_time: Seconds of sound, of all streams, in a second by the clock.
        times_real_time_of_core: The same in a second of processor time: what is left where others use it too.
        quiet_times_real_time_of_core: The same on noise alone.
        hop_seconds: Sound of one call of a live stream.
        hop_milliseconds: Time that such a call takes, half of them at most.
        slow_hop_milliseconds: The same for all but 5 % of them.
        delay_seconds: Longest time from a sound to the decision about it.
        peak_mib: Peak memory of the process.
        nodes: Nodes of the tree.
    """

    model: str
    backend: str
    threads: int
    streams: int
    sound_seconds: float
    load_seconds: float
    times_real_time: float
    times_real_time_of_core: float
    quiet_times_real_time_of_core: float
    hop_seconds: float
    hop_milliseconds: float
    slow_hop_milliseconds: float
    delay_seconds: float
    peak_mib: float
    nodes: int


def measure(model: Path, sound_seconds: float, threads: int, streams: int) -> Cost:
    """Measure a model in this process, whose peak memory is taken for the model's."""
    started, name, model = time.perf_counter(), str(model), model_path(model)
    scorer = _loaded(model, threads)
    scorer.score_clip(np.zeros(scorer.layout.row_samples, dtype=np.float32))
    load_seconds = time.perf_counter() - started
    rate_hz, advance = scorer.layout.rate_hz, scorer.layout.advance_samples
    with_tones, noise = _pattern(rate_hz, _TONE_LEVEL), _pattern(rate_hz, 0.0)
    _hear(scorer, with_tones, _WARM_UP_SECONDS, advance, 1)
    clock, core = time.perf_counter(), time.process_time()
    _hear(scorer, with_tones, sound_seconds, round(READ_SECONDS * rate_hz), streams)
    by_clock, of_core = time.perf_counter() - clock, time.process_time() - core
    hops, core = _hear(scorer, with_tones, sound_seconds, advance, 1), time.process_time()
    _hear(scorer, noise, sound_seconds, round(READ_SECONDS * rate_hz), streams)
    of_core_in_noise = time.process_time() - core
    return Cost(
        model=name,
        backend="onnx" if is_exported(model) else "pytorch",
        threads=threads,
        streams=streams,
        sound_seconds=sound_seconds,
        load_seconds=load_seconds,
        times_real_time=streams * sound_seconds / by_clock,
        times_real_time_of_core=streams * sound_seconds / of_core,
        quiet_times_real_time_of_core=streams * sound_seconds / of_core_in_noise,
        hop_seconds=advance / rate_hz,
        hop_milliseconds=1e3 * float(np.median(hops)),
        slow_hop_milliseconds=1e3 * float(np.percentile(hops, 95)),
        delay_seconds=scorer.layout.delay_seconds,
        peak_mib=_peak_mib(),
        nodes=scorer.taxonomy.num_nodes,
    )


def _loaded(model: Path, threads: int) -> Scorer:
    if is_exported(model):
        from aed.scorer.onnx import OnnxScorer

        return OnnxScorer(model.read_bytes(), str(model), threads)
    scorer = load_scorer(model)
    import torch

    torch.set_num_threads(threads)
    return scorer


def _hear(scorer: Scorer, pattern: FloatArray, seconds: float, piece_samples: int, streams: int) -> list[float]:
    """Hear a sound piece by piece in several streams; the seconds that each piece took."""
    detectors, took = [Detector(scorer, DetectorConfig()) for _ in range(streams)], []
    for start in range(0, round(seconds * scorer.layout.rate_hz), piece_samples):
        piece = np.take(pattern, np.arange(start, start + piece_samples), mode="wrap")
        for detector in detectors:
            began = time.perf_counter()
            detector.push(piece)
            took.append(time.perf_counter() - began)
    return took


def _pattern(rate_hz: int, tone_level: float) -> FloatArray:
    """What is heard again and again: so a long sound takes no memory."""
    times = np.arange(round(_TONE_EVERY_SECONDS * rate_hz)) / rate_hz
    noise = np.random.default_rng(0).standard_normal(len(times))
    tone = (times < _TONE_SECONDS) * np.sin(2 * np.pi * _TONE_HZ * times)
    sound: FloatArray = (_NOISE_LEVEL * noise + tone_level * tone).astype(np.float32)
    return sound


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _KIB_PER_MIB if sys.platform != "darwin" else peak / _KIB_PER_MIB**2
