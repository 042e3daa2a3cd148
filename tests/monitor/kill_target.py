"""A monitor in a process of its own, to be killed: python kill_target.py CHECKOUT RECORDING FOLDER SPEED.

The tests' own modules are loaded by their files: a dependency has a package that is called `tests` too.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    checkout, recording, folder, speed = sys.argv[1:]
    from aed.detect.detector import DetectorConfig
    from aed.monitor.bus import Bus
    from aed.monitor.config import MonitorConfig
    from aed.monitor.console import Console
    from aed.monitor.service import Monitor
    from aed.monitor.store import Store

    scorer = load("fake_scorer", Path(checkout) / "tests" / "fake_scorer.py").small_scorer()
    config = MonitorConfig.model_validate(
        {
            "sources": {"room": f"file:{recording}"},
            "voices": "keep",
            "clips": {"pre_roll_seconds": 0.5, "post_roll_seconds": 0.2, "longest_seconds": 5},
        }
    )
    usual = DetectorConfig(smoothing="none", merge_gap_seconds=0.1, absorb_seconds=1.0)
    store, bus = Store(Path(folder)), Bus()
    console = Console(store, bus, is_json=True, out=lambda line: print(line, flush=True), err=lambda line: None)
    monitor = Monitor(config, scorer, usual, None, store, bus, [console], speed=float(speed))
    monitor.start()
    print("ready", flush=True)
    monitor.wait()
    monitor.close()
    store.close()


if __name__ == "__main__":
    main()
