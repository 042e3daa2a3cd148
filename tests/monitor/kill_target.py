"""Monitors in processes of their own, to be killed: python kill_target.py CHECKOUT SPEED.

Python starts once: for each line on standard input, `[recording, folder, file to tell into]` as JSON, a child is forked
that runs a monitor, and its process id is printed; the next line comes when it is dead. The tests' own modules are
loaded by their files: a dependency has a package that is called `tests` too.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from aed.detect.detector import DetectorConfig
from aed.monitor.bus import Bus
from aed.monitor.config import MonitorConfig
from aed.monitor.memory.store import Store
from aed.monitor.service import Monitor
from aed.monitor.sources.file_source import FileSource
from aed.monitor.telling.console import Console


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(scorer: Any, speed: float, recording: str, folder: str, told: str) -> None:
    """Run a monitor; what it tells is appended to a file, a whole line in one write, so that a kill loses none."""
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    config = MonitorConfig.model_validate(
        {
            "sources": {"room": f"file:{recording}"},
            "voices": "keep",
            "clips": {"pre_roll_seconds": 0.5, "post_roll_seconds": 0.2, "longest_seconds": 5},
        }
    )
    usual = DetectorConfig(smoothing="none", merge_gap_seconds=0.1, absorb_seconds=1.0)
    store, bus = Store(Path(folder)), Bus()
    console = Console(store, bus, is_json=True, out=lambda line: _write(out, line), err=lambda line: None)
    monitor = Monitor(config, scorer, usual, None, store, bus, [console], speed=speed)
    monitor.start()
    _write(out, '"ready"')
    monitor.wait()
    monitor.close()
    store.close()


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


def main() -> None:
    scorer = load("fake_scorer", Path(sys.argv[1]) / "tests" / "fake_scorer.py").small_scorer()
    speed = float(sys.argv[2])
    assert FileSource  # what a child needs is loaded before it is forked
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(scorer, speed, *json.loads(line))
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
