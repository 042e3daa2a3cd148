"""Imports point downwards only, and what runs on a small computer never needs the training extra."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import aed

PACKAGE = Path(aed.__file__).resolve().parent

# The house, from the ground up: a module may import from lower floors and from its own package, never from above
# nor from the other packages of its own floor. The longest matching name counts.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        *("aed.errors", "aed.settings", "aed.timebase", "aed.resources", "aed.storage", "aed.drawing"),
        *("aed.yaml_lines", "aed.json_object", "aed.record"),
    ),
    ("aed.audio", "aed.ontology"),
    ("aed.encoder", "aed.tree", "aed.features", "aed.model_folder", "aed.scorer.protocol", "aed.hub"),
    ("aed.model",),
    ("aed.loss", "aed.metrics", "aed.data", "aed.scorer"),
    ("aed.pretrain",),
    ("aed.train", "aed.detect", "aed.explain"),
    ("aed.study", "aed.monitor"),
    ("aed.export",),
    ("aed.api", "aed.sklearn"),
    ("aed.bench",),
    ("aed.cli",),
    ("aed.__main__",),
)
# Pairs on one floor of which the left may know the right, because it is built on it.
NEIGHBOURS = {
    ("aed.storage", "aed.errors"),
    ("aed.resources", "aed.errors"),
    ("aed.drawing", "aed.errors"),
    ("aed.drawing", "aed.storage"),
    ("aed.yaml_lines", "aed.errors"),
    ("aed.json_object", "aed.errors"),
    ("aed.record", "aed.errors"),
}
# `import aed` offers what `api` holds, lazily: the package itself stands outside the house.
FACADE = "aed"

TRAINING_EXTRA = frozenset(
    {
        "audiomentations",
        "filelock",
        "lightning_fabric",
        "matplotlib",
        "pandas",
        "pyarrow",
        "safetensors",
        "sklearn",
        "tensorboard",
        "torch",
        "torchaudio",
    }
)
# Where the training extra may be imported at the head of a file. Everywhere else: inside the function that needs it.
TRAINING_SIDE = (
    "aed.explain",
    "aed.export",
    "aed.encoder",
    "aed.tree",
    "aed.features",
    "aed.model",
    "aed.model_folder",
    "aed.loss",
    "aed.pretrain",
    "aed.train",
    "aed.study",
    "aed.scorer.pytorch",
    "aed.sklearn",
    "aed.bench.leaves",
    "aed.bench.operations",
    "aed.bench.training",
    "aed.data.batches",
    "aed.data.frames",
    "aed.data.made_noise",
)


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def _package_and_floor(module: str) -> tuple[str, int]:
    found = [(name, floor) for floor, names in enumerate(FLOORS) for name in names if _inside(module, (name,))]
    if not found:
        pytest.fail(f"{module} is on no floor: give its package a place in FLOORS and in the README")
    return max(found, key=lambda place: len(place[0]))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _nodes(tree: ast.AST, *, at_start_only: bool) -> Iterator[ast.AST]:
    """Every node, or only those that run when the module is loaded."""
    for child in ast.iter_child_nodes(tree):
        if at_start_only and (
            isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_type_checking(child)
        ):
            continue
        yield child
        yield from _nodes(child, at_start_only=at_start_only)


@cache
def imports(module: str, *, at_start_only: bool) -> frozenset[str]:
    """Full names of the modules that a module imports; `from package import module` counts as the module."""
    found: set[str] = set()
    for node in _nodes(ast.parse(MODULES[module].read_text(encoding="utf-8")), at_start_only=at_start_only):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively: write the full name"
            base = node.module or ""
            names = {f"{base}.{alias.name}" for alias in node.names}
            found.update(name if name in MODULES else base for name in names)
    return frozenset(found)


def _loaded_with(module: str) -> set[str]:
    """All modules, ours and others', that loading one of ours loads."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in MODULES:
            waiting += imports(name, at_start_only=True)
            waiting += [".".join(name.split(".")[:end]) for end in range(1, name.count(".") + 1)]
    return seen


@pytest.mark.parametrize("module", [name for name in MODULES if name != FACADE])
def test_imports_point_downwards(module: str) -> None:
    package, floor = _package_and_floor(module)
    upward = []
    for imported in imports(module, at_start_only=False):
        if not _inside(imported, ("aed",)) or imported == FACADE:
            continue
        other_package, other_floor = _package_and_floor(imported)
        allowed = other_floor < floor or other_package == package or (package, other_package) in NEIGHBOURS
        if not allowed:
            upward.append(imported)
    assert not upward, f"{module} imports from its own floor or above: {upward}"


@pytest.mark.parametrize("module", [name for name in MODULES if not _inside(name, TRAINING_SIDE)])
def test_the_base_install_is_enough_outside_the_training_side(module: str) -> None:
    needed = {name.split(".")[0] for name in _loaded_with(module)} & TRAINING_EXTRA
    assert not needed, f"loading {module} loads {sorted(needed)}: import it inside the function that needs it"


@pytest.mark.parametrize("module", [name for name in MODULES if _inside(name, ("aed.detect", "aed.monitor"))])
def test_detection_never_knows_torch(module: str) -> None:
    named = {name.split(".")[0] for name in imports(module, at_start_only=False)}
    assert not named & {"torch", "torchaudio"}
    assert not imports(module, at_start_only=False) & {"aed.scorer.pytorch", "aed.model", "aed.model_folder"}


def test_no_package_is_a_drawer_for_everything() -> None:
    assert not {name for name in MODULES if name.split(".")[-1] in {"utils", "util", "common", "misc", "shared"}}


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import aed", TRAINING_EXTRA | {"numpy", "pydantic", "networkx", "typer", "rich"}),
        ("import aed.cli.main", TRAINING_EXTRA | {"pydantic", "networkx"}),
        ("import aed.api, aed.scorer.onnx", TRAINING_EXTRA | {"networkx", "pydantic"}),
    ],
)
def test_starting_is_light(statement: str, forbidden: frozenset[str]) -> None:
    program = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not forbidden & set(json.loads(answer.stdout))


def test_the_walk_sees_an_upward_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def late():\n    from aed.train import loop\n", encoding="utf-8")
    monkeypatch.setitem(MODULES, "aed.audio.wrong", wrong)
    with pytest.raises(AssertionError, match=r"aed\.audio\.wrong imports from its own floor or above: \['aed\.train"):
        test_imports_point_downwards("aed.audio.wrong")
