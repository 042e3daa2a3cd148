"""A model as a folder: `model.safetensors` (weights), `config.json` (settings, the taxonomy's digest), `taxonomy.json`.

`config.json` also names the outputs (`id2label`) and the task in the words of model hubs. These follow from the
taxonomy, are for other programs to read, and are not read back; folders of before lack them.

Nothing here knows the network: its settings are a pydantic model, its weights tensors by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import safetensors
import safetensors.torch
from pydantic import BaseModel
from torch import Tensor

from aed.errors import ModelError, OntologyError
from aed.json_object import read_json_object
from aed.ontology.taxonomy import Taxonomy
from aed.resources import MODEL_CONFIG_NAME
from aed.storage import atomic_path, sync

FORMAT = "aed-model-1"
"""Written into config.json; a folder of another format is refused."""
_WEIGHTS, _CONFIG, _TAXONOMY = "model.safetensors", MODEL_CONFIG_NAME, "taxonomy.json"

_PROBLEM_TYPES = {"single": "single_label_classification", "multi": "multi_label_classification"}
_FOR_HUBS = ("library_name", "model_type", "problem_type", "id2label", "label2id")
_LIBRARY = "aed"

Settings = TypeVar("Settings", bound=BaseModel)


def write_model_folder(folder: Path, weights: Mapping[str, Tensor], settings: BaseModel, taxonomy: Taxonomy) -> None:
    """Write the three files of a model beside their places, then move them in, `config.json` last.

    A full disk leaves a former model whole; a kill between two moves leaves a folder that is no model (its
    `config.json` goes first), never a mixture of two.

    Raises:
        StorageError: The folder cannot be written.
    """
    whole = {name: tensor.contiguous() for name, tensor in weights.items()}
    config = {
        "format": FORMAT,
        "taxonomy_digest": taxonomy.digest,
        **settings.model_dump(mode="json"),
        **hub_config(taxonomy),
    }
    tree = json.dumps(taxonomy.to_dict(), indent=1, ensure_ascii=False)
    with (  # left in the opposite order
        atomic_path(folder / _CONFIG) as new_config,
        atomic_path(folder / _TAXONOMY) as new_taxonomy,
        atomic_path(folder / _WEIGHTS) as new_weights,
    ):
        new_config.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        new_taxonomy.write_text(tree + "\n", encoding="utf-8")
        # not save_file: on a full disk it raises an error of its own that says nothing of the disk
        new_weights.write_bytes(safetensors.torch.save(whole, {"taxonomy_digest": taxonomy.digest}))
        for new in (new_config, new_taxonomy, new_weights):
            sync(new)  # a disk that is full says so here at the latest, while the former model is whole
        (folder / _CONFIG).unlink(missing_ok=True)


def hub_config(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return what model hubs look for in `config.json`.

    `id2label` names the outputs, the taxonomy's nodes in their order, the root being 0. Where two nodes have one name,
    their ids are added, so that `label2id` is its inverse.
    """
    names = [node.name for node in taxonomy.nodes]
    labels = [node.name if names.count(node.name) == 1 else f"{node.name} ({node.id})" for node in taxonomy.nodes]
    return {
        "library_name": _LIBRARY,
        "model_type": _LIBRARY,
        "problem_type": _PROBLEM_TYPES[taxonomy.task],
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def read_settings(folder: Path, kind: type[Settings]) -> tuple[Settings, Taxonomy]:
    """Read all of a model folder but the weights.

    Args:
        folder: Model folder.
        kind: What the settings are checked against.

    Raises:
        ModelError: A file is missing or damaged, or the files come from different models.
    """
    raw = _read_json(folder / _CONFIG)
    taxonomy = _read_taxonomy(folder / _TAXONOMY)
    found = raw.pop("format", None), raw.pop("taxonomy_digest", None)
    if found != (FORMAT, taxonomy.digest):
        raise ModelError(
            f"{folder}: {_CONFIG} says format and taxonomy {found}, expected {(FORMAT, taxonomy.digest)}: "
            "the files come from different models; copy the whole folder again or train anew"
        )
    for name in _FOR_HUBS:
        raw.pop(name, None)
    try:
        return kind.model_validate(raw), taxonomy
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"]) or "settings"
        raise ModelError(
            f"{folder / _CONFIG}: not a model configuration: {where}: {first['msg']}, got {first['input']!r}; "
            "copy the folder again, or update aed where a newer one wrote it"
        ) from error


def read_weights(folder: Path, taxonomy: Taxonomy, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the weights of a model folder.

    Args:
        folder: Model folder.
        taxonomy: The folder's tree, which the weights must be of.
        like: Tensors of the names and shapes that the network expects.

    Raises:
        ModelError: The file is missing or damaged, or of another taxonomy or network.
    """
    path = folder / _WEIGHTS
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            digest = (file.metadata() or {}).get("taxonomy_digest")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except FileNotFoundError as error:
        raise ModelError(f"{folder} is not a whole model folder: {path.name} is missing; copy it again") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path}: damaged or cut short ({error}); copy the folder again or train anew") from error
    if digest != taxonomy.digest:
        raise ModelError(
            f"{path}: weights of taxonomy {digest}, but the folder's taxonomy is {taxonomy.digest}: "
            "the files come from different models; copy the whole folder again or train anew"
        )
    expected = {name: tensor.shape for name, tensor in like.items()}
    got = {name: tensor.shape for name, tensor in weights.items()}
    if got != expected:
        first = min(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        raise ModelError(
            f"{path}: weights do not fit config.json, first at '{first}': expected {expected.get(first)}, "
            f"got {got.get(first)}; copy the whole folder again or train anew"
        )
    return weights


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path, ModelError, "copy the folder again or train anew")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(
            f"{path.parent} is not a model folder: {path.name} is missing; train one with 'aed train'"
        ) from error


def _read_taxonomy(path: Path) -> Taxonomy:
    try:
        return Taxonomy.from_dict(_read_json(path))
    except OntologyError as error:
        raise ModelError(f"{path}: {error}") from error
