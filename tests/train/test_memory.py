from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, torch
from aed.train.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
def step():
    return [torch.ones(2**20) for _ in range(16)]  # 64 MiB
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(keep: bool) -> int:
    """Of five steps that take and free 64 MiB each, in a process of its own."""
    program = _PROGRAM.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_is_not_mapped_in_again() -> None:
    handed_back = page_faults(keep=False)
    assert handed_back > 5_000
    assert page_faults(keep=True) < handed_back / 3
