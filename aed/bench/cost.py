"""What one model costs, measured in the process that calls this: time, memory, latency.

The sound is made by formula: noise and tones, so that events come and go and what follows the network works too; and
noise alone, since what sounds like an alarm wakes the beat decoder, which takes longer than the network.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aed.api import is_exported, load_scorer, model_path
from aed.bench.sound import TONE_LEVEL, FloatArray, pattern
from aed.detect.detector import READ_SECONDS, Detector, DetectorConfig
from aed.scorer.protocol import Scorer

_KIB_PER_MIB = 1024
_STATUS = Path("/proc/self/status")
_WARM_UP_SECONDS = 5.0
"""Heard before anything is timed: the first calls plan memory."""


@dataclass(frozen=True)
class Cost:
    """What one model cost at one length and thread count.

    Attributes:
        model: The model's folder or file.
        backend: "onnx" or "pytorch".
        threads: Threads of one call of the network.
        sound_seconds: Length of what was heard.
        load_seconds: From the file to the first answer.
        times_real_time: Seconds of sound in a second by the clock.
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


def measure(model: Path, sound_seconds: float, threads: int) -> Cost:
    """Measure a model in this process, whose peak memory is taken for the model's."""
    started, name, model = time.perf_counter(), str(model), model_path(model)
    scorer = loaded(model, threads)
    scorer.score_clip(np.zeros(scorer.layout.row_samples, dtype=np.float32))
    load_seconds = time.perf_counter() - started
    rate_hz, advance = scorer.layout.rate_hz, scorer.layout.advance_samples
    with_tones, noise = pattern(rate_hz, TONE_LEVEL), pattern(rate_hz, 0.0)
    hear(scorer, with_tones, _WARM_UP_SECONDS, advance)
    clock, core = time.perf_counter(), time.process_time()
    hear(scorer, with_tones, sound_seconds, round(READ_SECONDS * rate_hz))
    by_clock, of_core = time.perf_counter() - clock, time.process_time() - core
    hops, core = hear(scorer, with_tones, sound_seconds, advance), time.process_time()
    hear(scorer, noise, sound_seconds, round(READ_SECONDS * rate_hz))
    of_core_in_noise = time.process_time() - core
    return Cost(
        model=name,
        backend="onnx" if is_exported(model) else "pytorch",
        threads=threads,
        sound_seconds=sound_seconds,
        load_seconds=load_seconds,
        times_real_time=sound_seconds / by_clock,
        times_real_time_of_core=sound_seconds / of_core,
        quiet_times_real_time_of_core=sound_seconds / of_core_in_noise,
        hop_seconds=advance / rate_hz,
        hop_milliseconds=1e3 * float(np.median(hops)),
        slow_hop_milliseconds=1e3 * float(np.percentile(hops, 95)),
        delay_seconds=scorer.layout.delay_seconds,
        peak_mib=peak_mib(),
        nodes=scorer.taxonomy.num_nodes,
    )


def loaded(model: Path, threads: int) -> Scorer:
    """Load a model that computes in so many threads.

    Raises:
        ModelError: It cannot be loaded.
    """
    if is_exported(model):
        from aed.scorer.onnx import OnnxScorer

        return OnnxScorer(model.read_bytes(), str(model), threads)
    scorer = load_scorer(model)
    import torch

    torch.set_num_threads(threads)
    return scorer


def hear(scorer: Scorer, sound: FloatArray, seconds: float, piece_samples: int) -> list[float]:
    """Find events in a sound that is heard again and again; the seconds that each piece took."""
    detector, took = Detector(scorer, DetectorConfig()), []
    for start in range(0, round(seconds * scorer.layout.rate_hz), piece_samples):
        piece = np.take(sound, np.arange(start, start + piece_samples), mode="wrap")
        began = time.perf_counter()
        detector.push(piece)
        took.append(time.perf_counter() - began)
    return took


def peak_mib() -> float:
    """Peak memory of this process; what it holds of that by which it was started, getrusage counts, Linux's own not."""
    if _STATUS.is_file():
        (peak_kib,) = re.findall(r"^VmHWM:\s*(\d+)", _STATUS.read_text(), re.MULTILINE)
        return int(peak_kib) / _KIB_PER_MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _KIB_PER_MIB if sys.platform != "darwin" else peak / _KIB_PER_MIB**2
