"""How many workers a machine holds."""

from __future__ import annotations

import pytest
import torch

from aed.study import capacity
from aed.study.capacity import GPU_WORKERS, WORKER_BYTES, cores, default_workers, memory_bytes


def test_one_worker_a_core_as_far_as_memory_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: 8)
    for workers, memory in ((8, 100), (3, 3.5), (1, 0.2)):
        monkeypatch.setattr(capacity, "memory_bytes", lambda memory=memory: int(memory * WORKER_BYTES))
        assert default_workers("cpu") == workers


def test_several_workers_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 100 * WORKER_BYTES)
    monkeypatch.setattr(capacity, "cores", lambda: 16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_workers("cuda") == default_workers("auto") == GPU_WORKERS
    assert default_workers("cpu") == 16


def test_this_machine_holds_at_least_one() -> None:
    assert cores() >= 1
    assert memory_bytes() > 10**8
    assert default_workers("cpu") >= 1
