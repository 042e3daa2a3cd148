"""What every training test needs: decoded clips kept away from the user's cache, one thread, a few clips."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny_corpus import write_corpus, write_multi_label_corpus


@pytest.fixture(autouse=True)
def _own_cache_and_one_thread(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of three labels in two folds."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def multi_label_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips with several labels in two folds."""
    return write_multi_label_corpus(tmp_path_factory.mktemp("multi_label_corpus"))
