"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from aed.study import ledger

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
