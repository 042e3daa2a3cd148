"""How fast `aed detect` is on a long recording, and how much memory it takes: on one core, from the file to the events.

    python benchmarks/detect_hour.py [--model runs/esc10/fold1 fold1.onnx ...] [--hours 1 12] [--rate 44100] [--json]

Makes the recording by formula, detects in it in a process of its own that may use one core, and does the same with
one minute: the difference of the two peaks is what an hour costs in memory, and the difference of the two times is what
the hour costs without the start of Python and the loading of the model. Several lengths show whether memory grows: of
`--hours 1 12` both peaks should be the same (12 hours at 16 kHz are a file of 1.4 GB for as long). Several models, such
as a folder and its exports, take turns. Without `--model` a network of the default size with random weights is used,
which is as fast as a trained one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

CHUNK_SECONDS = 10
KIB_PER_MIB = 1024


def write_recording(path: Path, seconds: int, rate_hz: int) -> None:
    """Write noise with a rising tone every ten seconds, 16 bit, one channel."""
    generator = np.random.default_rng(0)
    times = np.arange(CHUNK_SECONDS * rate_hz) / rate_hz
    tone = 0.3 * np.sin(2 * np.pi * (400 + 100 * times) * times) * (np.abs(times - 5) < 1)
    with soundfile.SoundFile(path, "w", rate_hz, 1, subtype="PCM_16") as file:
        for _ in range(seconds // CHUNK_SECONDS):
            file.write(tone + generator.normal(0, 0.01, len(times)))


def write_model(folder: Path) -> None:
    """Save a network of the default size with random weights, and the taxonomy of all ESC-50 classes."""
    import torch

    from aed.model import ModelConfig, TreeModel
    from aed.ontology.graph import load_ontology
    from aed.ontology.labels import load_label_map
    from aed.ontology.taxonomy import build_taxonomy

    torch.manual_seed(0)
    concepts = load_label_map("esc50").concept_ids
    taxonomy = build_taxonomy(load_ontology(), concepts, task="single", none_of_these=True)
    TreeModel(ModelConfig(), taxonomy).save(folder)


@dataclass(frozen=True)
class Measurement:
    """What one call of `aed detect` took.

    Attributes:
        model: Name of the model's folder or file.
        recording_seconds: Length of the recording.
        wall_seconds: Time by the clock, the start of Python and the loading of the model included.
        cpu_seconds: Time that the core worked for it: less than by the clock where other programs ran beside it.
        peak_mib: Peak memory of the process.
        num_events: Events found.
    """

    model: str
    recording_seconds: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    num_events: int

    def __str__(self) -> str:
        return (
            f"{self.model}: {self.recording_seconds:>6} s of sound: {self.wall_seconds:6.2f} s by the clock "
            f"({self.recording_seconds / self.wall_seconds:.0f}x real time), {self.cpu_seconds:6.2f} s of one core "
            f"({self.recording_seconds / self.cpu_seconds:.0f}x), {self.peak_mib:.0f} MiB, {self.num_events} found"
        )


def measure(recording: Path, seconds: int, model: Path, draw: bool) -> Measurement:
    """Detect in a process of its own that may use one core.

    The peak of a child starts with what this process holds when it starts it: so no torch is loaded here.
    """
    events = recording.with_suffix(".jsonl")
    command = [sys.executable, "-m", "aed", "detect", str(recording), "--model", str(model), "--format", "jsonl"]
    command += ["--out", str(events)]
    command += ["--draw", str(recording.with_suffix(".png"))] if draw else []
    started = time.perf_counter()
    child = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(child.pid, {max(os.sched_getaffinity(0))})
    _, status, usage = os.wait4(child.pid, 0)
    wall_seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"this command failed: {' '.join(command)}")
    return Measurement(
        model=model.name,
        recording_seconds=seconds,
        wall_seconds=round(wall_seconds, 2),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 2),
        peak_mib=round(usage.ru_maxrss / KIB_PER_MIB, 1),
        num_events=len(events.read_text().splitlines()),
    )


def without_start(short: Measurement, long: Measurement) -> str:
    """Say how fast one model is once it is loaded, and what the longer recording takes in memory."""
    seconds = long.recording_seconds - short.recording_seconds
    cpu_seconds = max(long.cpu_seconds - short.cpu_seconds, 0.01)
    return (
        f"{long.model}: {seconds / cpu_seconds:.0f}x real time of one core without the start, "
        f"{long.peak_mib - short.peak_mib:+.1f} MiB from {short.recording_seconds} to {long.recording_seconds} s"
    )


def main() -> None:
    """Measure one minute and the whole recording, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, nargs="+", help="folders of trained models, or .onnx files")
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0], help="lengths, the shortest first")
    parser.add_argument("--rate", type=int, default=44_100, help="sample rate of the recording in Hz")
    parser.add_argument("--draw", action="store_true", help="draw the timeline too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        models = options.model or [Path(name) / "model"]
        if options.model is None:
            make = multiprocessing.get_context("spawn").Process(target=write_model, args=(*models,))
            make.start()
            make.join()
        results = []
        for seconds in (60, *(round(hours * 3600) for hours in options.hours)):
            recording = Path(name) / f"{seconds}.wav"
            write_recording(recording, seconds, options.rate)
            results += [measure(recording, seconds, model, options.draw) for model in models]
            recording.unlink()
    pairs = [(short, long) for short, long in zip(results, results[len(models) :], strict=False)]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        print("\n".join([*map(str, results), *(without_start(*pair) for pair in pairs)]))


if __name__ == "__main__":
    main()
