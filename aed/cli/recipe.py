"""`aed recipe list` and `aed recipe copy`: the recipes that ship with the package."""

from __future__ import annotations

import difflib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from aed.errors import ConfigError
from aed.resources import recipes_folder
from aed.storage import atomic_folder

RECIPE_FILE = "recipe.yaml"


@dataclass(frozen=True)
class ShippedRecipe:
    """One folder under `recipes/`: its name, its title, and the data that it trains on."""

    name: str
    title: str
    needs: str


def shipped_recipes() -> list[ShippedRecipe]:
    """The recipes of this installation, by name.

    Raises:
        ConfigError: A recipe's file is not a mapping with a title.
    """
    return [_read(file) for file in sorted(recipes_folder().glob(f"*/{RECIPE_FILE}"))]


def copy_recipe(name: str, target: Path) -> None:
    """Copy a shipped recipe into a new folder.

    Raises:
        ConfigError: There is no such recipe, or something has the target's name already.
        StorageError: The folder cannot be written.
    """
    known = {recipe.name for recipe in shipped_recipes()}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(sorted(known))}"
        raise ConfigError(f"there is no recipe '{name}'; {hint}")
    if target.exists():
        raise ConfigError(f"{target} exists already and is left as it is; name a folder that does not exist")
    with atomic_folder(target) as folder:
        shutil.copytree(recipes_folder() / name, folder, dirs_exist_ok=True)


def register(app: typer.Typer) -> None:
    """Add `aed recipe` to the command line."""
    verb = typer.Typer(help="Recipes that ship with aed: list them, copy one to change it.", no_args_is_help=True)
    verb.command("list")(_list)
    verb.command("copy")(_copy)
    app.add_typer(verb, name="recipe")


def _list(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the recipes: name, title, and the data that each needs."""
    recipes = shipped_recipes()
    if as_json:
        typer.echo(json.dumps([asdict(recipe) for recipe in recipes], indent=2))
        return
    table = Table("name", "title", "needs", box=None)
    for recipe in recipes:
        table.add_row(recipe.name, recipe.title, recipe.needs)
    Console().print(table)


def _copy(
    name: Annotated[str, typer.Argument(help="A name from `aed recipe list`.")],
    target: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
) -> None:
    """Copy a recipe into a new folder, to change it there."""
    copy_recipe(name, target)
    typer.echo(f"copied to {target}; train it with: aed train {target / RECIPE_FILE}")


def _read(file: Path) -> ShippedRecipe:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("title"), str):
        raise ConfigError(f"{file}: expected a mapping with a text under 'title'; install the package again")
    return ShippedRecipe(name=file.parent.name, title=content["title"], needs=_needs(content))


def _needs(recipe: dict[str, Any]) -> str:
    """The data that the recipe names; the demo makes its own, any other folder is the user's to name."""
    if recipe.get("name") == "demo":
        return "nothing: aed demo"
    source = str(recipe.get("data", {}).get("source", ""))
    return "a folder of sounds" if source.startswith("folder:") else source
