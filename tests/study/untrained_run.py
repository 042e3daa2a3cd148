"""A run folder with a network that learned nothing, and the made clips that it was to be tested on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from aed.model import TreeModel
from aed.train.labels import recipe_taxonomy
from aed.train.recipe import Recipe

RATE_HZ = 16_000
CLASSES = ("dog", "rain", "siren")
CLIPS_PER_CLASS = 4
FOLDS = 2
SIREN, GLASS, SHATTER = "/m/03kmc9", "/m/039jq", "/m/07rn7sz"


def write_noise(path: Path, seconds: float, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ)) * 0.1
    soundfile.write(path, noise.astype(np.float32), RATE_HZ)


def single_label_recipe(folder: Path) -> Recipe:
    """A recipe on a folder of folders with clips of two lengths, shorter and longer than the training clips."""
    for row, label in enumerate(CLASSES):
        for number in range(CLIPS_PER_CLASS):
            write_noise(folder / label / f"{number}.wav", 0.5 if number % 2 else 1.25, 10 * row + number)
    return _recipe(f"folder:{folder}", "esc50", "single")


def multi_label_recipe(folder: Path) -> Recipe:
    """A recipe on a manifest: eleven sirens, eleven times glass of which four are shattering."""
    rows = ["path,labels"]
    for number in range(22):
        write_noise(folder / f"{number}.wav", 1.0, number)
        labels = SIREN if number < 11 else GLASS if number < 18 else f"{GLASS};{SHATTER}"
        rows.append(f"{number}.wav,{labels}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return _recipe(f"csv:{folder / 'clips.csv'}", "audioset", "multi")


def save_run(folder: Path, recipe: Recipe, fold: int | None) -> Path:
    """Save fresh weights as training leaves them."""
    torch.manual_seed(0)
    TreeModel(recipe.model, recipe_taxonomy(recipe, None)).save(folder)
    (folder / "recipe.yaml").write_text(recipe.to_yaml())
    run = {"recipe": recipe.name, "recipe_hash": recipe.digest, "fold": fold, "seed": recipe.seed, "commit": None}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def _recipe(source: str, label_map: str, task: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "made",
            "title": "Noise",
            "data": {"source": source, "label_map": label_map, "folds": {"groups": FOLDS}, "clip_seconds": 1.0},
            "taxonomy": {"task": task, "none_of_these": task == "single"},
        }
    )
