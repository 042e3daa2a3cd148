"""Where the shipped data lies: ontology, recipes, data manifests, models. The only file that knows these paths.

In an installed wheel they lie inside the package (`aed/shipped/`); in a checkout they lie at its top level. Models lie
inside the package in both (`aed/models/`).
"""

from __future__ import annotations

from pathlib import Path

from aed.errors import DataError

LEDGER_NAME = "test_looks.jsonl"
"""The ledger of test looks; in a checkout it lies among the recipes and is committed with them."""
DEFAULT_MODEL = "home"
"""The shipped model that is asked where nobody names another."""
MODEL_CONFIG_NAME = "config.json"
"""What every folder with a trained model holds."""
_PACKAGE = Path(__file__).resolve().parent
_MODEL_SUFFIX = ".onnx"


def _shipped(name: str) -> Path:
    for folder in (_PACKAGE / "shipped" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise DataError(f"the shipped folder '{name}' is missing from this installation of aed: install the package again")


def in_checkout() -> bool:
    """Whether this code runs from a checkout, whose shipped files may be made anew; else from an installed package."""
    return (_PACKAGE.parent / ".git").exists() and not (_PACKAGE / "shipped").is_dir()


def ontology_folder() -> Path:
    """Folder with the concepts table, the primary parents and the label maps."""
    return _shipped("ontology")


def recipes_folder() -> Path:
    """Folder with one folder per recipe."""
    return _shipped("recipes")


def shipped_models() -> dict[str, Path]:
    """Exported models that the package brings, by name."""
    return {path.stem: path for path in sorted((_PACKAGE / "models").glob(f"*/*{_MODEL_SUFFIX}"))}


def manifests_folder() -> Path:
    """Folder with manifests, content groups and label budgets."""
    return _shipped("data_manifests")
