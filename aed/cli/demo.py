"""`aed demo`: what is heard in a scene made by formula, first by the shipped model, then by one that is trained here.

The shipped model answers in a second. The small one, trained on sounds made by formula alone, shows the whole job: make
clips, train the tree, detect, draw.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aed.resources import recipes_folder

if TYPE_CHECKING:
    from aed.api import LoadedModel
    from aed.detect.detector import DetectorConfig
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
    """Detect in a made scene with the shipped model, then with a small one that is trained here. Needs no data."""
    import numpy as np

    import aed
    from aed.audio.scene import write_demo_scene
    from aed.cli.demo_table import DemoTable
    from aed.detect.detector import DetectorConfig
    from aed.resources import DEFAULT_MODEL

    typer.echo(f"making a scene by formula in {out}")
    scene, model = out / "scene.wav", out / "model"
    truth = write_demo_scene(scene, np.random.default_rng(SCENE_SEED))
    shipped = aed.load(DEFAULT_MODEL)
    events = _detect(shipped, shipped.detector_config, scene, out / "shipped.png")
    title = "What the shipped model hears"
    Console().print(DemoTable(truth, events, targets_only=False).table(title))
    typer.echo(
        "It learned from recordings alone: to it, sounds made by formula are strange. It never heard a real knock."
    )

    typer.echo("\ntraining a small model on sounds made by formula, to show how")
    _train(out, model, steps, force=force)
    events = _detect(aed.load(model), DetectorConfig(min_probability=MIN_PROBABILITY), scene, out / "timeline.png")
    title = "What the model hears that was trained just now: the targets alone, nothing else is to be named"
    Console().print(DemoTable(truth, events, targets_only=True).table(title))
    typer.echo(
        f"scene: {scene}\npicture of what the shipped model heard: {out / 'shipped.png'}\n"
        f"timeline picture: {out / 'timeline.png'}\nmodel: {model}"
    )


def _train(out: Path, model: Path, steps: int | None, *, force: bool) -> None:
    import json
    import shutil

    import torch

    from aed.cli.progress import progress_listener
    from aed.study.capacity import cores
    from aed.train.recipe import load_recipe
    from aed.train.run import RunOptions, train_run

    torch.set_num_threads(cores())
    make_corpus(out / "corpus")
    if force:
        shutil.rmtree(model, ignore_errors=True)
    source = json.dumps(f"folder:{out / 'corpus'}")  # quoted, since YAML would read signs in a folder's name
    overrides = [f"data.source={source}", *([f"optim.steps={steps}"] if steps else [])]
    recipe = load_recipe(recipes_folder() / "demo" / "recipe.yaml", overrides)
    with progress_listener("demo") as listener:
        train_run(recipe, None, None, RunOptions(model, resume=True, accelerator="cpu"), listener)


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


def _detect(model: LoadedModel, config: DetectorConfig, scene: Path, picture: Path) -> list[Event]:
    from aed.detect.detector import detect_file
    from aed.detect.draw import draw_timeline
    from aed.detect.timeline import Timeline

    timeline = Timeline(model.scorer.taxonomy, model.scorer.layout)
    events = detect_file(model.scorer, scene, config, on_rows=timeline.add_rows, on_samples=timeline.add_samples)
    draw_timeline(timeline, events, picture, scene.name)
    return events
