"""`aed demo`: the whole job on sounds made by formula. Train the tree, detect in a made scene, draw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from aed.resources import recipes_folder

if TYPE_CHECKING:
    from aed.audio.scene import SceneEvent
    from aed.detect.event import Event

CLIPS_PER_CLASS = 30
CORPUS_SEED, SCENE_SEED = 1, 2
"""Different, so that no sound of the scene was trained on."""
CORPUS_MARKER = "corpus.json"
"""Says how the corpus beside it was made; written last, so that it stands only beside a whole one."""
MIN_PROBABILITY = 0.7
"""How sure an answer must be in the demo: few false alarms matter more than the last event."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("demo")(_demo)


def _demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for all that the demo makes.")] = Path("demo_out"),
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Training steps, fewer for a quick look.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Train again although the model is there.")] = False,
) -> None:
    """Train on sounds made by formula, detect in a made scene, draw it. Needs no data."""
    import json
    import shutil

    import numpy as np
    import torch

    from aed.audio.scene import write_demo_scene
    from aed.cli.progress import progress_listener
    from aed.study.capacity import cores
    from aed.train.recipe import load_recipe
    from aed.train.run import RunOptions, train_run

    torch.set_num_threads(cores())
    scene, model, picture = out / "scene.wav", out / "model", out / "timeline.png"
    typer.echo(f"making sounds by formula in {out}")
    make_corpus(out / "corpus")
    truth = write_demo_scene(scene, np.random.default_rng(SCENE_SEED))
    if force:
        shutil.rmtree(model, ignore_errors=True)
    source = json.dumps(f"folder:{out / 'corpus'}")  # quoted, since YAML would read signs in a folder's name
    overrides = [f"data.source={source}", *([f"optim.steps={steps}"] if steps else [])]
    recipe = load_recipe(recipes_folder() / "demo" / "recipe.yaml", overrides)
    with progress_listener("demo") as listener:
        train_run(recipe, None, None, RunOptions(model, resume=True, accelerator="cpu"), listener)
    events = _detect(model, scene, picture)
    Console().print(_table(truth, events))
    typer.echo(f"scene: {scene}\ntimeline picture: {picture}\nmodel: {model}")


def make_corpus(folder: Path) -> None:
    """Write the training clips, unless this version already did: a new file would be decoded and stored once more."""
    import json

    import numpy as np

    import aed
    from aed.audio.scene import write_demo_corpus
    from aed.storage import write_atomic

    marker = folder / CORPUS_MARKER
    made = {"aed": aed.__version__, "seed": CORPUS_SEED, "clips_per_class": CLIPS_PER_CLASS}
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
        if found["made"] == made and all((folder / name).is_file() for name in found["files"]):
            return
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no marker, or not one of ours: make all of it
    paths = write_demo_corpus(folder, CLIPS_PER_CLASS, np.random.default_rng(CORPUS_SEED))
    files = [path.relative_to(folder).as_posix() for path in paths]
    write_atomic(marker, json.dumps({"made": made, "files": files}, indent=1))


def _detect(model: Path, scene: Path, picture: Path) -> list[Event]:
    from aed.api import load_scorer
    from aed.detect.detector import DetectorConfig, detect_file
    from aed.detect.draw import draw_timeline
    from aed.detect.timeline import Timeline

    scorer = load_scorer(model, "cpu")
    timeline = Timeline(scorer.taxonomy, scorer.layout)
    config = DetectorConfig(min_probability=MIN_PROBABILITY)
    events = detect_file(scorer, scene, config, on_rows=timeline.add_rows, on_samples=timeline.add_samples)
    draw_timeline(timeline, events, picture, scene.name)
    return events


def _table(truth: list[SceneEvent], events: list[Event]) -> Table:
    """What was detected, beside what the scene holds there."""
    table = Table("onset (s)", "offset (s)", "detected", "score", "in the scene", title="Detected events")
    for event in events:
        there = [
            sound.sound
            for sound in truth
            if sound.onset_seconds < event.offset_seconds and event.onset_seconds < sound.offset_seconds
        ]
        path = " > ".join(event.path)
        times = f"{event.onset_seconds:.2f}", f"{event.offset_seconds:.2f}"
        table.add_row(*times, path, f"{event.score:.2f}", ", ".join(there) or "(nothing)")
    others = [sound for sound in truth if not sound.is_target]
    quiet = sum(not _overlaps(sound, events) for sound in others)
    found = sum(_overlaps(sound, events) for sound in truth if sound.is_target)
    table.caption = (
        f"{found} of {len(truth) - len(others)} target sounds found; "
        f"nothing reported on {quiet} of {len(others)} silences and other sounds"
    )
    return table


def _overlaps(sound: SceneEvent, events: list[Event]) -> bool:
    return any(
        sound.onset_seconds < event.offset_seconds and event.onset_seconds < sound.offset_seconds for event in events
    )
