"""How many workers a machine holds: one a core, as many as fit into memory; several small trainings on one GPU."""

from __future__ import annotations

import os
from pathlib import Path

WORKER_BYTES = 1_500_000_000
"""Memory of one worker: 1.22 GB measured (cell of ESC-10, 0.1 M encoder, consistency), and room for longer data."""
GPU_WORKERS = 6
"""Small trainings that share a GPU: each is bound by the processor that feeds it, and one alone leaves the GPU idle."""
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def default_workers(accelerator: str) -> int:
    """Return how many workers to start where nobody says, at least one.

    Args:
        accelerator: `cpu`, `cuda` or `auto`.
    """
    import torch

    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    return max(1, min(GPU_WORKERS if on_gpu else cores(), memory_bytes() // WORKER_BYTES))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or the limit that a container sets."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in _CGROUP_LIMITS if path.is_file()]
    return min([memory, *(int(limit) for limit in limits if limit.isdecimal())])
