"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from aed.study import ledger

if TYPE_CHECKING:
    from aed.export.export import Export

# the same examples in every run, however slow the machine: a red test is the code's doing
settings.register_profile("aed", deadline=None, derandomize=True)
settings.load_profile("aed")


@pytest.fixture(scope="session", autouse=True)
def _no_look_in_the_checkouts_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Looks of tests go beside their runs, as where `aed` is installed from a wheel."""
    installed = tmp_path_factory.mktemp("installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "recipes_folder", lambda: installed / "recipes")
        yield


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with real recordings; skips the test where it is not set."""
    root = os.environ.get("AED_DATA_ROOT")
    if not root:
        pytest.skip("AED_DATA_ROOT is not set: no real recordings")
    path = Path(root)
    if not path.is_dir():
        pytest.fail(f"AED_DATA_ROOT={root} is not a folder")
    return path.resolve()


@pytest.fixture(scope="session")
def single_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Export]:
    """An untrained run with one label a clip, and its export, made once: that takes seconds."""
    pytest.importorskip("onnxscript", reason="needs the extra 'export'")
    from aed.export.export import export_model
    from tests.export.made_export import single_label_run

    folder = tmp_path_factory.mktemp("single_export")
    run = single_label_run(folder)
    return run, export_model(run, folder / "single.onnx")


@pytest.fixture(scope="session")
def multi_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Export]:
    """An untrained model with several labels a clip and pooled decisions, and its export in 8 bits."""
    pytest.importorskip("onnxscript", reason="needs the extra 'export'")
    from aed.export.export import export_model
    from tests.export.made_export import multi_label_model, noises

    folder = tmp_path_factory.mktemp("multi_export")
    model = multi_label_model(folder / "model")
    return model, export_model(model, folder / "multi.onnx", int8=True, calibrate_on=noises(folder / "noise", 6))
