from __future__ import annotations

import ctypes
import platform

import pytest

from aed.train import memory
from aed.train.memory import keep_freed_memory


class Recorder:
    """Passes calls on to the C library, and notes what it answers."""

    def __init__(self) -> None:
        self.answers: dict[int, int] = {}

    def mallopt(self, parameter: int, value: int) -> None:
        self.answers[parameter] = ctypes.CDLL(None).mallopt(parameter, value)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_glibc_accepts_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether memory is mapped in anew hangs on the heap's history, so that counting page faults would tell nothing."""
    recorder = Recorder()
    monkeypatch.setattr(memory, "ctypes", type("Ctypes", (), {"CDLL": lambda name: recorder}))
    keep_freed_memory()
    assert recorder.answers == {memory._M_TRIM_THRESHOLD: 1, memory._M_MMAP_THRESHOLD: 1}


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory, "ctypes", None)
    keep_freed_memory()
