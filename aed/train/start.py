"""The weights that a training begins with: drawn from the recipe's seed, or those of a trained model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from aed.errors import ConfigError, ModelError
from aed.model import ModelConfig, TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.train.recipe import Recipe

_DIGEST_DIGITS = 12
_WEIGHTS_FILE = "model.safetensors"


def first_model(recipe: Recipe, taxonomy: Taxonomy) -> TreeModel:
    """Return the model that training begins with.

    Raises:
        ConfigError: The model to start from has another tree, or another network or front end.
        ModelError: It is no whole model folder.
    """
    return trained_model(recipe, taxonomy) if recipe.start_from else fresh_model(recipe, taxonomy)


def fresh_model(recipe: Recipe, taxonomy: Taxonomy) -> TreeModel:
    """Model with initial weights drawn from the recipe's seed; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return TreeModel(recipe.model, taxonomy)


def trained_model(recipe: Recipe, taxonomy: Taxonomy) -> TreeModel:
    """Model with the weights of `start_from`; see `first_model`."""
    folder = start_folder(recipe)
    model = TreeModel.load(folder)
    if model.taxonomy.digest != taxonomy.digest:
        raise ConfigError(
            f"start_from={folder}: its tree is {_described(model.taxonomy)}, this recipe's is {_described(taxonomy)}: "
            "set taxonomy (and, for a tree made of labels, data) as the training of that model did"
        )
    if differing := _first_difference(model.config, recipe.model):
        raise ConfigError(
            f"start_from={folder}: its network is another one, first at {differing}; set it so in this recipe, or name "
            "another model"
        )
    return model


def start_folder(recipe: Recipe) -> Path:
    """Return the folder of `start_from`.

    Raises:
        ModelError: There is none, or it is an exported model, whose weights cannot be trained.
    """
    assert recipe.start_from is not None, "only asked of a recipe that starts from a model"
    folder = Path(recipe.start_from)
    if folder.is_dir():
        return folder
    why = "an exported model, which cannot be trained" if folder.is_file() else "no such folder"
    raise ModelError(
        f"start_from={folder}: {why}; expected the folder of a trained model: 'aed train' makes it (the home model: "
        "aed train recipes/home/recipe.yaml --fold 5 --out runs/home), or --set start_from=FOLDER"
    )


def start_digest(recipe: Recipe) -> dict[str, Any]:
    """Name the weights that a training started from, for its record; nothing where it starts afresh."""
    if recipe.start_from is None:
        return {}
    try:
        content = (start_folder(recipe) / _WEIGHTS_FILE).read_bytes()
    except OSError as error:
        raise ModelError(
            f"start_from={recipe.start_from}: {_WEIGHTS_FILE} cannot be read ({error.strerror}); copy the folder again"
        ) from error
    return {"start_from": hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]}


def _described(taxonomy: Taxonomy) -> str:
    return f"{taxonomy.digest} ({taxonomy.task} label, {taxonomy.num_nodes} nodes)"


def _first_difference(ours: ModelConfig, wanted: ModelConfig) -> str | None:
    """Name the first setting that differs, with both values."""
    left, right = _flat(ours.model_dump(mode="json")), _flat(wanted.model_dump(mode="json"))
    for key in dict.fromkeys((*left, *right)):
        if left.get(key) != right.get(key):
            return f"model.{key}: {left.get(key)} there, {right.get(key)} in this recipe"
    return None


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
