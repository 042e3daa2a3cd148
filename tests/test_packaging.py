"""The wheel works outside the checkout: it carries the ontology, the recipes and the manifests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aed

pytestmark = pytest.mark.packaging

CHECKOUT = Path(aed.__file__).resolve().parents[1]


def _run(*command: str | Path, cwd: Path, python_path: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(python_path) if python_path else ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds nothing but the installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", CHECKOUT, cwd=folder)
    (wheel,) = (folder / "dist").glob("aed-*.whl")
    target = folder / "installed"
    _run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel, cwd=folder)
    return target


def _aed(installed: Path, folder: Path, *arguments: str) -> str:
    """What the installed command prints, run far from the checkout."""
    program = "import aed.cli.main as main; assert main.__file__.startswith({!r}), main.__file__; main.main()"
    return _run("-c", program.format(str(installed)), *arguments, cwd=folder, python_path=installed)


def test_the_ontology_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    tree = _aed(installed, tmp_path, "ontology", "show", "--labels", "esc10")
    assert "Animal" in tree
    assert "Dog" in tree


def test_the_dashboards_page_is_in_the_wheel(installed: Path) -> None:
    page = Path("aed", "monitor", "web", "static")
    here = {path.relative_to(CHECKOUT) for path in (CHECKOUT / page).rglob("*") if path.is_file()}
    assert page / "js" / "app.js" in here
    assert all((installed / path).read_bytes() == (CHECKOUT / path).read_bytes() for path in here)


def test_the_recipes_are_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    shipped = {path.parent.name for path in (CHECKOUT / "recipes").glob("*/recipe.yaml")}
    listed = _aed(installed, tmp_path, "recipe", "list")
    assert all(name in listed for name in shipped)
    for name in shipped:
        _aed(installed, tmp_path, "recipe", "copy", name, name)
        assert (tmp_path / name / "recipe.yaml").read_bytes() == (
            CHECKOUT / "recipes" / name / "recipe.yaml"
        ).read_bytes()


def test_the_wheel_carries_its_data_and_licences(installed: Path) -> None:
    for name in ("ontology", "recipes", "data_manifests"):
        ours = {path.relative_to(CHECKOUT / name) for path in (CHECKOUT / name).rglob("*.csv")}
        theirs = {
            path.relative_to(installed / "aed" / "shipped" / name)
            for path in (installed / "aed").rglob(f"{name}/**/*.csv")
        }
        assert ours == theirs
    licences = installed / f"aed-{aed.__version__}.dist-info" / "licenses"
    assert "Apache License" in (licences / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY-SA" in (licences / "ontology" / "LICENSE.md").read_text(encoding="utf-8")
    assert not list(installed.rglob("*.wav"))


def test_the_base_runs_exported_models_and_brings_no_torch(installed: Path) -> None:
    (metadata,) = installed.glob("aed-*.dist-info/METADATA")
    lines = metadata.read_text(encoding="utf-8").splitlines()
    needed = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    base = {re.split(r"[^\w-]", requirement)[0] for requirement in needed if "extra ==" not in requirement}
    libraries = {
        "msgspec",
        "networkx",
        "numpy",
        "onnxruntime",
        "pydantic",
        "pyyaml",
        "rich",
        "soundfile",
        "soxr",
        "typer",
    }
    assert base == libraries
