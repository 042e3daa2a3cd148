"""How fast `aed train` trains: against another checkout of the project, and against a bare PyTorch loop.

    python benchmarks/training.py [--against CHECKOUT] [--threads 2] [--consistency] [--steps 60] [--rounds 3] [--json]

Makes clips by formula and measures, in processes of their own that take turns (so that whatever else the machine does
falls on all alike): this checkout's training, a bare loop of the same network (forward, likelihood, backward, AdamW) on
features in memory, and the training of another checkout, such as `git worktree add ../first 1549f44` makes. The clips
are decoded, and whatever a checkout stores of them is made, before anything is timed; the first steps are not counted.
The best of the rounds counts. A clip is counted each time that it goes through the network. Beside the time by the
clock stands that of the processor, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

PROJECT = Path(__file__).resolve().parents[1]
RATE_HZ, CLIP_SECONDS = 16_000, 5
LABELS = ("dog_bark", "siren", "smoke_alarm", "glass_breaking")
CLIPS_PER_LABEL = 25
WARM_UP_STEPS = 10
"""Not counted: memory is taken and kernels are chosen."""
BATCH_SIZE, UNLABELLED_BATCH_SIZE = 32, 16

RECIPE = """\
name: benchmark
title: Clips made by formula
data: {{source: "csv:{manifest}", label_map: demo, folds: none, clip_seconds: {clip_seconds}}}
consistency: {consistency}
optim: {{steps: {steps}, batch_size: {batch_size}, short_window_weight: 0.1, made_silence_share: 0.03125}}
"""


def write_clips(folder: Path) -> Path:
    """Write noisy clips with a sound of their label in each; returns the manifest."""
    from aed.audio.synth import SOUNDS

    rows = ["path,labels"]
    for number in range(CLIPS_PER_LABEL * len(LABELS)):
        label, generator = LABELS[number % len(LABELS)], np.random.default_rng(number)
        samples = generator.normal(0, 0.01, CLIP_SECONDS * RATE_HZ)
        sound = SOUNDS[label](RATE_HZ, generator)[: len(samples)]
        samples[: len(sound)] += 0.5 * sound
        soundfile.write(folder / f"{number}.wav", samples, RATE_HZ)
        rows.append(f"{number}.wav,{label}")
    manifest = folder / "clips.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


def write_recipe(folder: Path, manifest: Path, steps: int, consistency: bool) -> Path:
    """Write a recipe that every version of the project reads."""
    path = folder / "recipe.yaml"
    unlabelled = f"{{batch_size: {UNLABELLED_BATCH_SIZE}}}" if consistency else "null"
    text = RECIPE.format(
        manifest=manifest, clip_seconds=CLIP_SECONDS, consistency=unlabelled, steps=steps, batch_size=BATCH_SIZE
    )
    path.write_text(text, encoding="utf-8")
    return path


class Moment(NamedTuple):
    """A moment, by the clock and in what this process has used of the processor."""

    wall_seconds: float
    cpu_seconds: float


def now() -> Moment:
    """This moment."""
    return Moment(time.perf_counter(), time.process_time())


def per_step(started: Moment, ended: Moment, steps: int, waited_seconds: float = 0.0) -> dict[str, float]:
    """What a step took, and the share of it that was spent waiting for data."""
    wall_seconds = ended.wall_seconds - started.wall_seconds
    return {
        "seconds_per_step": wall_seconds / steps,
        "cpu_seconds_per_step": (ended.cpu_seconds - started.cpu_seconds) / steps,
        "waiting_share": waited_seconds / wall_seconds,
    }


class StepTimer:
    """A listener that notes when the counted steps began and ended."""

    def __init__(self, steps: int) -> None:
        self.steps, self.started, self.ended = steps, now(), now()

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""

    def on_start(self, *what: object) -> None:
        """Training begins."""

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""
        if done == WARM_UP_STEPS:
            self.started = now()
        if done == self.steps:
            self.ended = now()


def time_training(recipe_path: Path, folder: Path, device: str) -> dict[str, float]:
    """Train as `aed train` does."""
    from aed.data.batches import StepBatches
    from aed.train.recipe import load_recipe
    from aed.train.run import RunOptions, train_run

    make, waited = StepBatches.__getitem__, [0.0]

    def timed_make(batches: StepBatches, step: int) -> Any:
        began = time.perf_counter()
        batch = make(batches, step)
        waited[0] += (time.perf_counter() - began) * (step >= WARM_UP_STEPS)
        return batch

    StepBatches.__getitem__ = timed_make  # type: ignore[method-assign]  # all versions make their batches there
    recipe = load_recipe(recipe_path)
    timer = StepTimer(recipe.optim.steps)
    train_run(recipe, None, None, RunOptions(folder, accelerator=device), timer)
    return per_step(timer.started, timer.ended, timer.steps - WARM_UP_STEPS, waited[0])


def time_bare_loop(recipe_path: Path, device: str) -> dict[str, float]:
    """Train the same network on features in memory with nothing around it."""
    import torch

    from aed.loss.path import single_label_loss
    from aed.train.device import resolved_precision
    from aed.train.labels import recipe_taxonomy
    from aed.train.recipe import load_recipe
    from aed.train.start import fresh_model

    recipe = load_recipe(recipe_path)
    taxonomy = recipe_taxonomy(recipe, None)
    place = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    model = fresh_model(recipe, taxonomy).to(place).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.optim.lr, fused=True)
    generator = torch.Generator().manual_seed(0)
    num_frames = model.whole_frames(CLIP_SECONDS * RATE_HZ)
    clips = CLIPS_PER_LABEL * len(LABELS)
    features = 2 * torch.rand(clips, num_frames, recipe.model.features.mel_bands, generator=generator).to(place)
    targets = torch.eye(taxonomy.num_nodes)[[taxonomy.leaves[clip % len(LABELS)] for clip in range(clips)]].to(place)
    bf16 = resolved_precision(recipe.optim.precision, device) == "bf16-mixed"
    started = now()
    for step in range(recipe.optim.steps):
        if step == WARM_UP_STEPS:
            started = now()
        chosen = torch.randint(clips, (BATCH_SIZE,), generator=generator).to(place)
        with torch.autocast(place.type, torch.bfloat16, enabled=bf16):
            loss = single_label_loss(model(features[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return per_step(started, now(), recipe.optim.steps - WARM_UP_STEPS)


def measure(options: argparse.Namespace) -> None:
    """What a process of its own does; prints its result as the last line."""
    import torch

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        if options.measure == "bare":
            result = time_bare_loop(options.recipe, options.device)
        else:
            result = time_training(options.recipe, Path(name) / "run", options.device)
    print(json.dumps(result))


def run_apart(kind: str, checkout: Path, recipe: Path, cache: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure in a process of its own, with the package of a checkout."""
    environment = os.environ | {
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": str(options.threads),
        "AED_CACHE": str(cache),
    }
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", kind, "--recipe", str(recipe)]
    command += ["--threads", str(options.threads), "--device", options.device]
    done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the measurement of {checkout} failed: {' '.join(command)}\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Let all take turns, and put the best round of each into relation."""
    subjects = {"aed train": ("train", PROJECT)}
    if not options.consistency:  # a bare loop has no teacher, whose clips are cheaper
        subjects["bare loop"] = ("bare", PROJECT)
    if options.against:
        subjects["other checkout"] = ("train", options.against.resolve())
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_clips(folder)
        short = write_recipe(folder, manifest, WARM_UP_STEPS + 1, options.consistency)
        for kind, checkout in subjects.values():
            run_apart(kind, checkout, short, folder / "cache", options)  # decodes, and imports what is not compiled
        recipe = write_recipe(folder, manifest, WARM_UP_STEPS + options.steps, options.consistency)
        for _ in range(options.rounds):
            for title, (kind, checkout) in subjects.items():
                result = run_apart(kind, checkout, recipe, folder / "cache", options)
                if title not in best or result["seconds_per_step"] < best[title]["seconds_per_step"]:
                    best[title] = result
    clips = BATCH_SIZE + (2 * UNLABELLED_BATCH_SIZE if options.consistency else 0)  # through student and teacher
    for result in best.values():
        for clock in ("", "cpu_"):
            result[f"clips_per_{clock}second"] = clips / result[f"{clock}seconds_per_step"]
    mine = best["aed train"]
    return {
        "threads": options.threads,
        "consistency": options.consistency,
        "measured": best,
        "times_as_fast_as": {
            title: {name: mine[name] / other[name] for name in ("clips_per_second", "clips_per_cpu_second")}
            for title, other in best.items()
            if title != "aed train"
        },
    }


def main() -> None:
    """Compare, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="folder of another checkout of the project")
    parser.add_argument("--threads", type=int, default=2, help="threads of each process")
    parser.add_argument("--consistency", action="store_true", help="train with unlabelled clips too")
    parser.add_argument("--steps", type=int, default=60, help="steps that are timed")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", choices=("train", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--recipe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options)
        return
    result = compare(options)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for title, numbers in result["measured"].items():
        print(
            f"{title:>14}: {numbers['clips_per_second']:6.1f} clips/s, {1000 * numbers['seconds_per_step']:6.1f} ms a "
            f"step ({1000 * numbers['cpu_seconds_per_step']:.1f} of the processor), "
            f"{100 * numbers['waiting_share']:4.1f} % of it waiting for data"
        )
    for title, ratios in result["times_as_fast_as"].items():
        print(
            f"aed train is {ratios['clips_per_second']:.2f} times as fast as the {title} by the clock, "
            f"{ratios['clips_per_cpu_second']:.2f} times by the processor's time"
        )


if __name__ == "__main__":
    main()
