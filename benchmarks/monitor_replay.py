"""What a monitor costs: hours of mixed sound replayed at full speed, and several sources at their own speed.

    python benchmarks/monitor_replay.py [--model home.onnx] [--hours 6] [--sources 4] [--watch-seconds 60] [--json]
        [--recordings FOLDER]

The sound is a loop of clips between noise: those of a folder, or else made by formula. Replayed at full speed it shows
whether memory grows (the resident size of the process after each twelfth of the hours); at its own speed it shows what
share of one core each source takes. Each is done in a process of its own, and the start of Python is not counted.
Without `--model` a network of the default size with random weights is exported, which is as fast as a trained one; it
has no opinions, so a rule for loud sounds makes the events.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE_HZ = 16_000
LOOP_SECONDS = 600
NOISE_LEVEL, CLIP_LEVEL = 0.003, 0.3
GAP_SECONDS = (2.0, 20.0)
NUM_LOOKS = 12
"""How often the memory is looked at during a replay."""
WARM_UP_SECONDS = 10.0
"""Until the first blocks are through and the caches are warm; not counted at a source's own speed."""
BYTES_PER_MEBIBYTE = 1 << 20


@dataclass
class Measurement:
    """What one run took.

    Attributes:
        what: Which one.
        sources: How many sources at once.
        sound_seconds: Of sound, of each source.
        wall_seconds: By the clock.
        cpu_seconds: Of a core, all threads together.
        resident_mib: Memory of the process at each look.
        peak_mib: The most that it was.
        events: Remembered.
        clips: Written.
    """

    what: str
    sources: int
    sound_seconds: float
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    resident_mib: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    events: int = 0
    clips: int = 0

    @property
    def core_share(self) -> float:
        """Share of one core that a second of one source takes."""
        return self.cpu_seconds / (self.sound_seconds * self.sources)

    def __str__(self) -> str:
        memory = " ".join(f"{size:.0f}" for size in self.resident_mib)
        return (
            f"{self.what}: {self.sources} x {self.sound_seconds:.0f} s in {self.wall_seconds:.1f} s, "
            f"{self.core_share:.2%} of a core per source at its own speed, MiB: {memory} (peak {self.peak_mib:.0f}), "
            f"{self.events} events, {self.clips} clips"
        )


def write_loop(path: Path, recordings: Path | None) -> None:
    """Write the sound that is heard again and again: clips with noise between them, 16 bit, one channel."""
    generator = np.random.default_rng(0)
    parts, seconds, clips = [], 0.0, _clips(recordings, generator)
    while seconds < LOOP_SECONDS:
        clip = next(clips)
        gap = np.zeros(int(generator.uniform(*GAP_SECONDS) * RATE_HZ))
        parts += [gap, CLIP_LEVEL * clip / max(1e-6, float(np.abs(clip).max()))]
        seconds += (len(gap) + len(clip)) / RATE_HZ
    sound = np.concatenate(parts)[: LOOP_SECONDS * RATE_HZ]
    soundfile.write(path, sound + generator.normal(0, NOISE_LEVEL, len(sound)), RATE_HZ, subtype="PCM_16")


def _clips(recordings: Path | None, generator: np.random.Generator) -> Any:
    from aed.audio.read import read_audio
    from aed.audio.synth import SOUNDS
    from aed.data.audio_files import audio_paths

    paths = list(audio_paths(recordings)) if recordings is not None else []
    while True:
        if paths:
            yield read_audio(paths[int(generator.integers(len(paths)))], RATE_HZ, max_seconds=10.0)
        else:
            yield SOUNDS[str(generator.choice(sorted(SOUNDS)))](RATE_HZ, generator)


def export_random_model(path: Path) -> None:
    """Export a network of the default size with random weights over all ESC-50 classes."""
    import torch

    from aed.export.export import export_model
    from aed.model import ModelConfig, TreeModel, WindowConfig
    from aed.ontology.graph import load_ontology
    from aed.ontology.labels import load_label_map
    from aed.ontology.taxonomy import build_taxonomy

    torch.manual_seed(0)
    concepts = load_label_map("esc50").concept_ids
    taxonomy = build_taxonomy(load_ontology(), concepts, task="single", none_of_these=True)
    config = ModelConfig(window=WindowConfig(rows_per_block=8))
    TreeModel(config, taxonomy).save(path.with_suffix(""))
    export_model(path.with_suffix(""), path)


class _Loop:
    """A recording without an end, up to some length, as a source."""

    is_live = False

    def __init__(self, path: Path, seconds: float, speed: float | None) -> None:
        self.name, self.rate_hz = path.stem, soundfile.info(path).samplerate
        self._path, self._left, self._speed = path, round(seconds * self.rate_hz), speed
        self._closed = threading.Event()

    def pieces(self) -> Any:
        from aed.monitor.sources.file_source import FileSource
        from aed.monitor.sources.source import Piece

        while self._left > 0 and not self._closed.is_set():
            for piece in FileSource(self._path, self._speed).pieces():
                if self._left <= 0 or self._closed.is_set():
                    return
                samples = piece.samples[: self._left]
                self._left -= len(samples)
                yield Piece(samples)

    def close(self) -> None:
        self._closed.set()


def measure(done: Measurement, model: Path, loop: Path, folder: Path, speed: float | None, answers: Any) -> None:
    """Run a monitor and measure this process; puts the measurement into `answers`."""
    from aed.api import load
    from aed.monitor.bus import Bus
    from aed.monitor.config import MonitorConfig
    from aed.monitor.memory.store import EventQuery, Store
    from aed.monitor.messages import LevelMessage
    from aed.monitor.service import Monitor

    loaded = load(model)
    config = MonitorConfig.model_validate(
        {"voices": "keep", "loud_sound": {"level": -20.0, "cool_down_seconds": 30.0}, "clips": {"keep": "all"}}
    )
    store, bus = Store(folder), Bus()
    usual, thresholds = loaded.detector_config, loaded.thresholds
    monitor = Monitor(config, loaded.scorer, usual, thresholds, store, bus, speed=speed)
    names = [f"source_{number}" for number in range(done.sources)]
    with bus.subscribe(LevelMessage, longest=100):  # as an open page
        for name in names:
            source = _Loop(loop, done.sound_seconds, speed)
            monitor.add_source(name, lambda source=source: source, source)
        started, used = time.monotonic(), _cpu_seconds()
        monitor.start()
        if speed is not None:
            time.sleep(WARM_UP_SECONDS)
            started, used = time.monotonic(), _cpu_seconds()
        _look(done, monitor, speed)
        done.wall_seconds = round(time.monotonic() - started, 1)
        done.cpu_seconds = round(_cpu_seconds() - used, 2)
        if speed is not None:
            done.sound_seconds = done.wall_seconds
        monitor.close()
    done.peak_mib = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    done.events = len(store.events(EventQuery(limit=1_000_000)))
    done.clips = len(store.clips())
    answers.put(done)


def _look(done: Measurement, monitor: Any, speed: float | None) -> None:
    """Look at the memory until all is heard."""
    if speed is not None:
        pause = (done.sound_seconds - WARM_UP_SECONDS) / NUM_LOOKS
        for _ in range(NUM_LOOKS):
            time.sleep(pause)
            done.resident_mib.append(_resident_mib())
        return
    for look in range(1, NUM_LOOKS + 1):
        due = done.sound_seconds * look / NUM_LOOKS - 1.0
        while any(not each.has_ended and each.seconds_seen < due for each in monitor.listeners):
            time.sleep(0.05)
        done.resident_mib.append(_resident_mib())


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / BYTES_PER_MEBIBYTE, 1)


def main() -> None:
    """Measure a replay and several sources at their own speed, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a .onnx file, or the folder of a trained model")
    parser.add_argument("--hours", type=float, default=6.0, help="length of the replay; 0 for none")
    parser.add_argument("--sources", type=int, default=4)
    parser.add_argument("--watch-seconds", type=float, default=60.0, help="of each source at its own speed; 0 for none")
    parser.add_argument("--recordings", type=Path, help="folder of the clips")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder, loop, answers = Path(name), Path(name) / "loop.wav", context.Queue()
        model = options.model or folder / "random.onnx"
        if options.model is None:
            _in_process(context, export_random_model, model)
        _in_process(context, write_loop, loop, options.recordings)
        tasks = [(Measurement("replay at full speed", 1, options.hours * 3600), None)]
        tasks += [
            (Measurement("at its own speed", number, options.watch_seconds), 1.0) for number in (1, options.sources)
        ]
        results = []
        for number, (task, speed) in enumerate(task for task in tasks if task[0].sound_seconds > 0):
            _in_process(context, measure, task, model, loop, folder / f"memory_{number}", speed, answers)
            results.append(answers.get())
            if not options.json:
                print(results[-1], flush=True)
    if options.json:
        print(json.dumps([{**asdict(result), "core_share": result.core_share} for result in results], indent=2))


def _in_process(context: Any, work: Any, *arguments: Any) -> None:
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{work.__name__} failed")


if __name__ == "__main__":
    main()
