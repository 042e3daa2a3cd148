"""`aed recipe`: what ships can be listed and copied, and nothing is written over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aed.cli import recipe
from aed.cli.recipe import ShippedRecipe, copy_recipe, shipped_recipes
from aed.errors import ConfigError


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three recipes of our own in place of the shipped ones, beside a file that is none."""
    folder = tmp_path / "recipes"
    for name, source in (("esc10", "esc10"), ("demo", "folder:demo_out/corpus"), ("home", "folder:sounds")):
        (folder / name).mkdir(parents=True)
        (folder / name / "recipe.yaml").write_text(
            f"name: {name}\ntitle: The {name} one\ndata: {{source: '{source}'}}\n"
        )
        (folder / name / "README.md").write_text(f"# {name}\n")
    (folder / "test_looks.jsonl").write_text("{}\n")
    monkeypatch.setattr(recipe, "recipes_folder", lambda: folder)
    return folder


def _run(*arguments: str) -> str:
    app = typer.Typer()
    recipe.register(app)
    app.callback()(lambda: None)
    result = CliRunner().invoke(app, ["recipe", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_list_tells_name_title_and_need(recipes: Path) -> None:
    output = _run("list")
    assert "The esc10 one" in output
    assert json.loads(_run("list", "--json")) == [
        {"name": "demo", "title": "The demo one", "needs": "nothing: aed demo"},
        {"name": "esc10", "title": "The esc10 one", "needs": "esc10"},
        {"name": "home", "title": "The home one", "needs": "a folder of sounds"},
    ]


def test_copy_brings_the_whole_folder(recipes: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine" / "deeper"
    assert f"aed train {target / 'recipe.yaml'}" in _run("copy", "esc10", str(target)).replace("\n", "")
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "recipe.yaml"]
    assert (target / "recipe.yaml").read_bytes() == (recipes / "esc10" / "recipe.yaml").read_bytes()


def test_copy_never_writes_over_anything(recipes: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text("precious")
    with pytest.raises(ConfigError, match="exists already and is left as it is"):
        copy_recipe("esc10", tmp_path / "mine")
    assert (tmp_path / "mine" / "recipe.yaml").read_text() == "precious"


@pytest.mark.parametrize(("name", "hint"), [("esc1", "did you mean 'esc10'"), ("zzz", "known are: demo, esc10, home")])
def test_an_unknown_name_is_answered_with_a_known_one(recipes: Path, tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no recipe '{name}'; {hint}"):
        copy_recipe(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_recipe_without_a_title_is_named(recipes: Path) -> None:
    (recipes / "esc10" / "recipe.yaml").write_text("name: esc10\n")
    with pytest.raises(ConfigError, match=r"esc10.*title"):
        shipped_recipes()


def test_every_shipped_recipe_has_a_readme_and_its_own_name() -> None:
    for shipped in shipped_recipes():
        assert isinstance(shipped, ShippedRecipe)
        assert (recipe.recipes_folder() / shipped.name / "README.md").is_file()
