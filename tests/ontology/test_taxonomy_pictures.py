from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from aed.cli import ontology as verb
from aed.errors import AedError, ConfigError, OntologyError
from aed.ontology.draw import draw_taxonomy, terminal_tree
from aed.ontology.graph import load_ontology
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import Taxonomy, build_taxonomy

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

app = typer.Typer()
verb.register(app)


@pytest.fixture(scope="module")
def esc10() -> Taxonomy:
    concept_ids = load_label_map("esc10").concept_ids
    return build_taxonomy(load_ontology(), concept_ids, task="single", none_of_these=True)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ontology", *arguments], env={"COLUMNS": "120"})
    if isinstance(result.exception, AedError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_terminal_tree_shows_every_node_once_and_its_note(esc10: Taxonomy) -> None:
    console = Console(width=120, record=True, quiet=False, file=None, no_color=True, force_terminal=False)
    with console.capture() as captured:
        console.print(terminal_tree(esc10, {esc10.find("Dog"): "[0.9]"}))
    lines = [re.sub(r"^[│├└─ ]+", "", line) for line in captured.get().splitlines()]
    assert sorted(line.removesuffix("  [0.9]") for line in lines) == sorted(node.name for node in esc10.nodes)
    assert "Dog  [0.9]" in lines


def test_pictures_by_suffix(esc10: Taxonomy, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_taxonomy(esc10, tmp_path / "tree.png")
    draw_taxonomy(esc10, tmp_path / "tree.svg")
    assert (tmp_path / "tree.png").read_bytes().startswith(PNG_SIGNATURE)
    svg = (tmp_path / "tree.svg").read_text(encoding="utf-8")
    assert all(node.name in svg for node in esc10.nodes)
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_taxonomy(esc10, tmp_path / "tree.jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree.png", "tree.svg"]


def test_show_prints_the_tree_and_draws_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "tree.png"
    output = run("show", "--labels", "esc10", "--draw", str(picture))
    assert "Crowing, cock-a-doodle-doo  [rooster]" in output
    assert "17 nodes, 11 leaves" in output
    assert picture.read_bytes().startswith(PNG_SIGNATURE)


def test_show_as_json_is_the_taxonomy(esc10: Taxonomy) -> None:
    shown = json.loads(run("show", "--labels", "esc10", "--json"))
    assert Taxonomy.from_dict(shown) == esc10
    assert shown["digest"] == esc10.digest


def test_show_some_labels_only() -> None:
    output = run("show", "--labels", "esc50", "--only", "dog,cat,siren")
    assert "siren" in output
    assert "rooster" not in output


def test_show_a_users_own_tree(tmp_path: Path) -> None:
    (tmp_path / "tree.yaml").write_text("task: multi\ntree: {Dog: [Bark]}", encoding="utf-8")
    assert "Bark" in run("show", "--tree", str(tmp_path / "tree.yaml"))


def test_show_needs_labels_or_a_tree() -> None:
    with pytest.raises(OntologyError, match=r"--labels or --tree.*esc10"):
        run("show")
    with pytest.raises(OntologyError, match="no label map is called 'esc12'"):
        run("show", "--labels", "esc12")


def test_find_names_path_other_parents_and_labels() -> None:
    output = run("find", "honking")
    assert "Sounds of things > Alarm > Vehicle horn, car horn, honking  or under Car" in output
    assert "label in esc50: car_horn" in output
    with pytest.raises(OntologyError, match="anything like 'qqqqqq'"):
        run("find", "qqqqqq")
